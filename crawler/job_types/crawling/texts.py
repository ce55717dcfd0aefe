"""The texts that a crawl's manifest is written in: host and URL patterns, targets, names, start URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator

from crawler.errors import UnsafePath
from crawler.policy.domains import host_pattern_problem
from crawler.policy.names import safe_target
from crawler.policy.parameters import name_problem
from crawler.policy.scope import ANY_HOST, SAME_DOMAIN, SAME_HOST
from crawler.policy.url_patterns import url_pattern_problem
from crawler.syntax.urls import problem

_WORDS = frozenset({ANY_HOST, SAME_DOMAIN, SAME_HOST})
# Beside its fields each line of what was extracted has the page's URL.
_TAKEN = "url"


def _without(problem: Callable[[str], str | None]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if (why := problem(value)) is not None:
            raise ValueError(why)
        return value

    return checked


def _hosts_problem(value: str) -> str | None:
    if value in _WORDS:
        return None
    letters = "".join(filter(str.isalpha, value.lower()))
    for word in _WORDS:
        if letters == word.replace("-", ""):  # a host pattern by its form, but hardly meant as one
            return f"unknown word {value!r}; did you mean {word!r}?"
    return host_pattern_problem(value)


def _target_problem(value: str) -> str | None:
    try:
        safe_target(value.replace("${job}", "job"))
    except UnsafePath as error:
        return str(error)
    return None


def _field_problem(value: str) -> str | None:
    if value == _TAKEN:
        return f"a field cannot be named {value!r}: every line has the page's URL under that name"
    return None


HostText = Annotated[str, AfterValidator(_without(_hosts_problem))]
PatternText = Annotated[str, AfterValidator(_without(url_pattern_problem))]
ParameterName = Annotated[str, AfterValidator(_without(name_problem))]
TargetText = Annotated[str, AfterValidator(_without(_target_problem))]
StartUrl = Annotated[str, AfterValidator(_without(problem))]
FieldName = Annotated[str, AfterValidator(_without(_field_problem))]
