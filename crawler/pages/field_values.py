"""From what a page says to a value of the type that was asked for."""

from __future__ import annotations

import json
import re
from typing import Literal

from crawler.pages.references import Base, clean, resolve

FieldType = Literal["text", "html", "int", "float", "bool", "url"]
Value = str | int | float | bool | None | list["Value"]

_INT = re.compile(r"[+-]?[0-9]{1,100}\Z", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class NotOfType(Exception):
    """The text is no value of the type."""


def converted(found: object, kind: FieldType, here: Base) -> Value:
    """The value of what was found, text or JSON, as the type. Raises NotOfType.

    Numbers are written as in JSON, with a plus sign if need be; ``1,234`` is none, as it means two things.
    True and false are also ``yes no on off 1 0``. Other JSON than text is JSON again where text is wanted.
    """
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    if kind in ("text", "html"):
        return text
    text = text.strip()
    if kind == "int" and _INT.match(text):
        return int(text)
    if kind == "int" and isinstance(found, float) and found.is_integer():
        return int(found)
    if kind == "float" and _FLOAT.match(text):
        return float(text)
    if kind == "bool" and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if kind == "url" and text and (url := _absolute(text, here)):
        return url
    raise NotOfType


def _absolute(text: str, here: Base) -> str | None:
    reference, mark, fragment = clean(text).partition("#")
    url = resolve(here, reference)
    return None if url is None else url + mark + fragment
