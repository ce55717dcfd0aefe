"""The environment as one manifest sees it: which variables it reads, and which it cannot have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import takewhile

from crawler.syntax.environ import Environ

_SHORTEST = 4  # characters of a value; shorter ones stand in too many words
_TELLING = 16  # characters that give a longer value away even if the rest is cut off
_MENTION = re.compile(r"""\benv\s*(?:\.\s*|\[\s*["'])([A-Za-z_][A-Za-z0-9_]*)""")


class ReadEnviron(Environ):
    """Environment variables that remember which of them were read.

    One trailing line end is dropped, as a shell's ``$(…)`` drops it; empty is as bad as unset.
    """

    __slots__ = ("read",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name).removesuffix("\n").removesuffix("\r")
        if not value:
            raise KeyError(f"the environment variable {name} is empty")
        self.read[name] = value
        return value

    def missing(self, template: str) -> str | None:
        """Why a variable that the template names cannot be had, or ``None``; the others count as read."""
        for name in mentioned(template):
            try:
                self[name]
            except KeyError as error:
                return str(error.args[0])
        return None

    def hidden(self, message: str) -> str:
        """The message with every value that was read replaced by its variable's name, even if cut short."""
        for name, value in sorted(self.read.items(), key=lambda item: -len(item[1])):
            for form in {value, repr(value)[1:-1]}:
                if len(form) >= _SHORTEST:
                    message = _replaced(message, form, f"${{env.{name}}}")
        return message


def _replaced(message: str, value: str, name: str) -> str:
    pieces, at = [], 0
    while (start := message.find(value[:_SHORTEST], at)) >= 0:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(message[start:], value, strict=False))
        end = start + sum(1 for _ in same)
        cut = message[end : end + 1] == "…"
        hit = cut or end - start >= min(len(value), _TELLING)
        pieces += [message[at:start], name] if hit else [message[at:end]]
        at = end
    return "".join([*pieces, message[at:]])


def mentioned(template: str) -> Iterator[str]:
    """The variables that a template names as ``env.NAME`` or ``env['NAME']``."""
    return (match[1] for match in _MENTION.finditer(template))
