"""Names to addresses: by c-ares where aiodns is installed, else by the system on threads of their own."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

Dns = Literal["auto", "system"]

# Failed names that one channel is remembered to have asked for.
_MOST_FAILED = 10_000
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


def resolver_for(dns: Dns, threads: int) -> AbstractResolver:
    """``auto`` takes aiodns if it is installed; ``threads`` is for lookups by the system."""
    if dns == "auto":
        try:
            import aiodns  # noqa: F401  # aiohttp's resolver needs it, and says so with a RuntimeError only
        except ImportError:
            return SystemResolver(threads)
        return AresResolver()
    return SystemResolver(threads)


class SystemResolver(AbstractResolver):
    """``getaddrinfo``, which blocks: each lookup takes one of ``threads``.

    Loops would use fewer, and share them with other work: asyncio six on two cores, uvloop four.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The name's addresses, in the order to try them. Raises OSError."""
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._pool, look_up)
        except UnicodeError as error:  # a label of more than 63 characters (RFC 1035 §2.3.4)
            raise OSError(None, "not a valid host name") from error
        return [
            ResolveResult(
                hostname=host, host=_numeric(address), port=port, family=each, proto=protocol, flags=_NUMERIC
            )
            for each, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Drop what has not begun; what has cannot be interrupted."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _numeric(address: tuple[Any, ...]) -> str:
    scope = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{scope}" if scope else str(address[0])


class _Channel:
    """One c-ares channel, and how many lookups it is busy with."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.resolver = AsyncResolver(**options)
        self.failed: set[str] = set()
        self.busy = 0
        self.retired = False


class AresResolver(AbstractResolver):
    """aiodns, less its memory of failures.

    c-ares keeps a "no such name" for as long as the zone asks for (RFC 2308 §5), and a retry would only
    hear it again. So a name that failed is next asked for over a new channel, which costs 0.1 ms.
    ``options`` are ``aiodns.DNSResolver``'s; a timeout of 2 s for the first of three tries is c-ares's own.
    """

    def __init__(self, **options: Any) -> None:
        self._options = {"timeout": 2.0, "tries": 3, **options}
        self._channel = _Channel(self._options)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The name's addresses, in the order to try them. Raises OSError."""
        if host in self._channel.failed or len(self._channel.failed) >= _MOST_FAILED:
            await self._renew()
        channel = self._channel
        channel.busy += 1
        try:
            return await channel.resolver.resolve(host, port, family)
        except OSError:
            channel.failed.add(host)
            raise
        finally:
            channel.busy -= 1
            if channel.retired and not channel.busy:
                await channel.resolver.close()

    async def close(self) -> None:
        """End every lookup."""
        await self._channel.resolver.close()

    async def _renew(self) -> None:
        """Lookups under way end on the old channel; the last of them closes it."""
        old, self._channel = self._channel, _Channel(self._options)
        old.retired = True
        if not old.busy:
            await old.resolver.close()
