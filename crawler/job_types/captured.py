"""Values out of one answer, for jobs that come later: where each is found, and what it is read as."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crawler.errors import UnexpectedContent
from crawler.job_types import match
from crawler.net.transport import Response

if TYPE_CHECKING:  # most requests capture nothing
    from crawler.pages.extraction import Document, Field, Unreadable
    from crawler.pages.field_values import Value
    from crawler.pages.references import Base

_JSON, _HTML = "application/json", "text/html"


@dataclass(frozen=True, slots=True)
class Capture:
    """One value to take: by the ``field``'s own query, from a ``header``, or by a ``regex`` on the text."""

    field: Field
    header: str | None = None
    regex: str | None = None
    secret: bool = True

    @property
    def query(self) -> str:
        """Where it is looked for, as the manifest writes it."""
        kinds = {"header": self.header, "regex": self.regex, "css": self.field.css}
        kind = next((kind for kind, given in kinds.items() if given is not None), "jmespath")
        attribute = f", attribute: {self.field.attribute}" if self.field.attribute else ""
        return f"{kind}: {kinds.get(kind, self.field.jmespath)}{attribute}"


class Taking:
    """What is taken out of one answer, head first.

    ``keep`` gets all values so far, good or not, and the names of secret ones in the answer. It does so
    before anything else is said of the answer, which may quote a part of it.
    """

    def __init__(
        self,
        captures: Sequence[Capture],
        response: Response,
        keep: Callable[[Mapping[str, object], Set[str]], None],
    ) -> None:
        self.captures = captures
        self._response = response
        self._keep = keep
        self._values: dict[str, Value] = {}
        self._found: set[str] = set()  # the others have their defaults, or may be seen
        self._problems: list[str] = []

    @property
    def looks_inside(self) -> bool:
        """Whether it needs the body."""
        return any(each.header is None for each in self.captures)

    def head(self) -> None:
        """Take what the head holds."""
        for each in self.captures:
            if each.header is not None:
                value = self._response.headers.get(each.header)
                self._take(each, [] if value is None else [value])
        self._kept()

    def body(self, body: bytes) -> None:
        """Take what the body holds: JSON or HTML as the query says, whatever its declared type."""
        if not self.looks_inside:
            return
        from crawler.pages.extraction import Document

        declared = self._response.headers.get("Content-Type")
        documents: dict[str, Document] = {}
        for each in self.captures:
            if each.regex is not None:
                self._take(each, _matched(each.regex, match.decoded(body, declared)))
            elif each.header is None:
                kind = _JSON if each.field.jmespath is not None else _HTML
                if kind not in documents:
                    documents[kind] = Document(body, _as(kind, declared), self._response.url, len(body))
                document = documents[kind]
                self._take(each, document.found(each.field), document.here)
        self._kept()

    def refuse(self) -> None:
        """Raise ``UnexpectedContent`` if something was missing, or no value of its type."""
        if self._problems:
            raise UnexpectedContent("; ".join(self._problems), sent=True, answered=True)

    def _take(self, wanted: Capture, found: Sequence[object] | Unreadable, here: Base | None = None) -> None:
        """``here`` is what URLs are relative to, if not the answer's own."""
        from crawler.pages.extraction import Unreadable, read
        from crawler.pages.references import base

        name = wanted.field.name
        value, wrong = read(found, wanted.field, here or base(self._response.url), _kind)
        if isinstance(value, str) and not _sendable(value):
            value, wrong = wanted.field.default, ["expected text, found bytes that are none"]
        elif found and not wrong and wanted.secret and not isinstance(found, Unreadable):
            self._found.add(name)
        self._values[name] = value
        self._problems += [f"capture {name!r}: {reason} ({wanted.query})" for reason in wrong]

    def _kept(self) -> None:
        if self.captures:
            self._keep(self._values, self._found)


def _matched(pattern: str, text: str) -> list[str]:
    """The first group of the first match, or all of it if the expression has no group."""
    found = re.search(pattern, text)
    if found is None:
        return []
    value = found[1] if found.re.groups else found[0]
    return [] if value is None else [value]


def _as(kind: str, declared: str | None) -> str:
    """A media type with the declared one's parameters, such as its charset."""
    _, mark, parameters = (declared or "").partition(";")
    return kind + mark + parameters


def _sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: half a character of JSON, or a header that is not UTF-8
        return False
    return True


def _kind(found: object) -> str:
    """What was found, without quoting it: it may be secret."""
    if isinstance(found, str):
        return f"a text of {len(found)} characters"
    names = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(found), "something else")
