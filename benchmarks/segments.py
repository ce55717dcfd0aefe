"""One large file in segments against one stream, from a server that takes 30 ms for every read.

``python benchmarks/segments.py [--size 1GiB] [--segments 8]`` prints how long one stream and so many
segments take and the ratio of the two, then kills a download at half, goes on with it and prints how
many bytes were fetched twice. The server is a process of its own; the output goes to ``--folder``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

from crawler.syntax.units import size as parse_size

READ = 256 * 1024  # bytes of one read of the server
DELAY = 0.030  # seconds that it takes
ETAG = '"segments"'
_RANGE = re.compile(rb"\r\nrange: *bytes=(\d+)-(\d*)\r\n", re.IGNORECASE)
_BLOCK = hashlib.shake_256(b"segments").digest(READ - 8)


def content(start: int, end: int) -> bytes:
    """The file's bytes: every block differs, so that a splice never goes unseen."""
    first, last = start // READ, (end - 1) // READ
    whole = b"".join(number.to_bytes(8, "big") + _BLOCK for number in range(first, last + 1))
    return whole[start - first * READ : end - first * READ]


class SlowServer:
    """Serves one file at any path with ranges; ``/sent`` says how many body bytes it has written."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the client leaves."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"GET /sent "):
                    body = str(self._sent).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                else:
                    await self._file(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _file(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        asked, size = _RANGE.search(head), self._size
        start, end, status = 0, size, "200 OK"
        if asked is not None:
            start, end, status = int(asked[1]), int(asked[2] or size - 1) + 1, "206 Partial Content"
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {end - start}", f"ETag: {ETAG}"]
        lines += ["Accept-Ranges: bytes", f"Date: {formatdate(usegmt=True)}"]
        if asked is not None:
            lines.append(f"Content-Range: bytes {start}-{end - 1}/{size}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        for at in range(start, end, READ):
            await asyncio.sleep(DELAY)
            piece = content(at, min(end, at + READ))
            writer.write(piece)
            await writer.drain()
            self._sent += len(piece)


async def serve(size: int) -> None:
    """Print the port and serve until killed."""
    listener = await asyncio.start_server(SlowServer(size).answer, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


@contextmanager
def server(size: int) -> Iterator[str]:
    """Base URL of the slow server in a process of its own."""
    command = [sys.executable, __file__, "--serve", "--size", str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def sent(base: str) -> int:
    """Body bytes that the server has written so far."""

    async def ask() -> int:
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /sent HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        found = int(await reader.read(100))
        writer.close()
        return found

    return asyncio.run(ask())


def command(base: str, folder: Path, segments: int) -> list[str]:
    """The run that fetches the file into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "segments.yaml"
    manifest.write_text(
        f'version: 1\nhosts: {{"127.0.0.1": {{concurrency: {segments}}}}}\njobs:\n'
        f'  - {{name: big, type: download, urls: ["{base}/big.bin"], to: big.bin, segments: {segments}}}\n'
    )
    return [sys.executable, "-m", "crawler", "run", str(manifest), "-o", str(folder / "out"), "-q"]


def sha256(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def expected(size: int) -> str:
    """The SHA-256 of what the server serves."""
    digest = hashlib.sha256()
    for start in range(0, size, READ):
        digest.update(content(start, min(size, start + READ)))
    return digest.hexdigest()


def fetched(base: str, folder: Path, segments: int, right: str) -> float:
    """Seconds of a whole run. Raises if it fails or the file is not the one served."""
    began = time.perf_counter()
    subprocess.run(command(base, folder, segments), check=True)
    seconds = time.perf_counter() - began
    if sha256(folder / "out/big.bin") != right:
        raise RuntimeError(f"{folder}/out/big.bin is not what the server sent")
    return seconds


def killed_at_half(base: str, folder: Path, segments: int, size: int) -> int:
    """Kill a run once half of the file was sent; bytes that were sent until then."""
    before = sent(base)
    with subprocess.Popen(command(base, folder, segments)) as process:
        while sent(base) - before < size // 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    time.sleep(0.5)  # what was on its way when the connections broke still counts
    return sent(base) - before


def measure(size: int, segments: int, folder: Path) -> None:
    """Print what it takes."""
    mib, right = size / 2**20, expected(size)
    with server(size) as base:
        side_by_side = fetched(base, folder / "segments", segments, right)
        print(f"{segments} segments: {side_by_side:.1f} s, {mib / side_by_side:.0f} MiB/s", flush=True)
        first = killed_at_half(base, folder / "killed", segments, size)
        before = sent(base)
        fetched(base, folder / "killed", segments, right)
        rest = sent(base) - before
        twice = first + rest - size
        print(f"killed after {first / 2**20:.1f} MiB, {rest / 2**20:.1f} MiB when gone on with:", end=" ")
        print(f"{twice / 2**20:.1f} MiB fetched twice (what no checkpoint held yet)", flush=True)
        one = fetched(base, folder / "one", 1, right)
        print(f"one stream: {one:.1f} s, {mib / one:.0f} MiB/s; ratio {one / side_by_side:.1f}", flush=True)


def main() -> None:
    """Serve or measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=parse_size, default=2**30)
    parser.add_argument("--segments", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="a place on a real disk; by default a temporary one")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.size))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(options.size, options.segments, Path(folder))


if __name__ == "__main__":
    main()
