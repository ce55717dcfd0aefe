"""JSON whose numbers come out as they came in, and JMESPath expressions over it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from crawler.pages.charset import json_text

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

_SHOWN = 60  # characters of a body that is no JSON, in a problem


class _Exact(float):
    """A number with the digits that it was written with: a float alone keeps seventeen of them."""

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> _Exact:
        number = super().__new__(cls, text)
        number.text = text
        return number


_Exact.__name__ = "float"  # JMESPath's functions know the types of their arguments by name


def _as_written(number: object) -> msgspec.Raw:
    if isinstance(number, _Exact):
        return msgspec.Raw(number.text.encode("ascii"))
    raise TypeError(f"{type(number).__name__} is no JSON")


_DECODER: msgspec.json.Decoder[object] = msgspec.json.Decoder(float_hook=_Exact)
_ENCODER = msgspec.json.Encoder(enc_hook=_as_written)


def parse(body: bytes, content_type: str | None = None) -> object:
    """The document. Raises ValueError, as a sentence, for what is no JSON (RFC 8259)."""
    try:
        text = json_text(body, content_type)
    except ValueError as error:
        raise ValueError(f"the body is no JSON ({error})") from None
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        if "\\u" in text and (document := _with_half_characters(text)) is not None:
            return document[0]
        raise ValueError(f"the body is no JSON ({error}); it begins {text[:_SHOWN]!r}") from None


def line(value: object) -> bytes:
    """The value as one line of JSON, compact, its line break included."""
    return _ENCODER.encode(value) + b"\n"


def lines(values: Iterable[object]) -> bytes:
    """A line for each of the values."""
    return b"".join(map(line, values))


def search(expression: str, document: object) -> object:
    """What the expression finds, ``None`` for nothing. Raises ValueError, as a sentence, if it fails."""
    from jmespath.exceptions import JMESPathError

    try:
        return _compiled(expression).search(document)
    except (JMESPathError, RecursionError, TypeError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise ValueError(f"{expression!r} cannot be told of the body: {problem}") from None


def _with_half_characters(text: str) -> tuple[object] | None:
    r"""The document where text was cut in the middle of a character (``"\ud83d"``): U+FFFD takes its place.

    RFC 8259 §8.2 leaves it open what such JSON means, and no UTF-8 can hold it.
    """
    try:
        return (_mended(json.loads(text, parse_float=_Exact, parse_constant=_refuse)),)
    except (ValueError, RecursionError):
        return None


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    return value


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


@lru_cache(maxsize=256)
def _compiled(expression: str) -> ParsedResult:
    import jmespath

    return jmespath.compile(expression)
