"""The ``capture`` key: which values a request takes out of its answer, as a manifest writes it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from crawler.job_types.captured import Capture
from crawler.job_types.spec import ShortSpec
from crawler.syntax.fields import HeaderName

WAYS = ("jmespath", "css", "header", "regex")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{value[:60]!r} is no name for a value; expected letters, digits and _, no digit first"
        )
    return value


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return value


class CaptureSpec(ShortSpec):
    """One value to take out of the answer: a JMESPath expression, or a map."""

    short = "jmespath"

    jmespath: str | None = Field(None, min_length=1, description="JMESPath expression, for a JSON body.")
    css: str | None = Field(None, min_length=1, description="CSS selector, for an HTML body.")
    header: HeaderName | None = Field(None, description="A header field of the answer.")
    regex: Annotated[str, AfterValidator(_regex)] | None = Field(
        None,
        min_length=1,
        description="Regular expression on the body's text: its first group, or all of it.",
    )
    attribute: str | None = Field(
        None, min_length=1, description="Of css: take this attribute instead of the text."
    )
    type: Literal["text", "int", "float", "bool", "url"] = Field(
        "text", description="What the value is read as."
    )
    default: str | int | float | bool | None = Field(
        None, description="The value where there is none; without it, that is a failure."
    )

    secret: bool = Field(True, description="Whether it is hidden from log, events, report and ledger.")

    @model_validator(mode="after")
    def _one_way(self) -> CaptureSpec:
        given = [way for way in WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            found = " and ".join(map(repr, given)) or "none"
            raise ValueError(
                f"expected exactly one of 'jmespath', 'css', 'header' and 'regex', found {found}"
            )
        if self.attribute is not None and self.css is None:
            raise ValueError("only what 'css' finds has an 'attribute'")
        if given[0] in ("jmespath", "css") and (why := self._query_problem()) is not None:
            raise ValueError(why)
        return self

    def _query_problem(self) -> str | None:
        from crawler.pages.extraction import query_problem

        why = query_problem(self.capture("").field)
        return why and why.removeprefix("field '': ")

    def capture(self, name: str) -> Capture:
        """The same as plain data."""
        from crawler.pages.extraction import Field as PageField  # most requests capture nothing

        wanted = PageField(
            name=name,
            css=self.css,
            jmespath=self.jmespath,
            attribute=self.attribute,
            type=self.type,
            required="default" not in self.model_fields_set,
            default=self.default,
        )
        return Capture(wanted, self.header, self.regex, self.secret)


CaptureMap = Annotated[dict[Annotated[str, AfterValidator(_name)], CaptureSpec], Field(min_length=1)]
"""Names to what is captured under them."""


def captures_of(given: CaptureMap | None) -> tuple[Capture, ...]:
    """The same as plain data, in the order written."""
    return tuple(spec.capture(name) for name, spec in (given or {}).items())


def refuse_impossible(given: CaptureMap | None, *, urls: int | None, method: str) -> None:
    """Raise ValueError for a job that captures and is not one request with an answer to take it from.

    ``urls`` is how many requests the job has, ``None`` if rows tell.
    """
    if given is None:
        return
    if urls != 1:
        raise ValueError("'capture' is for a job of one request; expected one 'url', without 'from'")
    if method == "HEAD" and (names := [name for name, spec in given.items() if spec.header is None]):
        raise ValueError(f"capture {names[0]!r}: the answer to HEAD has no body; expected a 'header'")
