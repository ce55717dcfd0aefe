"""The start tags of an HTML text in one linear pass, as the WHATWG tokenizer sees them, whatever the text.

There is no tree: a tree of hostile HTML may take memory and time that grow with the square of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# WHATWG HTML §13.2.5.32-40, from before-attribute-name to after-attribute-value-quoted. Each part takes all
# it can and gives nothing back, and the end of the text ends everything: no input is read twice.
SPACE = r" \t\n\f\r"
_VALUE = (
    rf"[{SPACE}]*+=[{SPACE}]*+"
    rf"(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|(?=>|\Z)|[^{SPACE}>][^{SPACE}>]*+)"
)
ATTRIBUTES = rf"(?:[{SPACE}/]++|(?:=[^{SPACE}/>=]*+|[^{SPACE}/>=]++)(?:{_VALUE})?+)*+"
_TAG = re.compile(rf"<[a-zA-Z][^{SPACE}/>]*+{ATTRIBUTES}")
_ATTRIBUTE = re.compile(
    rf"(=[^{SPACE}/>=]*+|[^{SPACE}/>=]++)"
    rf"(?:[{SPACE}]*+=[{SPACE}]*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|(?=>|\Z)|([^{SPACE}>][^{SPACE}>]*+)))?+"
)

# Elements whose content is text up to their end tag (§13.2.5.2-4). The content of iframe, noembed, noframes
# and noscript is read like any other: links in it serve readers, and crawlers, that do not run the rest.
_TEXT_ELEMENTS = {
    name: re.compile(rf"</{name}(?=[{SPACE}/>])", re.IGNORECASE)
    for name in ("style", "textarea", "title", "xmp")
}
_SCRIPT_TURN = re.compile(rf"<!--(?!-?>)|-->|<(/?)script(?=[{SPACE}/>])", re.IGNORECASE)
_COMMENT_END = re.compile(r"--!?>")

HIDING = frozenset({*_TEXT_ELEMENTS, "script", "plaintext"})
STYLE_TEXT = "#style"
_TOLD_APART = 3  # letters by which most names differ from those that are wanted

Tag = tuple[str, int, int]
"""A name in lower case, and where its attributes begin and end; ``STYLE_TEXT`` and where that text does."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as written: its name in lower case, its place in the text, and its value's."""

    name: str
    start: int
    end: int
    value_start: int
    value_end: int
    quoted: bool


