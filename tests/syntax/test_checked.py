"""Every mistake at its place, in words that a person can act on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from crawler.errors import ManifestInvalid
from crawler.syntax import yaml
from crawler.syntax.checked import check
from crawler.syntax.fields import (
    AuthSpec,
    HeaderMap,
    HttpUrl,
    ParamMap,
    RetrySpec,
    Spec,
    TextField,
    TimeoutSpec,
)
from crawler.syntax.resolved import resolved
from crawler.syntax.template import TASK_NAMES


class Entry(Spec):
    url: HttpUrl
    checksum: str | None = None


class Cat(Spec):
    kind: Literal["cat"]
    lives: int = 9


class Dog(Spec):
    kind: Literal["dog"]
    tricks: list[TextField] = Field(default_factory=list)


class Sheet(Spec):
    url: HttpUrl
    urls: list[HttpUrl | Entry] = Field(default_factory=list)
    headers: HeaderMap = Field(default_factory=dict)
    params: ParamMap = Field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    timeout: TimeoutSpec = TimeoutSpec()
    retry: RetrySpec = RetrySpec()
    auth: AuthSpec | None = None
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = Field(default_factory=list)
    segments: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    renamed: bool = Field(False, alias="as")
    name: Annotated[str, Field(min_length=1)] = "x"
    body: Any = None


def checked(text: str) -> Sheet:
    node = yaml.parse(text, "m.yaml")
    value, problems = resolved(node, {"vars": {"n": 7}}, TASK_NAMES, "m.yaml")
    assert problems == []
    return check(Sheet, node, value, "m.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(ManifestInvalid) as caught:
        checked(text)
    found = [str(problem) for problem in caught.value.problems]
    assert not any("nput should" in line or "pydantic" in line for line in found)
    return found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tmeout: 3", "m.yaml:2:1: unknown key 'tmeout'; did you mean 'timeout'?"),
        ("timeout: {totl: 3}", "m.yaml:2:11: unknown key 'totl'; did you mean 'total'?"),
        ("retry: {xyz: 3}", "expected one of attempts, backoff, max_backoff, statuses"),
        ("timeout: 5x", "m.yaml:2:10: expected a duration (seconds or 500ms, 1s, 2m, 1h, 1d), found '5x'"),
        ("retry: {attempts: 0}", "m.yaml:2:19: expected at least 1, found 0"),
        ("retry: {attempts: true}", "m.yaml:2:19: expected a whole number, found true"),
        ("retry: 3", "m.yaml:2:8: expected a mapping, found 3"),
        ("method: GTE", "m.yaml:2:9: expected 'GET' or 'POST', found 'GTE'; did you mean 'GET'?"),
        ("headers: {a b: x}", "m.yaml:2:11: 'a b' is no header name"),
        ("headers: {a: yes, b: true}", "m.yaml:2:22: expected text, found true; put it in quotes"),
        ('headers: {a: "x\\r\\n"}', "m.yaml:2:14: a header value must be one line"),
        ("params: {a: null}", "m.yaml:2:13: expected text or a list, found null"),
        ("params: {a: [x, [y]]}", "m.yaml:2:17: expected text, found a list"),
        ("urls: [null]", "m.yaml:2:8: expected text or a mapping, found null"),
        ("urls: [a]", "m.yaml:2:8: not an absolute URL"),
        (
            "urls: [{url: 'http://a', chekcsum: x}]",
            "m.yaml:2:26: unknown key 'chekcsum'; did you mean 'checksum'?",
        ),
        ("urls: [{}]", "m.yaml:2:8: missing key 'url'"),
        ("urls: 5", "m.yaml:2:7: expected a list, found 5"),
        ("pets: [{kind: cow}]", "m.yaml:2:15: expected one of 'cat', 'dog', found 'cow'"),
        ("pets: [{lives: 1}]", "m.yaml:2:8: missing key 'kind'"),
        ("pets: [{kind: cat, live: 1}]", "m.yaml:2:20: unknown key 'live'; did you mean 'lives'?"),
        ("segments: 0", "m.yaml:2:11: expected at least 1, found 0"),
        ("segments: atuo", "m.yaml:2:11: expected 'auto' or a whole number, found 'atuo'"),
        ("as: no", "m.yaml:2:5: expected true or false, found 'no'"),
        ("name: ''", "m.yaml:2:7: expected at least 1 character, found 0"),
        ("auth: {user: u, token: t}", "m.yaml:2:7: bearer credentials are a 'token' alone"),
        ("name: [1]", "m.yaml:2:7: expected text, found a list"),
        (
            "retry: {attempts: '${row.n}'}",
            "found the template '${row.n}', whose value is known task by task only",
        ),
        ("timeout: ${row.n}", "expected a fixed value, found the template '${row.n}'"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, problem: str) -> None:
    (found,) = problems(f"url: http://a.example\n{text}\n")
    assert problem in found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    assert problems("method: PUT\nretry:\n  attempts: 0\n  tries: 1\nas: 5\n") == [
        "m.yaml:1:1: missing key 'url'",
        "m.yaml:1:9: expected 'GET' or 'POST', found 'PUT'",
        "m.yaml:3:13: expected at least 1, found 0",
        "m.yaml:4:3: unknown key 'tries'; expected one of attempts, backoff, max_backoff, statuses",
        "m.yaml:5:5: expected true or false, found 5",
    ]


def test_numbers_become_text_as_they_were_written() -> None:
    made = checked(
        "url: http://a.example\nname: 007\nheaders: {A: 1.10, B: 0x1F, C: '${vars.n}'}\n"
        "params: {p: [1.50, 1e3], q: +5}\nauth: {user: 12, password: 0123}\nbody: {x: 010}\n"
        "pets: [{kind: dog, tricks: [00]}]\nurls: [{url: 'http://b', checksum: 1_0}]\n"
    )
    assert made.name == "007"
    assert made.headers == {"A": "1.10", "B": "0x1F", "C": "7"}
    assert made.params == {"p": ("1.50", "1e3"), "q": "+5"}
    assert made.auth is not None
    assert (made.auth.user, made.auth.password) == ("12", "0123")
    assert made.body == {"x": 10}
    assert made.pets[0] == Dog(kind="dog", tricks=["00"])


def test_the_callers_value_is_left_as_it_was() -> None:
    node = yaml.parse("url: http://a.example\nname: 007\n", "m.yaml")
    value = yaml.plain(node)
    check(Sheet, node, value, "m.yaml")
    assert value == {"url": "http://a.example", "name": 7}


def test_long_values_are_cut_and_escaped() -> None:
    (found,) = problems(f'url: http://a.example\nmethod: "{"x" * 500}\\u202e"\n')
    assert len(found) < 150
    (found,) = problems('url: http://a.example\nmethod: "a\\u202e\\e[31m"\n')
    assert "'a\\u202e\\x1b[31m'" in found


def test_secrets_are_not_quoted() -> None:
    (found,) = problems("url: http://a.example\nauth: {user: u, password: {a: hunter2}}\n")
    assert found == "m.yaml:2:27: expected text, found a mapping"
    (found,) = problems("url: http://a.example\nauth: {user: u, password: [hunter2]}\n")
    assert "hunter2" not in found


def test_a_value_of_the_wrong_kind_altogether_is_one_problem() -> None:
    assert problems("- a\n- b\n") == ["m.yaml:1:1: expected a mapping, found a list"]


def test_templates_that_cannot_be_resolved_are_problems_at_their_place() -> None:
    node = yaml.parse("a: ${x}\nb: [ok, '${row.id}', '${']\n", "m.yaml")
    value, found = resolved(node, {}, TASK_NAMES, "m.yaml")
    assert [(problem.line, problem.column) for problem in found] == [(1, 4), (2, 22)]
    assert isinstance(value, dict)
    assert value["a"] == "${x}"
