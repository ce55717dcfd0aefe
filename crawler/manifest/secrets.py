"""What a manifest holds that must never be shown: found while it loads, blotted out everywhere after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

from pydantic import BaseModel

from crawler.manifest.environ import mentioned
from crawler.syntax.template import Template

SHORTEST = 4  # characters; shorter values would blot out ordinary words

_TELLING = re.compile(r"token|secret|pass|key|auth|cred", re.IGNORECASE)
_SECRET_HEADER = re.compile(
    r"(?:proxy-)?authorization|cookie|x-api-key|.*-(?:token|secret|key)", re.IGNORECASE
)
_USERINFO = re.compile(r"//[^/?#\s@:]*:([^/?#\s]*)@")
_CREDENTIALS = frozenset({"password", "token"})

# Spec fields whose values travel in a request without being part of its URL's host and path.
_CARRIERS = frozenset({"headers", "cookies", "auth", "proxy", "params", "idempotency_key"}) | {
    *("json_", "form", "text", "data", "multipart", "fields", "send"),
}


def secrets(
    specs: Iterable[BaseModel], environment: Mapping[str, str], values: Mapping[str, object]
) -> frozenset[str]:
    """Every secret of the manifest; ``environment`` are the variables that it read, ``values`` its vars.

    An environment value is one if it travels in a request, or if its name says so.
    """
    found: set[str] = set()
    carried: set[str] = set()
    for spec in specs:
        for text, travels in _texts(spec, False, environment):
            if travels:
                carried.add(text)
            elif "?" in text:
                carried.add(text.partition("?")[2])
            if "@" in text:
                found.update(_passwords(text))
        found.update(_credentials(spec))
    for name, value in environment.items():
        if _TELLING.search(name) or any(value in text for text in carried):
            found.add(value)
    found.update(text for name, value in values.items() if _TELLING.search(name) for text in _plain(value))
    return frozenset(secret for secret in found if len(secret) >= SHORTEST)


def telling(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of all variables whose names say that they are secret, for when no manifest is known yet."""
    return (value for name, value in environ.items() if _TELLING.search(name))


def _texts(value: object, travels: bool, environment: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Every text in a value, and whether it stands in one of the ``_CARRIERS``."""
    if isinstance(value, str):
        yield value, travels
    elif isinstance(value, Template):
        yield from ((text, travels) for text in value.texts())
        yield from ((environment.get(name, ""), travels) for name in mentioned(value.source))
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), travels or name in _CARRIERS, environment)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item, travels, environment)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, travels, environment)


def _plain(value: object) -> Iterator[str]:
    return (text for text, _ in _texts(value, False, {}))


def _passwords(url: str) -> Iterator[str]:
    """The password of a URL's user info, as written and decoded."""
    for match in _USERINFO.finditer(url):
        yield match[1]
        yield unquote(match[1])


def _credentials(value: object) -> Iterator[str]:
    """Passwords, tokens, and values of headers that carry them, wherever they stand in a spec."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            inside = getattr(value, name)
            if name in _CREDENTIALS:
                yield from _plain(inside)
            elif name == "headers" and isinstance(inside, Mapping):
                yield from _header_secrets(inside)
            else:
                yield from _credentials(inside)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _credentials(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _credentials(item)


def _header_secrets(headers: Mapping[str, object]) -> Iterator[str]:
    for name, value in headers.items():
        if not _SECRET_HEADER.fullmatch(name):
            continue
        for text in _plain(value):
            yield text
            yield text.rpartition(" ")[2]  # what follows "Bearer"
            if name.lower() == "cookie":
                yield from (pair.partition("=")[2].strip() for pair in text.split(";"))
