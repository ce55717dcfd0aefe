"""A server on every loopback address that does as a test says and knows when each request arrived."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

SO_TIMESTAMPNS = 35  # Linux: the kernel says when a piece arrived; Python has no name for it
PIECE = 64 * 1024


@dataclass(slots=True)
class Arrival:
    """One request; times in seconds since the epoch."""

    host: str  # the loopback address it was sent to
    method: str
    path: str
    arrived: float  # its first byte, by the kernel's clock: a busy test machine makes no difference
    order: int  # of all the host has got, from 0
    again: int  # how often the host had got this path before
    size: int = 0  # bytes of body received
    body: bytes = b""  # its beginning
    answered: float | None = None  # just before the answer left
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with, after ``hold`` seconds; if ``cut``, with half of its body."""

    status: int = 200
    body: bytes = b"fine\n"
    headers: tuple[tuple[str, str], ...] = ()
    hold: float = 0.0
    cut: bool = False


Script = Callable[[Arrival], Reply | None]
"""``None`` never answers."""


def fine(arrival: Arrival) -> Reply:
    """Everything is in order."""
    return Reply()


@dataclass
class Arrivals:
    """``with Arrivals(script) as server: server.url(host, path)``; one thread a connection."""

    script: Script = fine
    log: list[Arrival] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("0.0.0.0", 0), backlog=1024)
        # Inherited by what is accepted: a first request may be there before its thread is.
        self._listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._paths: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._orders: defaultdict[str, int] = defaultdict(int)
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The URL of a path on one of the loopback addresses."""
        return f"http://{host}:{self.port}{path}"

    def has(self, count: int) -> bool:
        """Whether so many requests have arrived."""
        return len(self.log) >= count

    def of(self, host: str = "127.0.0.1") -> list[Arrival]:
        """What one host got, by time."""
        with self._lock:
            return sorted((each for each in self.log if each.host == host), key=lambda each: each.arrived)

    def gaps(self, host: str = "127.0.0.1") -> list[float]:
        """Seconds between one request to the host and the next."""
        return [later.arrived - earlier.arrived for earlier, later in pairwise(self.of(host))]

    def at_once(self, host: str = "127.0.0.1") -> int:
        """The most requests that the host had got and not yet answered at one moment."""
        return most_at_once(self.of(host))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="arrivals", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host = connection.getsockname()[0]
            while (arrival := self._receive(connection, host)) is not None:
                reply = self.script(arrival)
                if reply is None:
                    self._closing.wait()
                    break
                time.sleep(reply.hold)
                arrival.answered = time.time()
                connection.sendall(_wire(reply, arrival.method))
                if reply.cut:
                    break
        with self._lock:
            self._open.discard(connection)

    def _receive(self, connection: socket.socket, host: str) -> Arrival | None:
        """The next request, its body read; ``None`` when the client has left."""
        first, ancillary, _, _ = connection.recvmsg(1, 256)
        if not first:
            return None
        arrived = _kernel_time(ancillary)
        head = bytearray(first)
        while b"\r\n\r\n" not in head:
            if not (piece := connection.recv(PIECE)):
                return None
            head += piece
        lines, _, body = bytes(head).partition(b"\r\n\r\n")
        first_line, *fields = lines.decode("latin-1").split("\r\n")
        method, path, *_ = first_line.split()
        arrival = self._log(host, method, path, arrived)
        split = (each.partition(":") for each in fields)
        arrival.headers = {name.strip().lower(): value.strip() for name, _, value in split}
        arrival.size, arrival.body = _read_body(connection, lines, body)
        return arrival

    def _log(self, host: str, method: str, path: str, arrived: float) -> Arrival:
        with self._lock:
            arrival = Arrival(host, method, path, arrived, self._orders[host], self._paths[host, path])
            self._orders[host] += 1
            self._paths[host, path] += 1
            self.log.append(arrival)
        return arrival


def most_at_once(arrivals: Iterable[Arrival]) -> int:
    """The most of these requests that were there and unanswered at one moment."""
    moments = []
    for each in arrivals:
        moments.append((each.arrived, 1))
        moments.append((each.answered or float("inf"), -1))
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _kernel_time(ancillary: list[tuple[int, int, bytes]]) -> float:
    for level, kind, payload in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", payload[:16])
            return float(seconds) + float(nanoseconds) / 1e9
    return time.time()


def _read_body(connection: socket.socket, head: bytes, there: bytes) -> tuple[int, bytes]:
    length = 0
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    received, kept = len(there), there
    while received < length:
        piece = connection.recv(PIECE)
        if not piece:
            break
        received += len(piece)
        if len(kept) < PIECE:
            kept += piece
    return received, kept


def _wire(reply: Reply, method: str) -> bytes:
    fields = [*reply.headers, ("Content-Length", str(len(reply.body)))]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    body = b"" if method == "HEAD" else reply.body[: len(reply.body) // (1 + reply.cut)]
    return f"HTTP/1.1 {reply.status} Said\r\n{head}\r\n".encode("latin-1") + body
