"""JSON Schema of a model in the draft-07 subset that editors understand best."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

DRAFT_07 = "http://json-schema.org/draft-07/schema#"


def json_schema(model: type[BaseModel], title: str) -> dict[str, object]:
    """The schema of what a person may write for ``model``."""
    schema = model.model_json_schema(ref_template="#/definitions/{model}")
    definitions = schema.pop("$defs", {})
    schema["title"] = title
    if definitions:
        schema["definitions"] = definitions
    return {"$schema": DRAFT_07, **_draft_07(schema)}


def _draft_07(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_draft_07(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _draft_07(item) for key, item in schema.items() if key != "discriminator"}
    if "$ref" in plain and len(plain) > 1:  # draft-07 ignores what stands beside a $ref
        plain["allOf"] = [{"$ref": plain.pop("$ref")}]
    if "prefixItems" in plain:
        plain["items"] = plain.pop("prefixItems")
    return plain
