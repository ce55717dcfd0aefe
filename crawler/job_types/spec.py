"""The keys that every job has, and the ones that several job types share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from crawler.job_types.digests import parse_checksum
from crawler.model import When
from crawler.policy.budget import Budget
from crawler.syntax.fields import (
    AuthSpec,
    HeaderMap,
    HostMap,
    HttpUrl,
    ParamMap,
    RetrySpec,
    Size,
    Spec,
    TextField,
    TimeoutSpec,
)
from crawler.syntax.template import Template, Text


def one_or_many(value: Any) -> Any:
    """A single value as a list of one, so that either may be written."""
    return value if isinstance(value, list | tuple) else [value]


@dataclass(frozen=True)
class _OneOrMany:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(one_or_many, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many.get("items", {}), many]}


OneOrMany = _OneOrMany()

JobName = Annotated[str, Field(min_length=1, max_length=200)]


class ShortSpec(Spec):
    """A map that a bare value may stand for: ``{short: value}``."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _bare_value(cls, value: Any) -> Any:
        bare = isinstance(value, str | int | float | Template) and not isinstance(value, bool)
        return {cls.short: value} if bare else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Either form: the map, or what its ``short`` key takes."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        own = schema["properties"][cls.short]
        bare = {key: value for key, value in own.items() if key not in ("title", "default", "description")}
        described = {key: schema.pop(key) for key in ("title", "description") if key in schema}
        return described | {"anyOf": [bare, schema]}


class BudgetSpec(Spec):
    """What may be spent before the work stops, resumable (exit 7)."""

    max_bytes: Annotated[Size, Field(ge=1)] | None = Field(
        None, description="Bytes of bodies moved, both ways."
    )
    max_requests: Annotated[int, Field(ge=1)] | None = Field(None, description="Requests sent.")
    max_failures: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Failed tasks that are borne; one more stops the work."
    )

    def budget(self) -> Budget:
        """The same as plain data."""
        return Budget(self.max_bytes, self.max_requests, self.max_failures)


class JobSpec(Spec):
    """The keys of every job."""

    name: JobName = Field(description="Names the job in reports, and for needs.")
    type: str = Field(description="Which kind of job this is.")
    needs: Annotated[tuple[JobName, ...], OneOrMany] = Field(
        (), description="Jobs that must have ended before this one starts: a name or a list."
    )
    when: When = Field(When.SUCCESS, description="What the needed jobs must have come to.")
    enabled: bool = Field(True, description="false leaves the job out.")
    headers: HeaderMap = Field(default_factory=dict, description="Header fields of every request.")
    params: ParamMap = Field(default_factory=dict, description="Query parameters; a list repeats one.")
    cookies: dict[str, TextField] = Field(default_factory=dict, description="Cookies of every request.")
    auth: AuthSpec | None = Field(None, description="Credentials; they never cross an origin.")
    proxy: HttpUrl | None = Field(None, description="An http(s) proxy for this job.")
    timeout: TimeoutSpec = Field(TimeoutSpec.unset(), description="Limits of one attempt.")
    retry: RetrySpec = Field(RetrySpec.unset(), description="How often and how patiently a task is tried.")
    hosts: HostMap = Field(
        default_factory=dict, description="Rules by host pattern; stronger than the manifest's own."
    )
    max_failures: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Failed tasks that are borne; one more stops the job, resumable (exit 7)."
    )
    budget: BudgetSpec = Field(BudgetSpec.unset(), description="What this job may spend.")
    matrix: dict[str, Annotated[tuple[Any, ...], OneOrMany]] = Field(
        default_factory=dict, description="One job for each combination of these values."
    )

    def taken_from(self) -> str | None:
        """The job, or all of a matrix, whose files this one's tasks are made of; as it is written."""
        return None


class RowsSpec(ShortSpec):
    """Where rows come from: a file, or a map that names file, format and columns."""

    short = "file"

    file: str = Field(
        min_length=1, description="Relative to the manifest's folder, or an http(s) URL; - is stdin."
    )
    format: (
        Literal["lines", "csv", "tsv", "jsonl", "parquet", "aria2", "metalink", "sha256sums", "sitemap"]
        | None
    ) = Field(None, description="By default what the file's extension says.")
    url: TextField = Field("url", description="The column that holds the URL, or a template of the URL.")
    headers: HeaderMap = Field(
        default_factory=dict,
        description="Header fields of each row's own: the column that holds the value, or a template of it.",
    )


def _checksum(value: Text) -> Text:
    if isinstance(value, str):
        parse_checksum(value)
    return value


ChecksumField = Annotated[TextField, AfterValidator(_checksum), WithJsonSchema({"type": "string"})]
"""``algorithm:hex``, or a template of it."""


def _url_reference(value: Text) -> Text:
    if value == "":
        raise ValueError("expected a URL, absolute or relative to the file's own")
    return value


class SumsSpec(Spec):
    """A file that lists checksums, as sha256sum or a BSD system writes it."""

    sums: Annotated[TextField, AfterValidator(_url_reference), WithJsonSchema({"type": "string"})] = Field(
        description="Its URL; a relative one starts at the file's own URL."
    )


def _text_or_map(value: object) -> str:
    return "map" if isinstance(value, dict | SumsSpec) else "text"


ChecksumOrSumsField = Annotated[
    Annotated[ChecksumField, Tag("text")] | Annotated[SumsSpec, Tag("map")], Discriminator(_text_or_map)
]
"""``algorithm:hex``, or where a list of checksums is."""


class DownloadRowsSpec(RowsSpec):
    """Where rows come from, and which columns hold what each file has of its own."""

    to: TextField | None = Field(
        None, description="The column that holds the target path, or a template of it."
    )
    checksum: TextField | None = Field(
        None,
        description="The column that holds the checksum, or a template of it; bare hex is told by length.",
    )
    mirrors: Annotated[tuple[TextField, ...], OneOrMany] = Field(
        (), description="Columns that hold other URLs of the same file, one or several, or templates of one."
    )
