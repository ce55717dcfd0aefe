"""Checksum files as sha256sum, its sisters and BSD systems write them: names, each with its checksum."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from posixpath import basename

from crawler.job_types.sums import listed_in
from crawler.manifest.rows.text import BadRow, lines
from crawler.model import Row

_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"  # RFC 9580 §7: headers follow, up to an empty line
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_LONGEST_SHOWN = 60


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """A row a file, with ``name`` and ``checksum``; blank lines, comments and a PGP signature are skipped."""
    called, in_head = basename(source), False
    for line in lines(stream, source):
        if isinstance(line, BadRow):
            yield line
            continue
        text = line.text.rstrip("\r\n")
        if text == _SIGNATURE:
            return
        if text == _SIGNED or in_head:
            in_head = bool(text.strip())
            continue
        if not text.strip() or text.startswith("#"):
            continue
        found = listed_in(text, called)
        if found is None:
            shown = repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")
            message = f"expected a checksum and a name, as sha256sum writes them, found {shown}"
            yield BadRow(source, line.number, message)
        else:
            name, checksum = found
            fields = {"name": name.removeprefix("./"), "checksum": str(checksum)}
            yield Row(fields, source, line.number, own=True)
