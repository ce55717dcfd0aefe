"""YAML 1.2 core from text to values that know where they stand, within fixed bounds.

Rules: the YAML 1.2.2 core schema (§10.3), no tags, no merge keys, one document.
"""

from __future__ import annotations

import re

from crawler.errors import ManifestInvalid, Problem
from crawler.syntax.compose import Composer, in_order
from crawler.syntax.nodes import Node, plain

__all__ = ["MAX_BYTES", "Node", "parse", "plain", "read"]

MAX_BYTES = 16 << 20

# What YAML 1.2.2 §5.1 calls printable; libyaml would name the rest by number only.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(text: bytes | str, file: str, *, allow_empty: bool = False) -> Node:
    """The one document in ``text``. Raises ``ManifestInvalid`` with every problem found.

    ``allow_empty`` turns a file without a document into a null node.
    """
    root, problems = read(text, file, allow_empty=allow_empty)
    if problems:
        raise ManifestInvalid(in_order(problems))
    return root


def read(text: bytes | str, file: str, *, allow_empty: bool = False) -> tuple[Node, list[Problem]]:
    """The same with what is wrong in single places, for whoever has more to say of the rest.

    Raises ``ManifestInvalid`` where nothing can be made of the text as a whole.
    """
    return Composer(file).compose(_decoded(text, file), allow_empty)


def _decoded(text: bytes | str, file: str) -> str:
    if len(text) > MAX_BYTES:
        raise ManifestInvalid([Problem(file, 0, 0, f"larger than {MAX_BYTES >> 20} MiB")])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode("utf-8")
            found = f"byte 0x{error.object[error.start]:02x}"
            raise _at(file, before, f"not UTF-8 text: found {found}; save the file as UTF-8") from None
    text = text.removeprefix("\ufeff")
    if bad := _UNPRINTABLE.search(text):
        found = f"U+{ord(bad[0]):04X}"
        raise _at(file, text[: bad.start()], f"found the character {found}, which YAML does not allow")
    return text


def _at(file: str, before: str, message: str) -> ManifestInvalid:
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", before)
    return ManifestInvalid([Problem(file, len(lines), len(lines[-1]) + 1, message)])
