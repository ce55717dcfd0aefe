"""aria2's input and session files: a line of tab-separated URLs, its options indented below it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase
from urllib.parse import unquote, urlsplit

from crawler.manifest.rows.text import BadRow, Line, lines
from crawler.model import Row

MOST_HEADERS = 1000
MOST_SOURCES = 1000
_HTTP = ("http://", "https://")
# Options that become headers (aria2c(1), HTTP Specific Options).
_HEADER_OPTIONS = {"referer": "Referer", "user-agent": "User-Agent"}
_PLAIN = ("out", "dir", "checksum")


@dataclass(slots=True)
class _Entry:
    line: int
    urls: list[str]
    options: dict[str, str] = field(default_factory=dict)
    headers: list[tuple[str, str]] = field(default_factory=list)
    bad: BadRow | None = None


def rows(stream: BufferedIOBase, source: str) -> Iterator[Row | BadRow]:
    """A row an entry: ``url``, ``mirrors``, and of its options ``to``, ``checksum`` and ``headers``.

    Read are ``out``, ``dir``, ``checksum``, ``header``, ``referer`` and ``user-agent``; the others steer
    aria2 itself. An entry with an option that cannot be read is bad.
    """
    entry: _Entry | None = None
    for line in lines(stream, source):
        if isinstance(line, BadRow):
            if entry is not None:
                lost = f"{line.message}; so the entry at line {entry.line} is left out"
                entry.bad = entry.bad or BadRow(source, line.line, lost)  # it may be one of its options
            else:
                yield line
            continue
        text = line.text.strip("\r\n")
        if not text.strip() or text.startswith("#"):
            continue
        if text[0] in " \t":
            if entry is None:
                yield BadRow(source, line.number, "an option without a URL above it")
            else:
                _note(entry, line, source)
            continue
        if entry is not None:
            yield _row(entry, source)
        entry = _Entry(line.number, [url for each in text.split("\t") if (url := each.strip())])
    if entry is not None:
        yield _row(entry, source)


def _note(entry: _Entry, line: Line, source: str) -> None:
    name, equals, value = line.text.strip().partition("=")
    name, value = name.strip().lower(), value.strip()
    problem = None
    if not equals:
        problem = f"expected an option as name=value, found {name[:60]!r}"
    elif name == "header":
        header, colon, content = value.partition(":")
        entry.headers.append((header.strip(), content.strip()))
        if not colon:
            problem = f"expected header=NAME: VALUE, found {header[:60]!r}"
        elif len(entry.headers) > MOST_HEADERS:
            problem = f"more than {MOST_HEADERS} headers"
            entry.headers.clear()
    elif name in _HEADER_OPTIONS or name in _PLAIN:
        entry.options[name] = value
    if problem is not None and entry.bad is None:
        entry.bad = BadRow(source, line.number, problem)


def _row(entry: _Entry, source: str) -> Row | BadRow:
    if entry.bad is not None:
        return entry.bad
    if len(entry.urls) > MOST_SOURCES:
        return BadRow(source, entry.line, f"more than {MOST_SOURCES} URLs of one file")
    # aria2 takes one file from ftp and http servers at once; what is left if none is http fails by its name.
    urls = [url for url in entry.urls if url.lower().startswith(_HTTP)] or entry.urls
    options, headers = entry.options, list(entry.headers)
    headers += [(header, options[name]) for name, header in _HEADER_OPTIONS.items() if name in options]
    fields: dict[str, object] = {"url": urls[0], "mirrors": urls[1:], "headers": headers}
    fields |= {name: options[name] for name in _PLAIN if name in options}
    if "checksum" in fields:
        algorithm, _, digest = options["checksum"].partition("=")
        fields["checksum"] = f"{algorithm}:{digest}"
    if (to := _to(urls[0], options)) is not None:
        fields["to"] = to
    return Row(fields, source, entry.line, own=True)


def _to(url: str, options: dict[str, str]) -> str | None:
    """Where aria2 would put it, below the output root: an absolute ``dir`` loses its slash, as in tar."""
    folder, out = options.get("dir", "").lstrip("/"), options.get("out", "")
    if not folder and not out:
        return None
    return posixpath.join(folder, out or _last_part(url))


def _last_part(url: str) -> str:
    try:
        return posixpath.basename(unquote(urlsplit(url).path)) or "index.html"
    except ValueError:
        return "index.html"  # no URL: the task says so
