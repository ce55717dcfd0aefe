"""The fields of a document: what CSS selectors find in HTML, and JMESPath in JSON, as typed values."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crawler.pages.charset import encoding, json_text
from crawler.pages.field_values import FieldType, NotOfType, Value, converted
from crawler.pages.nesting import out_of_proportion
from crawler.pages.node_text import node_text
from crawler.pages.references import Base, base, rebased

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_BYTES = 16 * 1024 * 1024
"""Beyond this a document is not read; its tree takes about ten times as much memory."""
_SHOWN = 80  # characters of what was found, in a problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: either ``css`` or ``jmespath`` is given; ``attribute`` instead of the element's text.

    ``many`` takes all that is found as a list, else the first counts. ``required``: to find nothing is a
    problem, else it is ``default`` (of ``many``: the empty list, if that is None).
    """

    name: str
    css: str | None = None
    jmespath: str | None = None
    attribute: str | None = None
    many: bool = False
    type: FieldType = "text"
    required: bool = False
    default: Value = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """A value for each field by its name, the default where there is a problem, and what is wrong."""

    values: dict[str, Value]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why fields of one kind cannot be read from this document."""

    reason: str


def query_problem(wanted: Field) -> str | None:
    """What is wrong with the field's query, as a sentence, or ``None``; loads the library for it."""
    if (wanted.css is None) == (wanted.jmespath is None):
        return f"field {wanted.name!r}: expected one of css and jmespath"
    if wanted.jmespath is not None:
        from jmespath.exceptions import JMESPathError

        try:
            _compiled(wanted.jmespath)
        except JMESPathError:
            return f"field {wanted.name!r}: not a JMESPath expression: {wanted.jmespath!r}"
        return None
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        LexborHTMLParser("").css(wanted.css or "")
    except SelectolaxError:
        return f"field {wanted.name!r}: not a CSS selector: {wanted.css!r}"
    return None


def extract(
    body: bytes, content_type: str | None, url: str, fields: Sequence[Field], *, max_bytes: int = MAX_BYTES
) -> Extracted:
    """The fields of the document at the absolute ``url``; what is missing or wrong is a problem.

    Raises ValueError for a ``url`` that is not http or https.
    """
    document = Document(body, content_type, url, max_bytes)
    values: dict[str, Value] = {}
    problems: list[str] = []
    for wanted in fields:
        value, wrong = read(document.found(wanted), wanted, document.here)
        values[wanted.name] = value
        problems += [f"{url}: field {wanted.name!r}: {reason} ({_query(wanted)})" for reason in wrong]
    return Extracted(values, tuple(problems))


def read(
    found: Sequence[object] | Unreadable,
    wanted: Field,
    here: Base,
    shown: Callable[[object], str] | None = None,
) -> tuple[Value, list[str]]:
    """The field's value from what was found for it in the document ``here``, and what is wrong with it.

    ``shown`` is how a problem quotes what is not of the field's type.
    """
    missing: Value = [] if wanted.many and wanted.default is None else wanted.default
    if isinstance(found, Unreadable):
        return missing, [found.reason] if wanted.required else []
    values: list[Value] = []
    wrong: list[str] = []
    for one in found if wanted.many else found[:1]:
        try:
            values.append(converted(one, wanted.type, here))
        except NotOfType:
            wrong.append(f"expected {wanted.type}, found {(shown or _shown)(one)}")
    if wanted.many:
        empty = not values and not wrong and wanted.required
        return values or missing, [*wrong, "required, found nothing"] if empty else wrong
    if values:
        return values[0], []
    return missing, wrong or (["required, found nothing"] if wanted.required else [])


@dataclass(slots=True)
class Document:
    """A body that is parsed once, when the first field asks for it."""

    body: bytes
    content_type: str | None
    url: str
    max_bytes: int
    here: Base = field(init=False)
    _parsed: Any = None

    def __post_init__(self) -> None:
        self.here = base(self.url)  # JSON is UTF-8

    def found(self, wanted: Field) -> list[object] | Unreadable:
        """What the field's query finds: texts, or JSON values."""
        if len(self.body) > self.max_bytes:
            return Unreadable(f"the document has {len(self.body)} bytes, more than {self.max_bytes}")
        kind = (self.content_type or "").partition(";")[0].strip().lower()
        is_json = kind.endswith(("/json", "+json")) or (not kind and self.body.lstrip()[:1] in (b"{", b"["))
        if is_json != (wanted.jmespath is not None):
            return Unreadable(f"expected {'HTML' if is_json else 'JSON'}, found {kind or 'another document'}")
        if self._parsed is None:
            self._parsed = self._json() if is_json else self._tree()
        if isinstance(self._parsed, Unreadable):
            return self._parsed
        return _in_json(self._parsed[0], wanted) if is_json else _in_tree(self._parsed, wanted)

    def _json(self) -> tuple[object] | Unreadable:
        try:
            return (json.loads(json_text(self.body, self.content_type)),)
        except (ValueError, RecursionError) as error:
            return Unreadable(f"not JSON: {error}")

    def _tree(self) -> LexborHTMLParser | Unreadable:
        from selectolax.lexbor import LexborHTMLParser, SelectolaxError

        codec = encoding(self.body, self.content_type)
        self.here = base(self.url, codec)
        text = self.body.decode(codec, "replace").removeprefix("\ufeff")
        if out_of_proportion(text):
            return Unreadable("the document's elements are nested too deep")
        try:
            tree = LexborHTMLParser(text)
        except SelectolaxError as error:
            return Unreadable(f"not HTML: {error}")
        given = tree.css_first("base[href]")
        if given is not None:
            self.here = rebased(self.here, given.attributes.get("href") or "")
        return tree


def _in_tree(tree: LexborHTMLParser, wanted: Field) -> list[object]:
    nodes = tree.css(wanted.css or "")
    read = [_of_node(node, wanted) for node in (nodes if wanted.many or wanted.attribute else nodes[:1])]
    return [text for text in read if text is not None]


def _of_node(node: LexborNode, wanted: Field) -> str | None:
    if wanted.attribute is not None:
        attributes = node.attributes
        name = wanted.attribute.lower()
        return (attributes[name] or "") if name in attributes else None
    return (node.inner_html or "") if wanted.type == "html" else node_text(node)


def _in_json(document: object, wanted: Field) -> list[object]:
    from jmespath.exceptions import JMESPathError

    try:
        found = _compiled(wanted.jmespath or "").search(document)
    except (JMESPathError, RecursionError, TypeError, ValueError):
        return []  # a function that was given what it does not take: nothing to be found here
    if wanted.many and isinstance(found, list):
        return [one for one in found if one is not None]
    return [] if found is None else [found]


@lru_cache(maxsize=256)
def _compiled(expression: str) -> ParsedResult:
    import jmespath

    return jmespath.compile(expression)


def _query(wanted: Field) -> str:
    query = f"css: {wanted.css}" if wanted.css is not None else f"jmespath: {wanted.jmespath}"
    return f"{query}, attribute {wanted.attribute}" if wanted.attribute else query


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
