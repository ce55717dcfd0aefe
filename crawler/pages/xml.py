"""An XML document as its elements, one after another, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Element:
    """An element whose end was read; those inside it came before.

    ``path`` holds its name and those around it, outermost first: local names, but for a name in another
    namespace than its parent's, which keeps that as ``{namespace}name``. ``text`` is what stands before
    the first element inside, without surrounding white space; ``line`` is that of its start.
    """

    path: tuple[str, ...]
    text: str
    attributes: Mapping[str, str]
    line: int


class XmlBroken(Exception):
    """From ``line`` on the document cannot be read; the message says why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        super().__init__(reason)


def elements(chunks: Iterable[bytes]) -> Iterator[Element]:
    """Every element as it ends. Raises ``XmlBroken``.

    A document type declaration is refused, and with it every entity of its own (billion laughs, XXE);
    nothing outside the document is ever read; libxml2's limits hold (256 levels, 10 MB a text).
    """
    from lxml import etree

    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    trimmed = _Trimmed(chunks)
    reading = _Reading(trimmed)
    try:
        for chunk in trimmed:
            parser.feed(chunk)
            yield from reading.ended(parser.read_events())
            # A fault may be found and not raised, and the next piece then taken for a new document.
            for fault in parser.feed_error_log.filter_from_fatals():
                raise XmlBroken(fault.line + trimmed.lines, f"not XML: {fault.message}")
        parser.close()
    except etree.XMLSyntaxError as error:
        # What was whole before the fault is still to be told.
        yield from reading.ended(parser.read_events())
        line = (error.lineno or reading.line) + trimmed.lines
        raise XmlBroken(line, f"not XML: {_reason(error)}") from None
    yield from reading.ended(parser.read_events())


class _Trimmed:
    """The document without leading white space, which XML allows no document and many have."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.lines = 0  # that were left out

    def __iter__(self) -> Iterator[bytes]:
        begun = False
        for chunk in self._chunks:
            kept = chunk if begun else chunk.lstrip(_SPACE)
            self.lines += 0 if begun else chunk[: len(chunk) - len(kept)].count(b"\n")
            begun = begun or bool(kept)
            if kept:
                yield kept


class _Reading:
    """Turns the parser's events into elements, and drops each from the tree that lxml builds."""

    def __init__(self, trimmed: _Trimmed) -> None:
        self._trimmed = trimmed
        self._open: list[tuple[str, str]] = []  # namespace and path name of each element around
        self.line = 1

    def ended(self, events: Iterable[Any]) -> Iterator[Element]:
        for event, node in events:
            self.line = node.sourceline or self.line
            if event == "start":
                self._begin(node)
                continue
            yield Element(
                path=tuple([name for _, name in self._open]),
                text=(node.text or "").strip(),
                attributes={_local(name): value for name, value in node.attrib.items()},
                line=self.line + self._trimmed.lines,
            )
            self._open.pop()
            node.clear(keep_tail=False)
            parent = node.getparent()
            while parent is not None and node.getprevious() is not None:
                del parent[0]

    def _begin(self, node: Any) -> None:
        if not self._open and node.getroottree().docinfo.doctype:
            raise XmlBroken(
                self.line + self._trimmed.lines, "a document type declaration (DTD) is not accepted"
            )
        namespace, name = _split(node.tag)
        outer = self._open[-1][0] if self._open else namespace
        self._open.append((namespace, name if namespace == outer else f"{{{namespace}}}{name}"))


def _split(tag: str) -> tuple[str, str]:
    if not tag.startswith("{"):
        return "", tag
    namespace, _, name = tag[1:].partition("}")
    return namespace, name


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _reason(error: Any) -> str:
    """libxml2's words without the place, which is told apart."""
    return str(error.msg or "it ends early").partition(", line ")[0]
