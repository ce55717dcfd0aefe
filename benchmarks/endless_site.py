"""A generated site in a process of its own: pages made as they are asked for, each with ten links.

    python benchmarks/endless_site.py PORT PAGES TIMES EVERY

Page n links to the ten pages after 10 n, which make a tree of all PAGES, spread over folders of a thousand.
Writes the monotonic time of each EVERYth answer to the file TIMES, a line each.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import IO, cast

import uvloop

LINKS = 10
PATH = re.compile(rb"GET /\d+/(\d+) ")
FILLING = "<p>As much text as makes a page of two kilobytes or so.</p>\n" * 30


def path(number: int) -> str:
    """Where page ``number`` is."""
    return f"/{number // 1000}/{number}"


class Site(asyncio.Protocol):
    """One connection."""

    def __init__(self, pages: int, seen: Seen) -> None:
        self._pages, self._seen = pages, seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._asked = b""

    def data_received(self, data: bytes) -> None:
        """Answer each request whose end is here."""
        *requests, self._asked = (self._asked + data).split(b"\r\n\r\n")
        for request in requests:
            match = PATH.match(request)
            number = int(match[1]) if match else self._pages
            self._transport.write(self._answer(number) if number < self._pages else NOT_FOUND)

    def _answer(self, number: int) -> bytes:
        self._seen.count()
        first = number * LINKS + 1
        links = "".join(
            f'<li><a href="{path(each % self._pages)}">page {each}</a></li>\n'
            for each in range(first, first + LINKS)
        )
        body = f"<!DOCTYPE html>\n<title>{number}</title>\n<ul>\n{links}</ul>\n{FILLING}".encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Seen:
    """How many pages were asked for, and when each ``every``-th was."""

    def __init__(self, times: IO[str], every: int) -> None:
        self._times, self._every = times, every
        self._count = 0

    def count(self) -> None:
        """One more."""
        self._count += 1
        if self._count % self._every == 0:
            print(time.monotonic(), file=self._times, flush=True)


async def serve(port: int, pages: int, times: Path, every: int) -> None:
    """Never returns."""
    with times.open("w") as file:
        seen = Seen(file, every)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Site(pages, seen), "127.0.0.1", port, backlog=1024)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
