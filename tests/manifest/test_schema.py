"""The JSON Schema says what ``load`` accepts, and every example in ``jobs/`` loads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crawler.config import Config
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.load import load
from crawler.manifest.schema import DefaultsSpec, manifest_json_schema
from crawler.syntax import yaml

EXAMPLES = sorted((Path(__file__).parents[2] / "jobs").glob("*.yaml"))
KEYWORDS_OF_LATER_DRAFTS = {
    "$defs",
    "prefixItems",
    "discriminator",
    "dependentSchemas",
    "unevaluatedProperties",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(json.loads(json.dumps(manifest_json_schema())))


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from parts(item)


def accepts(kind: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """As much of draft-07 as our schema uses."""
    if "$ref" in kind:
        return accepts(root["definitions"][kind["$ref"].rpartition("/")[2]], value, root)
    if "if" in kind and accepts(kind["if"], value, root) and not accepts(kind["then"], value, root):
        return False
    checks = [
        all(accepts(part, value, root) for part in kind.get("allOf", [])),
        "anyOf" not in kind or any(accepts(part, value, root) for part in kind["anyOf"]),
        "oneOf" not in kind or sum(accepts(part, value, root) for part in kind["oneOf"]) == 1,
        "const" not in kind or value == kind["const"],
        "enum" not in kind or value in kind["enum"],
        _is_type(kind.get("type"), value),
        not isinstance(value, str) or re.search(kind.get("pattern", ""), value) is not None,
    ]
    if isinstance(value, dict):
        known = kind.get("properties", {})
        rest = kind.get("additionalProperties", True)
        checks += [key in value for key in kind.get("required", [])]
        checks += [accepts(known[key], item, root) for key, item in value.items() if key in known]
        others = [item for key, item in value.items() if key not in known]
        checks += [accepts(rest, item, root) if isinstance(rest, dict) else bool(rest) for item in others]
    if isinstance(value, list) and isinstance(kind.get("items"), dict):
        checks += [accepts(kind["items"], item, root) for item in value]
    return all(checks)


def _is_type(wanted: Any, value: Any) -> bool:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    name = names.get(type(value), "number")
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return (
        wanted is None
        or name in kinds
        or (isinstance(value, int) and name == "number" and "integer" in kinds)
    )


def test_it_is_draft_07_and_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    for part in parts(schema):
        assert not KEYWORDS_OF_LATER_DRAFTS & part.keys()
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/definitions/") in schema["definitions"]
            assert set(part) == {"$ref"}  # draft-07 ignores what stands beside it


def test_a_jobs_keys_follow_from_its_type(schema: dict[str, Any]) -> None:
    job = schema["properties"]["jobs"]["items"]
    assert job["properties"]["type"]["enum"] == list(JOB_TYPES)
    assert [choice["if"]["properties"]["type"]["const"] for choice in job["allOf"]] == list(JOB_TYPES)
    for choice, job_type in zip(job["allOf"], JOB_TYPES.values(), strict=True):
        assert choice["then"]["$ref"] == f"#/definitions/{job_type.spec.__name__}"


def test_what_a_person_may_write_first_is_described(schema: dict[str, Any]) -> None:
    assert [key for key, kind in schema["properties"].items() if "description" not in kind] == []
    assert [
        key
        for key, kind in schema["definitions"]["DefaultsSpec"]["properties"].items()
        if "description" not in kind
    ] == []


def test_a_template_may_stand_where_a_word_or_a_flag_is_wanted(schema: dict[str, Any]) -> None:
    keys = schema["definitions"]["DownloadSpec"]["properties"]
    for value in (True, "${flag}"):
        assert accepts(keys["enabled"], value, schema)
    for value in ("changed", "${when}"):
        assert accepts(keys["when"], value, schema)
    assert not accepts(keys["enabled"], "yes", schema)


def test_defaults_have_the_keys_that_jobs_share() -> None:
    for job_type in JOB_TYPES.values():
        assert DefaultsSpec.model_fields.keys() <= job_type.spec.model_fields.keys()


GOOD = {"name": "a", "type": "post", "url": "https://x/"}


@pytest.mark.parametrize(
    ("job", "right"),
    [
        (GOOD, True),
        (GOOD | {"timeout": 5, "retry": {"attempts": "${n}"}, "enabled": "${on}", "when": "changed"}, True),
        (GOOD | {"timeout": {"total": "1m", "connect": None}}, True),
        (GOOD | {"tiemout": 5}, False),
        (GOOD | {"type": "pots"}, False),
        (GOOD | {"when": "sometimes"}, False),
        (GOOD | {"retry": {"attempts": "many"}}, False),
        ({"name": "a", "type": "download", "urls": ["https://x/", {"url": "https://x/", "to": "y"}]}, True),
        ({"name": "a", "type": "download", "urls": ["https://x/"], "json": {}}, False),
    ],
)
def test_it_accepts_what_is_right_and_refuses_what_is_not(
    schema: dict[str, Any], job: dict[str, Any], right: bool
) -> None:
    assert accepts(schema, {"version": 1, "jobs": [job]}, schema) is right


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_loads_and_fits_the_schema(schema: dict[str, Any], path: Path) -> None:
    text = path.read_bytes()
    assert accepts(schema, yaml.plain(yaml.parse(text, path.name)), schema)
    environ = dict.fromkeys(re.findall(r"env\.(\w+)", text.decode()), "https://example.org")
    assert load(path, config=Config(), environ=environ, now=datetime(2024, 1, 1)).jobs


@pytest.mark.parametrize(
    "job",
    [
        {"type": "download", "urls": ["https://x/"], "segments": "${n}"},
        {"type": "download", "urls": ["https://x/"], "max_failures": "${n}"},
        {"type": "download", "urls": ["https://x/"], "expect": {"status": "${n}"}},
        {"type": "download", "urls": ["https://x/"], "expect": {"status": ["${n}", "2xx"]}},
        {"type": "download", "urls": ["https://x/"], "hosts": {"x": {"concurrency": "${n}"}}},
        {"type": "download", "urls": ["https://x/"], "retry": {"statuses": ["${m}"]}},
        {"type": "crawl", "start": "https://x/", "scope": {"depth": "${n}"}},
        {"type": "websocket", "url": "wss://x/", "until": {"messages": "${n}"}},
    ],
)
def test_a_template_may_stand_wherever_check_takes_one_for_a_number(
    job: dict[str, Any], schema: dict[str, Any], tmp_path: Path
) -> None:
    written = {"version": 1, "vars": {"n": 4, "m": 503}, "jobs": [{"name": "a", **job}]}
    if "expect" in job:
        written["vars"] = {"n": 200}
    path = tmp_path / "m.yaml"
    path.write_text(json.dumps(written))
    load(path, config=Config(), environ={}, now=datetime(2024, 1, 1))
    assert accepts(schema, written, schema)
