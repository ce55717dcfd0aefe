"""Values out of an answer: found where the manifest says, of the type it says, and never quoted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UnexpectedContent
from crawler.job_types.capture_spec import CaptureSpec
from crawler.job_types.captured import Taking
from crawler.net.transport import Response

TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@dataclass
class Answered:
    """As much of an answer as is looked at."""

    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = "https://example.org/a/b?c"


def taken(
    body: bytes = b"", headers: Mapping[str, str] | None = None, **wanted: Any
) -> tuple[dict[str, Any], str | None]:
    """What is captured, and what is wrong with the rest."""
    kept: list[tuple[Mapping[str, object], Set[str]]] = [({}, set())]
    specs = {name: CaptureSpec.model_validate(given) for name, given in wanted.items()}
    captures = [spec.capture(name) for name, spec in specs.items()]
    taking = Taking(captures, cast("Response", Answered(headers or {})), lambda *given: kept.append(given))
    taking.head()
    taking.body(body)
    try:
        taking.refuse()
    except UnexpectedContent as error:
        return dict(kept[-1][0]), str(error)
    return dict(kept[-1][0]), None


@given(value=VALUES)
def test_whatever_json_holds_is_taken_as_text_or_said_to_be_missing(value: object) -> None:
    found, problem = taken(json.dumps({"a": value}).encode(), a="a")
    if value is None:
        assert problem == "capture 'a': required, found nothing (jmespath: a)"
    else:
        assert problem is None
        assert found["a"] == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


@given(value=VALUES, kind=st.sampled_from(["text", "int", "float", "bool", "url"]))
def test_a_value_is_of_its_type_or_refused_without_being_quoted(value: object, kind: str) -> None:
    secret = f"s3cr3t{value}" if isinstance(value, str) else value
    found, problem = taken(json.dumps({"a": secret}).encode(), a={"jmespath": "a", "type": kind})
    if problem is None:
        wanted = {"text": str, "int": int, "float": float, "bool": bool, "url": str}[kind]
        assert type(found["a"]) is wanted
    else:
        assert problem.startswith("capture 'a': ")
        assert "s3cr3t" not in problem


@given(value=st.integers())
def test_whole_numbers_keep_every_digit(value: int) -> None:
    body = json.dumps({"a": value}).encode()
    if abs(value) < 10**99:
        assert taken(body, a={"jmespath": "a", "type": "int"}) == ({"a": value}, None)
    assert taken(body, a="a") == ({"a": str(value)}, None)


@given(
    body=st.binary(max_size=200), declared=st.sampled_from([None, "application/json", "text/html; charset=x"])
)
def test_no_body_breaks_it(body: bytes, declared: str | None) -> None:
    headers = {} if declared is None else {"Content-Type": declared}
    found, problem = taken(
        body, headers, json="a.b", css={"css": "p"}, regex={"regex": "(a)|(b)"}, header={"header": "X"}
    )
    assert set(found) == {"json", "css", "regex", "header"}
    assert problem is not None


@given(before=TEXTS, after=TEXTS, number=st.integers(0, 10**20))
def test_a_regex_gives_its_first_group_or_all_of_it(before: str, after: str, number: int) -> None:
    body = f"{before} build {number} {after}".encode()
    found, problem = taken(body, group={"regex": r"build (\d+) "}, whole={"regex": r"build \d+ "})
    assert problem is None
    if " build " not in f"{before} ":
        assert found == {"group": str(number), "whole": f"build {number} "}


@pytest.mark.parametrize(
    ("body", "declared", "text"),
    [
        ('{"a": "grün"}'.encode(), "text/plain", "grün"),
        ('{"a": "grün"}'.encode("utf-16"), None, "grün"),
        ('\ufeff{"a": "grün"}'.encode(), "application/json", "grün"),
    ],
)
def test_json_is_read_whatever_its_declared_type(body: bytes, declared: str | None, text: str) -> None:
    headers = {} if declared is None else {"Content-Type": declared}
    assert taken(body, headers, a="a") == ({"a": text}, None)


def test_html_is_read_in_its_charset() -> None:
    headers = {"Content-Type": "text/html; charset=iso-8859-1"}
    found, _ = taken("<h1>grün</h1><a href=x>".encode("latin-1"), headers, a={"css": "h1"})
    assert found == {"a": "grün"}
    linked = {"css": "a", "attribute": "href", "type": "url"}
    assert taken(b"<base href=/z/><a href=x>", a=linked)[0] == {"a": "https://example.org/z/x"}


def test_a_default_stands_for_what_is_missing_but_not_for_what_is_of_another_type() -> None:
    wanted = {"jmespath": "a", "type": "int", "default": 5}
    assert taken(b"{}", a=wanted) == ({"a": 5}, None)
    assert taken(b"no json", a=wanted) == ({"a": 5}, None)
    assert taken(b"{}", a={"jmespath": "a", "default": None}) == ({"a": None}, None)
    assert (
        taken(b'{"a": "five"}', a=wanted)[1]
        == "capture 'a': expected int, found a text of 4 characters (jmespath: a)"
    )


@pytest.mark.parametrize("body", [rb'{"a": "\ud800"}', rb'{"a": ["\udfff"]}'])
def test_half_a_character_is_no_text_that_could_be_sent(body: bytes) -> None:
    assert taken(body, a="a")[1] == "capture 'a': expected text, found bytes that are none (jmespath: a)"


def test_a_header_is_found_in_any_case_and_one_that_is_no_text_is_refused() -> None:
    from multidict import CIMultiDict

    headers = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("X-Bad", "\udcff")])
    assert taken(b"", headers, a={"header": "x-a", "type": "int"}) == ({"a": 1}, None)
    assert taken(b"", headers, a={"header": "X-Bad"})[1] == (
        "capture 'a': expected text, found bytes that are none (header: X-Bad)"
    )


def test_what_is_kept_is_kept_before_anything_is_refused() -> None:
    found, problem = taken(b'{"a": "first"}', {"X": "head"}, a="a", b="b", c={"header": "X"})
    assert problem == "capture 'b': required, found nothing (jmespath: b)"
    assert found == {"a": "first", "b": None, "c": "head"}


def test_only_what_the_answer_holds_is_told_to_be_so() -> None:
    specs = {"a": "a", "b": {"jmespath": "b", "default": "free"}, "c": {"css": "p", "default": "x"}}
    told: list[Set[str]] = []
    captures = [CaptureSpec.model_validate(given).capture(name) for name, given in specs.items()]
    taking = Taking(captures, cast("Response", Answered()), lambda values, found: told.append(set(found)))
    taking.head()
    taking.body(b'{"a": "1"}')
    assert told == [set(), {"a"}]
