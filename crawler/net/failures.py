"""The one table from what aiohttp raises to the errors of this program.

::

    before a connection   DnsFailed · TlsFailed · BlockedAddress · TimedOut · ConnectFailed · TunnelRefused
    before the answer     TimedOut · ProtocolBroken · TlsFailed · ConnectFailed
    inside the body       TimedOut · Truncated · ProtocolBroken

Errors of our own that come through aiohttp wrapped (a file that changed while it was uploaded) are
unwrapped. What is in neither table is a bug, and passes through unchanged.
"""

from __future__ import annotations

import os
import socket
import ssl
import time

import aiohttp
from aiohttp import http_exceptions

from crawler.errors import (
    BlockedAddress,
    ConnectFailed,
    DnsFailed,
    ProtocolBroken,
    TaskError,
    TemplateFailed,
    TlsFailed,
    Truncated,
    TunnelRefused,
)
from crawler.net.exchange import Exchange
from crawler.net.printable import printable
from crawler.net.timeouts import timed_out
from crawler.policy import retry_after
from crawler.request import Timeouts

NETWORK_ERRORS = (aiohttp.ClientError, OSError)  # TimeoutError is an OSError

# The peer went away during the handshake; that says nothing about its identity.
_HANGUPS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


def before_answer(
    error: Exception, exchange: Exchange, timeouts: Timeouts, elapsed: float, where: str
) -> TaskError:
    """What a failure between the wish to connect and the end of the answer's head means.

    ``where`` is ``host:port``, ``elapsed`` the seconds since the attempt began.
    """
    if own := _our_own(error):
        own.sent = exchange.sent
        return own
    if exchange.checked.all_refused and not exchange.sent:
        addresses = ", ".join(dict.fromkeys(exchange.checked.refused))
        return BlockedAddress(
            f"{where} is at the private address {addresses}; this request may connect only to "
            f"{exchange.checked.reach.value} (see allow_private)"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error, exchange, where)
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return timed_out(error, timeouts, elapsed, sent=exchange.sent, answered=False)
    return _not_answered(error, exchange, where)


def _not_connected(error: aiohttp.ClientConnectorError, exchange: Exchange, where: str) -> TaskError:
    sent = exchange.sent  # by an earlier try of aiohttp's own, if at all
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return TlsFailed(f"the certificate of {where} does not verify: {printable(why)}", sent=sent)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return DnsFailed(f"{error.host} does not resolve: {_reason(error.os_error)}", sent=sent)
    if isinstance(error.os_error, ssl.SSLError) and not isinstance(error.os_error, _HANGUPS):
        return TlsFailed(f"no TLS with {where}: {_reason(error.os_error)}", sent=sent)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return ConnectFailed(
            f"no connection to the proxy {error.host}:{error.port}: {_reason(error.os_error)}", sent=sent
        )
    return ConnectFailed(f"no connection to {error.host}:{error.port}: {_reason(error.os_error)}", sent=sent)


def _not_answered(error: Exception, exchange: Exchange, where: str) -> TaskError:
    sent = exchange.sent
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _no_tunnel(error, where)
    if isinstance(error, aiohttp.ClientResponseError):
        return ProtocolBroken(f"{where} did not answer in HTTP/1.1: {_found(error.message)}", sent=sent)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        why = getattr(error, "description", None) or "expected an http or https URL with a host"
        return TemplateFailed(f"{where} cannot be requested: {printable(why)}")
    if isinstance(error.__cause__, ssl.SSLError) and not isinstance(error.__cause__, _HANGUPS):
        return TlsFailed(f"{where} ended the TLS connection: {_reason(error.__cause__)}", sent=sent)
    if not sent and isinstance(error, aiohttp.ClientConnectionError):
        return ConnectFailed(f"the proxy let go before a tunnel to {where} was open: {_reason(error)}")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return ConnectFailed(f"{where} closed the connection without an answer", sent=sent)
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return ConnectFailed(f"lost the connection to {where} before an answer: {_reason(error)}", sent=sent)
    return ProtocolBroken(f"{where}: {printable(error)}", sent=sent)


def _no_tunnel(error: aiohttp.ClientHttpProxyError, where: str) -> TaskError:
    """The proxy's answer to CONNECT: it refuses us, as it would plain http, or has no way there (5xx)."""
    reason = printable(error.message)
    if error.status >= 500:
        return ConnectFailed(f"the proxy opened no tunnel to {where}: {error.status} {reason}".rstrip())
    asked = error.headers.get("Retry-After") if error.headers is not None else None
    wait = None if asked is None else retry_after.parse(asked, time.time())
    return TunnelRefused(where, error.status, reason, wait)


def in_body(
    error: Exception, timeouts: Timeouts, elapsed: float, received: int, expected: int | None
) -> TaskError:
    """What a failure after the answer's head means; ``received`` counts bytes of the body on the wire."""
    if isinstance(error, TaskError):
        return error
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return timed_out(error, timeouts, elapsed, sent=True, answered=True)
    cut = error
    if isinstance(error, aiohttp.ClientPayloadError) and error.__cause__ is not None:
        cut = error.__cause__  # type: ignore[assignment]  # what the parser found
    if isinstance(cut, http_exceptions.TransferEncodingError | http_exceptions.ContentLengthError):
        return truncated(received, expected)
    if isinstance(cut, http_exceptions.HttpProcessingError):
        return ProtocolBroken(
            f"the body's framing is malformed: {_found(cut.message)}", sent=True, answered=True
        )
    return truncated(received, expected, _reason(cut))


def truncated(received: int, expected: int | None, why: str = "the connection was closed") -> Truncated:
    """The body ended early; both figures are in bytes on the wire."""
    of = f"{received} of {expected} bytes" if expected is not None else f"{received} bytes, without its end"
    return Truncated(f"the body was cut after {of}: {why}", sent=True, answered=True)


def _our_own(error: BaseException | None) -> TaskError | None:
    while error is not None:
        if isinstance(error, TaskError):
            return error
        error = error.__cause__
    return None


def _found(message: str) -> str:
    """The parser's finding without the arrow that it draws under it."""
    return printable(message.rstrip(" ^\n"))


def _reason(error: BaseException) -> str:
    """What the system said, without aiohttp's wrapping."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
        if error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
            text = os.strerror(error.errno)  # asyncio puts the address in place of the reason
    return printable(text or type(error).__name__)