class TagReader:
    """Reads the start tags of the ``names`` asked for, and of every other name where it is told to."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        rest = rf"({ATTRIBUTES})>?"
        other = r"(!--)|[!?][^>]*+"
        begins, wanted = any_case(names | HIDING)
        self._some = re.compile(rf"<(?:{begins}({wanted})(?=[{SPACE}/>]){rest}|{other})")
        tag = rf"(/?[a-z][^{SPACE}/>]*+){rest}|{other}|/[^>]*+"
        self._every = re.compile(f"<(?:{tag})", re.IGNORECASE)
        hiding = "|".join(sorted(HIDING))
        bare = rf'(?:/[a-z0-9]++|(?!{hiding})[a-z][a-z0-9]*+(?: class="[^"<>]*+")?+)>[^<]*+<'
        # It may end with nothing after its last "<": else the next search would go over the same tags again.
        self._telling = re.compile(f"<(?:{bare})*+(?:{tag}|)", re.IGNORECASE)

    def tags(self, text: str, *, every: bool = False, xml: bool = False, ends: bool = False) -> Iterator[Tag]:
        """The tags, in the text's order; of ``every`` name, or the wanted ones and what only hides text.

        Without ``every``, what looks like a tag within a skipped tag is taken for one; with it, tags that
        have nothing or a class only are left out where they need not be told. With ``xml``, ``<script/>``
        is an element without content (as in ``application/xhtml+xml``). With ``every`` and ``ends``, all
        come, and end tags too, as ``/name``.
        """
        pattern, size = self._every if ends else self._telling if every else self._some, len(text)
        position: int | None = 0
        while position is not None:
            start, position = position, None
            for match in pattern.finditer(text, start):
                name = match[1]
                if name is None:
                    if match[3]:
                        position = comment_end(text, match.end())
                        break
                    continue
                begin, end = match.span(2)
                if end == size:  # the text ended within the tag
                    return
                name = name.lower()
                if ends or name[0] != "/":
                    yield name, begin, end
                if name in HIDING and not (xml and text[end - 1] == "/"):
                    position = content_end(text, name, match.end())
                    if name == "style":
                        yield STYLE_TEXT, match.end(), len(text) if position is None else position
                    break


def any_case(names: Iterable[str]) -> tuple[str, str]:
    """A lookahead that nearly every other name fails, and a pattern for the names; both in any case.

    The lookahead knows the letters that may stand first, second and third: on a page of many tags, three
    sets of letters take half the time of the alternatives. The pattern is 3 times as fast as IGNORECASE.
    """
    by_letter: dict[str, list[str]] = {}
    for name in sorted(names):
        by_letter.setdefault(name[0], []).append("".join(_cased(letter) for letter in name[1:]))
    long = [name for name in sorted(names) if len(name) >= _TOLD_APART]
    begins = ["".join(_cased(*(name[place] for name in long)) for place in range(_TOLD_APART))]
    begins += ["".join(map(_cased, name)) + rf"[{SPACE}/>]" for name in sorted(names) if name not in long]
    return f"(?={'|'.join(begins)})", "|".join(
        f"{_cased(letter)}(?:{'|'.join(rest)})" for letter, rest in by_letter.items()
    )


def _cased(*letters: str) -> str:
    """A set of the letters in both cases."""
    return f"[{''.join(sorted({each for letter in letters for each in (letter, letter.upper())}))}]"


def comment_end(text: str, start: int) -> int | None:
    """Where a comment that begins with its text at ``start`` ends; ``None`` if it is the rest."""
    if text.startswith((">", "->"), start):
        return start
    found = _COMMENT_END.search(text, start)
    return found.end() if found else None


def content_end(text: str, name: str, start: int) -> int | None:
    """Where the end tag of an element that holds text begins; ``None`` if the rest is its text."""
    if name == "script":
        return _script_end(text, start)
    end_tag = _TEXT_ELEMENTS.get(name)
    found = end_tag.search(text, start) if end_tag else None
    return found.start() if found else None


def _script_end(text: str, start: int) -> int | None:
    """The end of a script, which may hold ``<!-- <script> </script> -->`` (§13.2.5.15-31)."""
    in_comment = in_inner_script = False
    for turn in _SCRIPT_TURN.finditer(text, start):
        found = turn.group()
        if found == "<!--":
            in_comment = True
        elif found == "-->":
            in_comment = in_inner_script = False
        elif turn.group(1):
            if not in_inner_script:
                return turn.start()
            in_inner_script = False
        elif in_comment:
            in_inner_script = True
    return None


def tag_end(text: str, start: int) -> int:
    """Where the start tag at ``start`` ends, or ``start`` if there is none."""
    match = _TAG.match(text, start)
    return match.end() if match else start


def values(attributes: str) -> dict[str, str]:
    """The raw values of a tag's attributes by their lower-case names; the first of two wins (§13.2.5.33)."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(attributes):
        found.setdefault(name if name.islower() else name.lower(), double or single or bare)
    return found


def attributes(text: str, tag: Tag) -> dict[str, Attribute]:
    """The attributes of a tag with their places in the text, by their names; the first of two wins."""
    found: dict[str, Attribute] = {}
    for match in _ATTRIBUTE.finditer(text, tag[1], tag[2]):
        group = match.lastindex or 1
        name = match[1].lower()
        span = match.span(group) if group > 1 else (match.end(), match.end())
        found.setdefault(name, Attribute(name, match.start(), match.end(), *span, quoted=group in (2, 3)))
    return found
