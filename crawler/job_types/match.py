"""Whether an answer is what was expected, purely: statuses, media types, header values, text and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

_STATUS_CLASS = re.compile(r"([1-5])xx", re.IGNORECASE)
_PLAIN = re.compile(r"[\w-]+")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)

StatusRange = tuple[int, int]  # both ends included


def status_range(value: object) -> StatusRange:
    """``200`` or ``2xx`` as a range. Raises ValueError that says what was expected."""
    text = str(value)
    if (match := _STATUS_CLASS.fullmatch(text)) is not None:
        first = int(match[1]) * 100
        return first, first + 99
    if not isinstance(value, bool) and text.isascii() and text.isdigit() and 100 <= int(text) <= 599:
        return int(text), int(text)
    raise ValueError(f"{text[:40]!r} is no status; expected 100 to 599, or a class such as 2xx")


def status_fits(status: int, wanted: Iterable[StatusRange]) -> bool:
    """Whether a status lies in one of the ranges."""
    return any(first <= status <= last for first, last in wanted)


def shown(wanted: Iterable[StatusRange]) -> str:
    """Ranges as a manifest writes them."""
    return ", ".join(str(first) if first == last else f"{first // 100}xx" for first, last in wanted)


def media_type(content_type: str) -> str:
    """The type without its parameters, lower case."""
    return content_type.partition(";")[0].strip().lower()


def media_type_fits(content_type: str, wanted: Iterable[str]) -> bool:
    """Whether a ``Content-Type`` is one of the wanted types; ``image/*`` stands for a family."""
    found = media_type(content_type)
    return any(fnmatchcase(found, each.strip().lower()) for each in wanted)


def text_fits(text: str, wanted: str) -> bool:
    """Whether the text holds ``wanted``: a substring, or after ``re:`` a regular expression."""
    if wanted.startswith("re:"):
        return re.search(wanted[3:], text) is not None
    return wanted in text


def check_pattern(wanted: str) -> None:
    """Raise ValueError if ``wanted`` begins with ``re:`` and no regular expression follows."""
    if wanted.startswith("re:"):
        try:
            re.compile(wanted[3:])
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None


def value_fits(value: str, wanted: str) -> bool:
    """Whether a header's value equals ``wanted``, or after ``re:`` holds that expression."""
    if wanted.startswith("re:"):
        return text_fits(value, wanted)
    return value.strip() == wanted.strip()


def decoded(body: bytes, content_type: str | None) -> str:
    """The body as text, by the charset that ``Content-Type`` names, else UTF-8; bad bytes are replaced."""
    named = _CHARSET.search(content_type or "")
    try:
        return body.decode(named[1] if named else "utf-8", "replace")
    except (LookupError, ValueError):  # a charset that Python does not know, or that is no text encoding
        return body.decode("utf-8", "replace")


def json_difference(expected: object, found: object, at: str = "$", *, quoted: bool = True) -> str | None:
    """Where ``found`` first fails to hold ``expected``, as a sentence; ``None`` if it holds it.

    Mappings may hold more keys than expected; lists must be equally long; ``true`` is not ``1``. Unless
    ``quoted`` the sentence does not say what was found.
    """
    if isinstance(expected, Mapping):
        return _mapping_difference(expected, found, at, quoted)
    if isinstance(expected, list | tuple):
        return _list_difference(expected, found, at, quoted)
    alike = isinstance(expected, bool) == isinstance(found, bool)
    if alike and expected == found:
        return None
    return f"{at} is {_found(found, quoted)}; expected {_brief(expected)}"


def _mapping_difference(
    expected: Mapping[object, object], found: object, at: str, quoted: bool
) -> str | None:
    if not isinstance(found, Mapping):
        return f"{at} is {_found(found, quoted)}; expected an object"
    for key, value in expected.items():
        if key not in found:
            return f"{at} has no key {str(key)!r}; expected {_brief(value)}"
        difference = json_difference(value, found[key], f"{at}{_step(key)}", quoted=quoted)
        if difference is not None:
            return difference
    return None


def _list_difference(
    expected: list[object] | tuple[object, ...], found: object, at: str, quoted: bool
) -> str | None:
    if not isinstance(found, list):
        return f"{at} is {_found(found, quoted)}; expected a list"
    if len(found) != len(expected):
        return f"{at} has {len(found)} items; expected {len(expected)}"
    for index, (wanted, value) in enumerate(zip(expected, found, strict=True)):
        difference = json_difference(wanted, value, f"{at}[{index}]", quoted=quoted)
        if difference is not None:
            return difference
    return None


def _step(key: object) -> str:
    """A key on the way to a value, as JSONPath writes it: quoted unless it is a plain word."""
    return f".{key}" if isinstance(key, str) and _PLAIN.fullmatch(key) else f"[{_brief(key)}]"


def _found(value: object, quoted: bool) -> str:
    return _brief(value) if quoted else "something else"


def _brief(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
