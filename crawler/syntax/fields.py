"""The building blocks of every spec: values with units, URLs, headers, timeouts, retries, credentials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from crawler.errors import TemplateFailed
from crawler.model import RetryRule
from crawler.request import Timeouts
from crawler.syntax import units
from crawler.syntax.auth import AuthSpec
from crawler.syntax.headers import (
    HeaderMap,
    HeaderName,
    HeaderValue,
    ParamMap,
    header_name_problem,
    header_pairs,
    header_value_problem,
    param_pairs,
)
from crawler.syntax.spec import Spec, TextField
from crawler.syntax.template import Template, Text, text
from crawler.syntax.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES, problem
from crawler.syntax.words import shown

__all__ = [
    "AuthSpec",
    "ByteRate",
    "Duration",
    "HeaderMap",
    "HeaderName",
    "HeaderValue",
    "HostMap",
    "HostRuleSpec",
    "HttpUrl",
    "OptionalByteRate",
    "OptionalDuration",
    "ParamMap",
    "Rate",
    "RetrySpec",
    "Size",
    "Spec",
    "TextField",
    "TimeoutSpec",
    "WsUrl",
    "header_name_problem",
    "header_pairs",
    "header_value_problem",
    "param_pairs",
    "url_text",
]

_EXPRESSION = r"\$\{"  # a value that a template gives when the manifest loads


def _unit_schema(pattern: str, *, null: bool = False) -> WithJsonSchema:
    options: list[dict[str, Any]] = [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": f"^{pattern}$|{_EXPRESSION}"},
    ]
    return WithJsonSchema({"anyOf": options + ([{"type": "null"}] if null else [])})


def _none_for_zero(read: Callable[[object], float]) -> Callable[[object], float | None]:
    def optional(value: object) -> float | None:
        return None if value is None else read(value) or None

    return optional


_DURATION = r"[0-9.]+ *(ms|s|m|h|d)?"
_SIZE = r"[0-9.]+ *([kKmMgGtT]?[iI]?[bB])?"

Duration = Annotated[float, BeforeValidator(units.duration), _unit_schema(_DURATION)]
"""Seconds."""

OptionalDuration = Annotated[
    float | None, BeforeValidator(_none_for_zero(units.duration)), _unit_schema(_DURATION, null=True)
]
"""Seconds; ``0`` and ``null`` become ``None``, no limit."""

Size = Annotated[int, BeforeValidator(units.size), _unit_schema(_SIZE)]
"""Bytes."""

Rate = Annotated[float, BeforeValidator(units.rate), _unit_schema(r"[0-9.]+ */ *(s|min|h|d)")]
"""Events a second, above zero."""

ByteRate = Annotated[float, BeforeValidator(units.byte_rate), _unit_schema(f"{_SIZE}( */ *s)?")]
"""Bytes a second."""

OptionalByteRate = Annotated[
    float | None,
    BeforeValidator(_none_for_zero(units.byte_rate)),
    _unit_schema(f"{_SIZE}( */ *s)?", null=True),
]
"""Bytes a second; ``0`` and ``null`` become ``None``, no limit."""


def _url(schemes: frozenset[str]) -> Callable[[Text], Text]:
    def checked(value: Text) -> Text:
        if isinstance(value, str) and (why := problem(value, schemes)):
            raise ValueError(why)
        return value

    return checked


HttpUrl = Annotated[TextField, AfterValidator(_url(HTTP_SCHEMES)), WithJsonSchema({"type": "string"})]
"""An http(s) URL, or a template of one."""

WsUrl = Annotated[TextField, AfterValidator(_url(WEBSOCKET_SCHEMES)), WithJsonSchema({"type": "string"})]
"""A ws(s) URL, or a template of one."""


def url_text(url: Text, values: Mapping[str, object], schemes: frozenset[str] = HTTP_SCHEMES) -> str:
    """The URL of one task. Raises ``TemplateFailed`` if what was rendered cannot be requested."""
    rendered = text(url, values)
    if not isinstance(url, str) and (why := problem(rendered, schemes)):
        raise TemplateFailed(f"{url.source}: {why}")
    return rendered


class TimeoutSpec(Spec):
    """Limits of one attempt: total seconds, or a map; ``0`` or ``null`` switches one off.

    A field of this type defaults to ``TimeoutSpec()``, which sets nothing.
    """

    total: OptionalDuration = Field(None, description="The whole attempt, from start to last byte.")
    connect: OptionalDuration = Field(None, description="Getting a connection, from the pool or new.")
    sock_connect: OptionalDuration = Field(None, description="Opening one new connection.")
    sock_read: OptionalDuration = Field(None, description="Silence between two reads.")
    min_rate: OptionalByteRate = Field(None, description="Bytes a second that a transfer must keep up.")

    @model_validator(mode="before")
    @classmethod
    def _number_is_total(cls, value: Any) -> Any:
        return value if isinstance(value, dict | TimeoutSpec) else {"total": value}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either form: the map, or what ``total`` takes."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        short = {key: value for key, value in schema["properties"]["total"].items() if key == "anyOf"}
        described = {key: schema.pop(key) for key in ("title", "description") if key in schema}
        return described | {"anyOf": [*short["anyOf"], schema]}

    def over(self, base: Timeouts) -> Timeouts:
        """``base`` with the limits that were set here."""
        return dataclasses.replace(base, **{name: getattr(self, name) for name in self.model_fields_set})


_RETRY = RetryRule()
ErrorStatus = Annotated[int, Field(ge=400, le=599)]


class RetrySpec(Spec):
    """How often and how patiently a task is tried: exponential backoff with full jitter."""

    attempts: int = Field(_RETRY.attempts, ge=1, description="Tries in all; 1 means no retry.")
    backoff: Duration = Field(_RETRY.backoff, description="Upper bound of the first wait.")
    max_backoff: Duration = Field(_RETRY.max_backoff, description="Upper bound of every wait.")
    statuses: frozenset[ErrorStatus] = Field(_RETRY.statuses, description="Statuses worth a retry.")

    def over(self, base: RetryRule) -> RetryRule:
        """``base`` with the keys that were set here."""
        return dataclasses.replace(base, **{name: getattr(self, name) for name in self.model_fields_set})


class HostRuleSpec(Spec):
    """What holds for the hosts that a pattern matches; every key may be left to a less specific rule."""

    concurrency: int | None = Field(None, ge=1, description="Tasks under way at once.")
    rate: Rate | None = Field(None, description="Starts a second, minute, hour or day; null is no limit.")
    burst: int | None = Field(
        None, ge=1, description="Starts that a rate lets through at once, by default 1."
    )
    delay: Duration | None = Field(None, description="Between two requests, at least.")
    bandwidth: OptionalByteRate = Field(None, description="Bytes a second; 0 and null are no limit.")
    group: str | None = Field(
        None, min_length=1, description="Hosts of one group count as one host, whatever their names."
    )
    headers: HeaderMap = Field(default_factory=dict, description="Header fields of requests to these hosts.")
    auth: AuthSpec | None = Field(None, description="Credentials for these hosts; null is none.")
    proxy: HttpUrl | None = Field(None, description="An http(s) proxy for these hosts; null is none.")
    timeout: TimeoutSpec = Field(TimeoutSpec.unset(), description="Limits of one attempt.")
    retry: RetrySpec = Field(RetrySpec.unset(), description="How often and how patiently a task is tried.")
    robots: bool | None = Field(None, description="Whether robots.txt is obeyed; by default as the job says.")

    @model_validator(mode="after")
    def _known_now(self) -> HostRuleSpec:
        """A rule holds for all tasks, so nothing in it may wait for the values of one."""
        auth = self.auth.__dict__.values() if self.auth is not None else ()
        waiting = [name for name, value in self.headers.items() if isinstance(value, Template)]
        waiting += ["auth"] if any(isinstance(value, Template) for value in auth) else []
        waiting += ["proxy"] if isinstance(self.proxy, Template) else []
        if waiting:
            raise ValueError(
                f"{waiting[0]}: a host's rule holds for all tasks; expected a value that is known when the "
                "manifest loads"
            )
        return self


def _host_pattern(pattern: str) -> str:
    if not pattern or "/" in pattern or any(char.isspace() for char in pattern):
        raise ValueError(f"expected a host pattern such as '*.example.org', found {shown(pattern)}")
    return pattern


HostMap = dict[Annotated[str, AfterValidator(_host_pattern)], HostRuleSpec]
"""Host globs to rules; the most specific one wins."""
