"""What a row has of its own: from the columns that ``from`` names, or that its format brings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crawler.errors import TemplateFailed
from crawler.job_types.prepare import Values
from crawler.job_types.spec import DownloadRowsSpec, RowsSpec
from crawler.model import Row
from crawler.request import Pairs
from crawler.syntax.headers import header_name_problem, header_value_problem
from crawler.syntax.template import Template, Text, as_text

# Hex digits to the algorithm that such a hash most likely is, as checksum files are read.
_BARE = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True)
class Own:
    """What a row says of its file; ``None`` and nothing leave it to the job."""

    to: str | None = None
    checksum: str | None = None
    mirrors: tuple[str, ...] = ()
    headers: Pairs = ()


def names_columns(rows: RowsSpec) -> bool:
    """Whether ``from`` names columns beside that of the URL."""
    own = (rows.to, rows.checksum, rows.mirrors) if isinstance(rows, DownloadRowsSpec) else ()
    return bool(rows.headers) or any(own)


def own_of(row: Row, rows: RowsSpec, values: Values) -> Own:
    """What the row has of its own. Raises ``TemplateFailed`` for a missing column or an unusable value."""
    fields = row.fields if row.own else {}
    headers = tuple(_headers(row, rows, values))
    if not isinstance(rows, DownloadRowsSpec):
        return Own(headers=headers)
    to = _text(row, rows.to, values) if rows.to is not None else fields.get("to")
    checksum = _text(row, rows.checksum, values) if rows.checksum is not None else fields.get("checksum")
    if rows.mirrors:
        mirrors = [url for given in rows.mirrors for url in _urls(_value(row, given, values), given)]
    else:
        mirrors = _urls(fields.get("mirrors"), "mirrors")
    return Own(
        to=None if to is None else str(to),
        checksum=None if checksum is None else _named(str(checksum)),
        mirrors=tuple(mirrors),
        headers=headers,
    )


def _value(row: Row, given: Text, values: Values) -> object:
    if isinstance(given, Template):
        return given.render(values)
    if given not in row.fields:
        columns = ", ".join(map(str, list(row.fields)[:20]))
        raise TemplateFailed(f"the row has no column {given!r}; it has {columns or 'none'}")
    return row.fields[given]


def _text(row: Row, given: Text, values: Values) -> str | None:
    """The value as text; ``None`` for null and for nothing but white space."""
    value = _value(row, given, values)
    if value is None:
        return None
    shown = given if isinstance(given, str) else given.source
    return as_text(value, shown).strip() or None


def _urls(value: object, given: Text) -> list[str]:
    """URLs in a list, or in a text with white space between them, which no URL has inside."""
    if value is None:
        return []
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return list(value)
    shown = given if isinstance(given, str) else given.source
    raise TemplateFailed(f"{shown}: expected URLs, found {str(value)[:60]!r}")


def _headers(row: Row, rows: RowsSpec, values: Values) -> Iterable[tuple[str, str]]:
    """Those that ``from`` names, then those of the row's format under other names."""
    named = {name.lower() for name in rows.headers}
    pairs = [(name, _text(row, given, values)) for name, given in rows.headers.items()]
    brought = row.fields.get("headers") if row.own else None
    if isinstance(brought, list | tuple):
        pairs += [(name, value) for name, value in brought if name.lower() not in named]
    for name, value in pairs:
        if value is None:
            continue
        if problem := header_name_problem(name) or header_value_problem(value):
            raise TemplateFailed(f"header {name[:60]}: {problem}")
        yield name, value


def _named(checksum: str) -> str:
    """``algorithm:hex``; bare hex gets the algorithm of its length."""
    if ":" not in checksum and len(checksum) in _BARE and _HEX.issuperset(checksum):
        return f"{_BARE[len(checksum)]}:{checksum}"
    return checksum
