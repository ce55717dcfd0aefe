"""Who is trusted, and as whom we appear, on https and wss."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable
from pathlib import Path

from crawler.errors import RunRefused
from crawler.net.settings import TransportSettings


def tls_context(settings: TransportSettings) -> Callable[[], ssl.SSLContext]:
    """What gives the context for the settings, each time the same one.

    Files that the settings name are read here; raises ``RunRefused`` if they cannot be used. The system's
    authorities are read when the context is first asked for, which takes some 20 ms: many runs never are
    on https.
    """
    if settings.tls_ca or settings.tls_client_cert:
        context = _context(settings)
        return lambda: context
    return functools.cache(lambda: _context(settings))


def _context(settings: TransportSettings) -> ssl.SSLContext:
    context = _trusting(settings.tls_ca)
    # Offering more than this would let a server answer in HTTP/2, which aiohttp does not speak.
    context.set_alpn_protocols(["http/1.1"])
    if settings.tls_client_cert:
        try:
            # An empty password makes an encrypted key fail instead of asking at a terminal nobody watches.
            context.load_cert_chain(settings.tls_client_cert, settings.tls_client_key, password="")
        except (OSError, ValueError) as error:
            raise RunRefused(
                f"tls.client_cert {settings.tls_client_cert}: {_why(error)}; "
                "expected a PEM certificate with its unencrypted private key (tls.client_key if separate)"
            ) from error
    return context


def _trusting(authorities: str | None) -> ssl.SSLContext:
    try:
        if authorities is not None and Path(authorities).is_dir():
            return ssl.create_default_context(capath=authorities)
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ValueError) as error:
        raise RunRefused(
            f"tls.ca {authorities}: {_why(error)}; expected a file or folder of PEM certificates"
        ) from error


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
