"""Metalink 4 (RFC 5854) and 3: files, each with its mirrors, best first, and its strongest checksum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedIOBase

from crawler.job_types.digests import Checksum, parse_checksum
from crawler.job_types.sums import STRENGTH
from crawler.manifest.rows.pieces import pieces
from crawler.manifest.rows.text import BadRow
from crawler.model import Row
from crawler.pages.xml import Element, XmlBroken, elements

MOST_SOURCES = 1000  # URLs of one file; the longest public list of mirrors has some 300
_LAST = 1_000_000  # RFC 5854 §4.2.16.1: priorities end at 999999, and what has none comes last

_WRAPPERS = frozenset({"files", "resources", "verification"})  # Metalink 3 puts these around
_PLAIN = frozenset({"size", "version", "identity", "description", "language", "os", "publisher"})


@dataclass(slots=True)
class _File:
    sources: list[tuple[int, str]] = field(default_factory=list)
    hashes: list[tuple[str, str]] = field(default_factory=list)
    plain: dict[str, str] = field(default_factory=dict)


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """A row a file: ``url``, ``mirrors``, ``to`` and ``name`` (its name), ``checksum``, ``size`` and more."""
    found = _File()
    try:
        for element in elements(pieces(stream)):
            if element.path[-1] in _WRAPPERS:
                continue
            path = tuple(name for name in element.path if name not in _WRAPPERS)
            if element.path[0] != "metalink":
                yield BadRow(source, element.line, f"expected <metalink>, found <{element.path[0]}>")
                return
            if path == ("metalink", "file"):
                yield _row(element, found, source)
                found = _File()
            elif path[:-1] == ("metalink", "file"):
                _note(element, path[-1], found)
    except XmlBroken as error:
        yield BadRow(source, error.line, str(error))


def _note(element: Element, name: str, found: _File) -> None:
    text, attributes = element.text, element.attributes
    if name == "url" and len(found.sources) <= MOST_SOURCES:
        kind = attributes.get("type", "http")  # Metalink 3 lists torrents beside the files, by http too
        if kind.startswith("http") and text.lower().startswith(("http://", "https://")):
            found.sources.append((_rank(attributes), text))
    elif name == "hash" and len(found.hashes) < len(STRENGTH) * 2:
        found.hashes.append((attributes.get("type", ""), text))
    elif name in _PLAIN:
        found.plain.setdefault(name, text)


def _rank(attributes: Mapping[str, str]) -> int:
    """Small is good: the priority of Metalink 4, or 100 down to 0 of Metalink 3 turned round."""
    priority, preference = attributes.get("priority", ""), attributes.get("preference", "")
    if priority.isdecimal() and len(priority) < 7:
        return int(priority)
    if preference.isdecimal() and len(preference) < 7:
        return _LAST - int(preference)
    return _LAST


def _row(element: Element, found: _File, source: str) -> Row | BadRow:
    name = element.attributes.get("name", "").strip()
    if not name:
        return BadRow(source, element.line, "<file> has no name")
    if not found.sources:
        return BadRow(source, element.line, f"file {name[:200]!r} has no http(s) URL")
    if len(found.sources) > MOST_SOURCES:
        return BadRow(source, element.line, f"file {name[:200]!r} has more than {MOST_SOURCES} URLs")
    urls = [url for _, url in sorted(found.sources, key=lambda each: each[0])]
    fields: dict[str, object] = {**found.plain, "name": name, "to": name, "url": urls[0], "mirrors": urls[1:]}
    if found.hashes:
        strongest = _strongest(found.hashes)
        if strongest is None:
            kinds = ", ".join(sorted({kind[:20] or "without a type" for kind, _ in found.hashes}))
            message = f"file {name[:200]!r} has no hash that can be checked, only {kinds}"
            return BadRow(source, element.line, f"{message}; expected one of {', '.join(STRENGTH)}")
        fields["checksum"] = str(strongest)
    return Row(fields, source, element.line, own=True)


def _strongest(hashes: list[tuple[str, str]]) -> Checksum | None:
    usable = []
    for kind, digits in hashes:
        try:
            usable.append(parse_checksum(f"{kind}:{digits}"))
        except ValueError:
            continue
    return min(usable, key=lambda each: STRENGTH.index(each.algorithm), default=None)
