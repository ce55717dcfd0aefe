"""JSON that no terminal, log shipper or line reader can trip over: one line of ASCII."""

from __future__ import annotations

import json
import re

import msgspec

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encoder = msgspec.json.Encoder()


def dumps(value: object) -> bytes:
    """One value (dicts, lists, strings, numbers) as compact JSON without a newline.

    Everything but printable ASCII is escaped, so the bytes are safe to print and the text is kept
    exactly; only lone surrogates, which JSON readers refuse (RFC 8259 §8.2), become U+FFFD.
    """
    try:
        encoded = _encoder.encode(value)
    except UnicodeEncodeError:
        return _escaped(_repaired(value))
    return encoded if encoded.isascii() and b"\x7f" not in encoded else _escaped(value)


def _escaped(value: object) -> bytes:
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode("ascii")


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_repaired(item) for item in value]
    return value
