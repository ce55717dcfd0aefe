"""WARC 1.1 records (ISO 28500:2017), each a gzip member of its own (its annex D)."""

from __future__ import annotations

import re
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from crawler.store.warc.exchange import Provenance
from crawler.store.warc.payload import Payload, sha1, shown

FIELDS_TYPE = "application/warc-fields"

# Measured on the Python documentation: 30 % less time than zlib's default of 6, for 3 % more bytes.
_LEVEL = 5
_SAMPLE = 16 * 1024  # bytes; shorter payloads are cheap in any case
_PACKED = 0.97  # of its size: a sample that does not get smaller than that is packed already
_GZIP = 31  # zlib's name for a gzip wrapper around a window of 32 KiB
_CONFORMS = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"

_NOT_IN_URIS = re.compile(r"[^\x21-\x7e]+")
_USERINFO = re.compile(r"(?<=://)[^/?#@]*@")
_LINE_BREAKS = re.compile(r"[\r\n]+")

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record: its header, the block's beginning, and the payload that ends it."""

    kind: str
    record_id: str  # ``urn:uuid:…``
    url: str
    date: str
    payload_digest: str | None
    header: bytes
    block: bytes
    payload: Payload | None

    def member(self) -> Iterator[bytes]:
        """The record as one gzip member, in pieces. Raises as ``Payload.pieces``."""
        squeeze = zlib.compressobj(self._level(), zlib.DEFLATED, _GZIP)
        yield squeeze.compress(self.header + self.block)
        if self.payload is not None:
            for piece in self.payload.pieces():
                yield squeeze.compress(piece)
        yield squeeze.compress(b"\r\n\r\n") + squeeze.flush()

    def _level(self) -> int:
        """None for a payload that is packed already: images and the like, at 30 MB/s for nothing."""
        if self.payload is None or self.payload.length < _SAMPLE:
            return _LEVEL
        sample = self.payload.sample(_SAMPLE)
        return 0 if len(zlib.compress(sample, 1)) > _PACKED * len(sample) else _LEVEL


def record(
    kind: str,
    date: str,
    content_type: str,
    block: bytes,
    *,
    url: str = "",
    fields: Fields | None = None,
    payload: Payload | None = None,
    payload_digest: str | None = None,
    block_digest: str | None = None,
) -> Record:
    """A record of ``block`` and then ``payload``; ``block_digest`` is needed where there is a payload."""
    record_id = f"urn:uuid:{uuid.uuid4()}"
    head = [("WARC-Type", kind), ("WARC-Record-ID", f"<{record_id}>"), ("WARC-Date", date)]
    if url:
        head.append(("WARC-Target-URI", url))
    head += fields or []
    if payload_digest is not None:
        head.append(("WARC-Payload-Digest", payload_digest))
    head += [
        ("WARC-Block-Digest", block_digest or shown(sha1(block))),
        ("Content-Type", content_type),
        ("Content-Length", str(len(block) + (payload.length if payload else 0))),
    ]
    return Record(
        kind=kind,
        record_id=record_id,
        url=url,
        date=date,
        payload_digest=payload_digest,
        header=b"WARC/1.1\r\n" + warc_fields(head) + b"\r\n",
        block=block,
        payload=payload,
    )


def warcinfo(about: Provenance, filename: str, started: float) -> Record:
    """The first record of a file, which says where all others come from."""
    told = [
        ("software", about.software),
        ("format", "WARC File Format 1.1"),
        ("conformsTo", _CONFORMS),
        ("robots", about.robots),
        ("isPartOf", f"{about.manifest}, run {about.run_id}"),
        ("operator", about.operator),
        ("http-header-user-agent", about.user_agent),
    ]
    block = warc_fields([(name, value) for name, value in told if value is not None])
    return record("warcinfo", warc_date(started), FIELDS_TYPE, block, fields=[("WARC-Filename", filename)])


def warc_fields(pairs: Fields) -> bytes:
    """Lines of ``name: value``; a line break in a value becomes a space."""
    lines = [_LINE_BREAKS.sub(" ", f"{name}: {value}") for name, value in pairs]
    return "\r\n".join([*lines, ""]).encode("utf-8", "replace")


def warc_date(seconds: float) -> str:
    """Seconds since the epoch as a WARC-Date in microseconds (WARC 1.1 §5.4)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clean_uri(url: str) -> str:
    """The URL in printable ASCII, for it stands in a header line, without fragment or credentials."""
    return _NOT_IN_URIS.sub(
        lambda match: quote(match[0], safe="", errors="replace"),
        _USERINFO.sub("", url.partition("#")[0], count=1),
    )
