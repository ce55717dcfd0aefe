"""The typed model of a whole manifest, and the JSON Schema that editors read it from."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from crawler.job_types.spec import BudgetSpec
from crawler.job_types.table import JOB_TYPES
from crawler.syntax.fields import (
    AuthSpec,
    HeaderMap,
    HostMap,
    HttpUrl,
    ParamMap,
    RetrySpec,
    Spec,
    TextField,
    TimeoutSpec,
)
from crawler.syntax.schema import json_schema


class DefaultsSpec(Spec):
    """The request keys that can have defaults."""

    headers: HeaderMap = Field(default_factory=dict, description="Header fields of every request.")
    params: ParamMap = Field(default_factory=dict, description="Query parameters of every request.")
    cookies: dict[str, TextField] = Field(default_factory=dict, description="Cookies of every request.")
    auth: AuthSpec | None = Field(None, description="Credentials; they never cross an origin.")
    proxy: HttpUrl | None = Field(None, description="An http(s) proxy.")
    timeout: TimeoutSpec = Field(TimeoutSpec.unset(), description="Limits of one attempt.")
    retry: RetrySpec = Field(RetrySpec.unset(), description="How often and how patiently a task is tried.")


class HeadSpec(Spec):
    """Everything in a manifest but what its jobs say."""

    version: Literal[1] = Field(description="The manifest format; always 1.")
    name: str | None = Field(
        None,
        max_length=200,
        description="Names the ledger; by default the file's name without its extension.",
    )
    vars: dict[str, Any] = Field(
        default_factory=dict, description="Values that ${name} stands for; each may use the ones above it."
    )
    defaults: DefaultsSpec = Field(
        DefaultsSpec.unset(), description="What every job has unless it says otherwise."
    )
    hosts: HostMap = Field(default_factory=dict, description="Rules by host pattern; most specific wins.")
    budget: BudgetSpec = Field(
        BudgetSpec.unset(), description="What a run may spend before it stops, resumable."
    )
    jobs: Annotated[list[Any], Field(min_length=1)] = Field(description="What is to be done.")


def manifest_json_schema() -> dict[str, object]:
    """JSON Schema (draft-07) of a manifest. A job's keys follow from its ``type``."""
    union: Any = reduce(or_, (job_type.spec for job_type in JOB_TYPES.values()))
    model = create_model("Manifest", __base__=HeadSpec, jobs=(list[union], Field(min_length=1)))
    schema: Any = json_schema(model, "crawler manifest")
    jobs = schema["properties"]["jobs"]
    jobs["description"] = "What is to be done."
    jobs["items"] = _job_by_type()
    schema = _made_for_editors(schema) | {"title": schema["title"]}
    schema["properties"]["version"] = {"const": 1, "description": "The manifest format; always 1."}
    return dict(schema)


def _job_by_type() -> dict[str, object]:
    """``if type is X then the keys of X``: editors then complain about one type, not about all of them."""
    choices = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {"$ref": f"#/definitions/{job_type.spec.__name__}"},
        }
        for name, job_type in JOB_TYPES.items()
    ]
    kinds = {"enum": list(JOB_TYPES), "description": "Which kind of job this is."}
    return {
        "type": "object",
        "required": ["name", "type"],
        "properties": {"type": kinds},
        "allOf": choices,
    }


_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
_NEVER_TEXT = frozenset({"integer", "number", "boolean"})
_ABOUT = ("description", "default")


def _made_for_editors(schema: Any) -> Any:
    """``${…}`` may stand for a number, a flag or one of several words; titles and long defaults are noise."""
    if isinstance(schema, list):
        return [_made_for_editors(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, inside in schema.items():
        if key in ("properties", "definitions"):
            kept[key] = {name: _or_template(name, _made_for_editors(kind)) for name, kind in inside.items()}
        elif key == "items":
            kept[key] = _or_template(key, _made_for_editors(inside))
        elif key == "default":
            kept |= {key: inside} if isinstance(inside, str | int | float) else {}
        elif key != "title":
            kept[key] = _made_for_editors(inside)
    return kept


def _or_template(name: str, kind: dict[str, Any]) -> dict[str, Any]:
    if name == "type" or not _is_fixed(kind):
        return kind
    about = {key: kind.pop(key) for key in _ABOUT if key in kind}
    choices = kind["anyOf"] if kind.keys() == {"anyOf"} else [kind]
    return {**about, "anyOf": [*choices, _TEMPLATE]}


def _is_fixed(kind: dict[str, Any]) -> bool:
    """Whether it is a number, a flag or one of several words, or may be, beside other kinds."""
    if any(_is_fixed(choice) for choice in kind.get("anyOf", ())):
        return True
    return "enum" in kind or (isinstance(kind.get("type"), str) and kind["type"] in _NEVER_TEXT)
