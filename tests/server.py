"""A real server on loopback that answers well or badly, as the path says, and remembers every request.

====================================== ====================================================================
``/file/<size>[/<seed>]``              deterministic bytes; strong ETag, Last-Modified, ranges, conditions;
                                       ``?delay=`` (s a read), ``?throttle=`` (bytes/s), ``?cut_after=``
``/versions/<name>``                   the file that ``set_file`` put there, with its switches (``Offer``)
``/echo…``                             JSON of what was received: method, target, path, query, headers, body
``/status/<code>``                     that status
``/slow/<seconds>``                    waits, then 200
``/flaky/<key>/<times>[/<status>]``    503 (or status) n times, then 200
``/retry-after/<s>/<status>/<times>``  that status with Retry-After n times, then 200; ``date+N`` for a date
``/counter/<name>[?answer=no]``        counts what is not GET; ``answer=no`` closes instead of answering
``/redirect/<n>`` ``/redirect-loop``   n hops then 200; hops for ever
``/redirect-to?url=…[&status=…]``      one hop to anywhere
``/cookies`` ``/cookies/set?a=b``      echo and set cookies (``&domain=``, ``&path=``)
``/digest/<kind>/<right|wrong>``       kind ``repr``, ``content``, ``old``, ``md5``: a digest header
``/login-page``                        200 text/html
``/wants-auth/<scheme>``               ``basic``, ``bearer``, ``digest``: user ``user``, secret ``secret``
``CONNECT host:port``, absolute URL    it plays a forward proxy: a tunnel; answers plain requests itself
-------------------------------------- --------------------------------------------------------------------
``/gzip`` ``/deflate`` ``/br``         ``encoded_body()`` in that coding, ``[/<size>]``; ``/gzip-members``
``/cut-gzip`` ``/cut-br`` ``/bad-crc`` coded body cut (length fits), checksum wrong; ``/not-gzip``
``/bomb/<MiB>``                        gzip of zeros
``/short[/<sent>/<declared>]``         fewer bytes than Content-Length
``/cut-chunk`` ``/cut-in-chunk``       chunked, closed between or inside chunks; ``/bad-chunk``
``/reset`` ``/reset-after/<n>``        TCP RST at once, or after n body bytes
``/hangup`` ``/then-close``            closed without an answer; after an answer that promised keep-alive
``/stall[/<n>]`` ``/stall-before``     nothing after headers and n bytes; nothing at all
``/drip/<bytes>/<ms>`` ``/endless``    a byte at a time; a body without an end
``/close-delimited``                   no length, the close is the end
``/big-header`` ``/early-hints-flood`` 100 KB in one header; 103 for ever
``/garbage`` ``/bad-length``           no HTTP; Content-Length -5
``/two-lengths``                       two Content-Lengths that differ; ``/length-and-chunked``
``/surplus``                           a second answer nobody asked for behind the first
-------------------------------------- --------------------------------------------------------------------
``/ws/echo`` ``/ws/silent``            echoes; answers nothing, not even pings
``/ws/ticks/<n>[?interval=s]``         n JSON texts, then close 1000; ``/ws/binary/<n>``
``/ws/drop/<n>`` ``/ws/close/<code>``  reset after n ticks; close frame with a code
``/ws/big/<bytes>`` ``/ws/ping``       one large message; a ping that wants its pong
``/ws/refuse`` ``/ws/wrong-accept``    403; a false handshake proof; ``/ws/bad-frame``, ``/ws/bad-text``;
                                       ``?protocol=`` chooses a subprotocol, offered or not
====================================== ====================================================================

Anything else is 404. ``python -m tests.server`` prints its base URL and serves until stdin closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import ssl
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.serving.behaved import BEHAVED, connect
from tests.serving.broken import BROKEN, EARLY, encoded_body
from tests.serving.shelf import OLD, Offer, Stored, file_bytes, file_sha256
from tests.serving.state import Answer, Route, State
from tests.serving.websocket import websocket
from tests.serving.wire import Exchange, Hangup, Pairs, Received, read_head

__all__ = ["Offer", "Received", "Server", "ThreadedServer", "encoded_body", "file_bytes", "file_sha256"]

ROUTES: dict[str, Route] = {**BEHAVED, **BROKEN, "ws": websocket}
LARGEST_HEAD = 1 << 20  # bytes of a request's head


class Server:
    """``async with Server() as server: server.url("/file/10")``; port 0 finds a free one."""

    def __init__(self, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.state = State()
        self.log: list[Received] = []  # every request, in order of arrival
        self.connections = 0  # accepted so far
        self.open_connections = 0
        self.in_flight = 0
        self.most_in_flight = 0  # requests being answered at the same time, at most
        self.on_request: Callable[[Received], None] | None = None  # called before each answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def base(self) -> str:
        """``http://127.0.0.1:port`` without a slash at the end."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.host}:{self.port}"

    def url(self, path: str) -> str:
        """The URL of a path."""
        return self.base + path

    def ws(self, path: str) -> str:
        """The ``ws:`` or ``wss:`` URL of a path."""
        return "ws" + self.base.removeprefix("http") + path

    def requests(self, path: str) -> list[Received]:
        """What came for one path (without query), in order."""
        return [request for request in self.log if request.path == path]

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        """WebSocket frames received, as (kind, payload)."""
        return self.state.messages

    def count(self, name: str) -> int:
        """How often ``/counter/<name>`` was delivered."""
        return self.state.counters[name]

    def set_file(
        self,
        name: str,
        data: bytes,
        *,
        etag: str | None = None,
        last_modified: float | None = OLD,
        weak: bool = False,
        no_validator: bool = False,
        no_etag: bool = False,
        **switches: object,
    ) -> Offer:
        """Put ``data`` at ``/versions/<name>``; the ETag (given without quotes) defaults to its hash.

        ``switches`` are fields of ``Offer``, which is given back and may be changed at any time.
        """
        tag = f'"{etag or hashlib.sha256(data).hexdigest()[:16]}"'
        offer = Offer(
            Stored(data),
            etag=None if no_validator or no_etag else f"W/{tag}" if weak else tag,
            last_modified=None if no_validator else last_modified,
        )
        for switch, value in switches.items():
            if not hasattr(offer, switch):
                raise TypeError(f"Offer has no switch {switch!r}")
            setattr(offer, switch, value)
        self.state.offers[name] = offer
        return offer

    def set_answer(self, path: str, body: bytes, *, status: int = 200, headers: Pairs = ()) -> None:
        """Answer every request for ``path`` with this, whatever its method."""
        self.state.answers[path] = Answer(status, body, headers)

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(
            self._connected, self.host, self.port, limit=LARGEST_HEAD, ssl=self.tls, backlog=1024
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        await asyncio.sleep(0)  # lets the tasks of connections just accepted begin, so that they are known
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writer.transport.set_write_buffer_limits(1)  # drain() waits until everything has left; 0 stalls TLS
        try:
            await self._converse(reader, writer, self.connections)
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass  # the peer left, or the route wants the connection gone
        except asyncio.CancelledError:
            writer.transport.abort()  # the server closes
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while (request := await read_head(reader, connection)) is not None:
            self.log.append(request)
            exchange = Exchange(request, reader, writer)
            name, *args = request.path.lstrip("/").split("/")
            if name not in EARLY:
                await exchange.read_body()
            if self.on_request is not None:
                self.on_request(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                await self._answer(exchange, name, args)
            finally:
                self.in_flight -= 1
            if (request.header("Connection") or "").lower() == "close" or request.version == "HTTP/1.0":
                return

    async def _answer(self, exchange: Exchange, name: str, args: list[str]) -> None:
        scripted = self.state.answers.get(exchange.request.path)
        if exchange.request.method == "CONNECT":
            await connect(exchange, self.state, args)
        elif scripted is not None:
            await exchange.answer(scripted.status, scripted.body, scripted.headers)
        elif route := ROUTES.get(name):
            try:
                await route(exchange, self.state, args)
            except (IndexError, ValueError, KeyError) as error:
                await exchange.answer(400, f"{name} wants other arguments: {error!r}\n".encode())
        else:
            await exchange.answer(404, b"no such page\n", type="text/plain")


class ThreadedServer:
    """``with ThreadedServer() as server``: the same on a thread of its own, for tests that block."""

    def __init__(self, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.server = Server(host, tls=tls, port=port)
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="test server", daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the test server did not start within 10 s")
        return self.server

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with self.server:
            self._ready.set()
            await self._stop.wait()


def main() -> None:
    """Serve until stdin closes."""
    parser = argparse.ArgumentParser(description="A misbehaving HTTP server for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with ThreadedServer(options.host, port=options.port) as server:
        print(server.base, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
