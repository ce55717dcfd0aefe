"""The ``expect`` key: what an answer must be, as a manifest writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from crawler.job_types import match
from crawler.job_types.expect import Expectation
from crawler.job_types.prepare import Values, prepare
from crawler.job_types.spec import OneOrMany
from crawler.syntax.fields import Size, Spec, TextField
from crawler.syntax.template import Text, as_text, render


def _pattern(value: Text) -> Text:
    if isinstance(value, str):
        match.check_pattern(value)
    return value


PatternField = Annotated[TextField, AfterValidator(_pattern), WithJsonSchema({"type": ["string", "number"]})]
"""A substring, or ``re:`` and a regular expression."""


def _status(value: Any) -> match.StatusRange:
    return match.status_range(value)


StatusField = Annotated[
    tuple[int, int],
    BeforeValidator(_status),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[1-5]([0-9]{2}|[xX]{2})$"}]}
    ),
]
"""A status, or a class of them such as ``2xx``."""


class HeadExpectSpec(Spec):
    """What the answer's head must say; anything else is a failure."""

    status: Annotated[tuple[StatusField, ...], OneOrMany] = Field(
        (), description="Statuses that are right, instead of any 2xx."
    )
    content_type: Annotated[tuple[str, ...], OneOrMany] = Field(
        (), description="Media types that are right; image/* stands for a family."
    )

    def expectation(self) -> Expectation:
        """The same as plain data."""
        return Expectation(statuses=self.status, content_types=self.content_type)


class ExpectSpec(HeadExpectSpec):
    """What the answer must be; anything else is a failure."""

    headers: dict[str, PatternField] = Field(default_factory=dict, description="Values, or re: expressions.")
    text: Annotated[tuple[PatternField, ...], OneOrMany] = Field(
        (), description="What the body must hold: substrings or re: expressions."
    )
    json_: Any = Field(None, alias="json", description="What the JSON body must hold; it may hold more keys.")
    min_bytes: Size | None = Field(None, description="The body's least size.")
    max_bytes: Size | None = Field(None, description="The body's greatest size.")

    def expectations(self) -> Callable[[Values], Expectation]:
        """What gives each task its expectation; built once unless there is a template in it."""
        contents: dict[str, Any] = {"headers": tuple(self.headers.items()), "texts": self.text}
        if "json_" in self.model_fields_set:
            contents["json"] = (self.json_,)
        return prepare(contents, lambda values: self._expectation(contents, values))

    def _expectation(self, contents: dict[str, Any], values: Values) -> Expectation:
        found: Any = render(contents, values)
        return Expectation(
            statuses=self.status,
            content_types=self.content_type,
            headers=tuple((name, as_text(value, name)) for name, value in found["headers"]),
            texts=tuple(as_text(value, "text") for value in found["texts"]),
            json=found.get("json", ()),
            min_bytes=self.min_bytes,
            max_bytes=self.max_bytes,
        )
