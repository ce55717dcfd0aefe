"""What the tests of the archive share; warcio, which we do not write with, reads what was written."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from crawler.store.warc.archive import Archive
from crawler.store.warc.exchange import ArchivedExchange, Provenance

ABOUT = Provenance(
    software="crawler/1.0",
    manifest="nightly",
    run_id="r1",
    robots="obey",
    operator="Ops <ops@example.org>",
    user_agent="acme (+mailto:ops@example.org)",
)
STARTED = 1_700_000_000.123456
ENDINGS = (".warc.gz", ".warc.gz.open")


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as warcio reads it."""

    kind: str
    url: str | None
    fields: dict[str, str]
    status_line: str | None
    headers: tuple[tuple[str, str], ...]
    content: bytes  # what follows the HTTP head, or the whole block

    def __getitem__(self, name: str) -> str:
        return self.fields[name]


def exchange(path: str = "/a", body: Any = b"hello", **fields: Any) -> ArchivedExchange:
    length = len(body) if isinstance(body, bytes) else body.length
    values: dict[str, Any] = {
        "url": f"http://example.org{path}",
        "started": STARTED,
        "request_line": f"GET {path} HTTP/1.1".encode(),
        "request_headers": ((b"Host", b"example.org"), (b"Accept", b"*/*")),
        "status_line": b"HTTP/1.1 200 OK",
        "response_headers": (
            (b"Content-Type", b"text/html; charset=utf-8"),
            (b"Content-Length", str(length).encode()),
        ),
        "body": body,
        **fields,
    }
    return ArchivedExchange(**values)


@asynccontextmanager
async def archive(root: Path, name: str = "site", **options: Any) -> AsyncIterator[Archive]:
    opened = await Archive.open(root, "warc", name, **{"about": ABOUT, "durability": "none", **options})
    try:
        yield opened
    finally:
        await opened.close()


def names(root: Path, ending: str = "") -> list[str]:
    return sorted(path.name for path in (root / "warc").iterdir() if path.name.endswith(ending))


def only_file(root: Path) -> Path:
    (name,) = names(root, ".warc.gz")
    return root / "warc" / name


def seen(*paths: Path) -> list[Seen]:
    """Every record, its digests checked by warcio and its member followed by nothing unexpected."""
    records = []
    for path in paths:
        with path.open("rb") as file:
            each = ArchiveIterator(file, check_digests="raise")
            records += [_seen(record) for record in each]
            assert each.err_count == 0
    return records


def _seen(record: Any) -> Seen:
    content = record.raw_stream.read()
    http = record.http_headers
    assert record.digest_checker.passed is (None if record.rec_type == "revisit" else True)
    return Seen(
        record.rec_type,
        record.rec_headers.get_header("WARC-Target-URI"),
        dict(record.rec_headers.headers),
        f"{http.protocol} {http.statusline}" if http else None,
        tuple(http.headers) if http else (),
        content,
    )


def everything(root: Path) -> list[Seen]:
    return seen(*(root / "warc" / name for name in names(root, ".warc.gz")))


def bodies(records: Iterable[Seen]) -> dict[str | None, bytes]:
    return {record.url: record.content for record in records if record.kind == "response"}


def index(path: Path) -> list[tuple[str, str, dict[str, str]]]:
    """The lines of a file's CDXJ index; each must lead to the record it tells of."""
    lines = path.with_name(path.name.removesuffix(".warc.gz") + ".cdxj").read_bytes().splitlines()
    assert lines == sorted(lines)
    found = []
    for line in lines:
        key, stamp, fields = line.decode().split(" ", 2)
        told = json.loads(fields)
        start = int(told["offset"])
        member = gzip.decompress(path.read_bytes()[start : start + int(told["length"])])
        assert f"WARC-Target-URI: {told['url']}\r\n".encode() in member
        assert told["filename"] == path.name
        found.append((key, stamp, told))
    return found


def warcio_check(*paths: Path) -> tuple[int, str]:
    """The exit code and output of ``warcio check``."""
    command = [sys.executable, "-m", "warcio.cli", "check", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr
