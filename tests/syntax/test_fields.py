"""The building blocks of specs: what they take, refuse and turn into."""

from __future__ import annotations

import pickle
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from crawler.errors import TemplateFailed
from crawler.model import RetryRule
from crawler.request import Auth, Timeouts
from crawler.syntax.fields import (
    AuthSpec,
    ByteRate,
    Duration,
    HeaderMap,
    HostMap,
    HttpUrl,
    OptionalDuration,
    ParamMap,
    Rate,
    RetrySpec,
    Size,
    Spec,
    TextField,
    TimeoutSpec,
    WsUrl,
    header_pairs,
    param_pairs,
    url_text,
)
from crawler.syntax.schema import json_schema
from crawler.syntax.template import Template


class Sample(Spec):
    text: TextField = ""
    duration: Duration = 0
    limit: OptionalDuration = 1
    size: Size = 0
    rate: Rate = 1
    speed: ByteRate = 1
    url: HttpUrl = "http://a.example"
    socket: WsUrl = "ws://a.example"
    headers: HeaderMap = Field(default_factory=dict)
    params: ParamMap = Field(default_factory=dict)
    timeout: TimeoutSpec = TimeoutSpec()
    retry: RetrySpec = RetrySpec()
    auth: AuthSpec | None = None
    hosts: HostMap = Field(default_factory=dict)
    count: int = 1
    share: float = 1.0
    flag: bool = False
    either: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"


def sample(**keys: object) -> Sample:
    return Sample.model_validate(keys)


def refusal(**keys: object) -> str:
    with pytest.raises(ValidationError) as caught:
        sample(**keys)
    return str(caught.value)


def test_a_number_where_text_is_wanted_becomes_its_text() -> None:
    assert sample(text=1).text == "1"
    assert sample(headers={"X-A": 1.5}).headers == {"X-A": "1.5"}


@pytest.mark.parametrize("value", [True, None, [], {}])
def test_other_kinds_are_no_text(value: object) -> None:
    assert "expected text" in refusal(text=value)


@pytest.mark.parametrize("value", [True, "5", 1.5, None])
def test_only_whole_numbers_are_whole_numbers(value: object) -> None:
    refusal(count=value)


@pytest.mark.parametrize("value", ["yes", "no", "true", 1, 0])
def test_only_true_and_false_are_booleans(value: object) -> None:
    refusal(flag=value)


def test_a_whole_number_is_a_number_but_true_and_nan_are_not() -> None:
    assert sample(share=2).share == 2
    refusal(share=True)
    refusal(share=float("nan"))


def test_strictness_reaches_into_unions() -> None:
    assert sample(either=3).either == 3
    refusal(either=True)
    refusal(either="3")


def test_values_with_units_become_numbers() -> None:
    made = sample(duration="500ms", size="64KiB", rate="600/min", speed="1KiB/s", limit="2m")
    assert (made.duration, made.size, made.rate, made.speed, made.limit) == (0.5, 65536, 10, 1024, 120)


@pytest.mark.parametrize("off", [0, None, "0s"])
def test_zero_and_null_switch_a_limit_off(off: object) -> None:
    assert sample(limit=off).limit is None


def test_templates_stand_wherever_text_does() -> None:
    template = Template("http://${row.host}")
    made = sample(text=template, url=template, headers={"A": template}, params={"b": [template]})
    assert {made.text, made.url, made.headers["A"]} == {template}
    assert made.params["b"] == (template,)
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("a.csv", "not an absolute URL"),
        ("ftp://a.example/", "scheme 'ftp' is not supported here; expected http, https"),
        ("http://", "names no host"),
        ("http://a b/", "no host name may have"),
        ("http://a.example/\n", "control character"),
        ("http://a.example:99999/", "not a URL"),
        ("ws://a.example/", "expected http, https"),
    ],
)
def test_urls_are_checked(url: str, reason: str) -> None:
    assert reason in refusal(url=url)


def test_a_rendered_url_is_checked_again() -> None:
    template = Template("${base}/x")
    assert url_text(template, {"base": "http://a.example"}) == "http://a.example/x"
    with pytest.raises(TemplateFailed, match=r"\$\{base\}/x: not an absolute URL"):
        url_text(template, {"base": ""})


@pytest.mark.parametrize("name", ["", "a b", "a:", "ä", "a\r\n"])
def test_a_header_name_is_a_token(name: str) -> None:
    assert "no header name" in refusal(headers={name: "x"})


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0", "\r"])
def test_a_header_value_is_one_line_also_once_it_is_rendered(value: str) -> None:
    assert "must be one line" in refusal(headers={"A": value})
    with pytest.raises(TemplateFailed, match="header A: a header value must be one line") as caught:
        header_pairs({"A": Template("${row.v}")}, {"row": {"v": value}})
    assert value not in str(caught.value)


def test_a_header_stands_once_whatever_its_case() -> None:
    assert "the same header" in refusal(headers={"Accept": "a", "accept": "b"})


def test_headers_and_params_are_rendered_in_order() -> None:
    made = sample(headers={"B": "${", "A": Template("${row.x}")}, params={"q": ["x", 1, True], "r": 1.5})
    assert header_pairs(made.headers, {"row": {"x": 7}}) == (("B", "${"), ("A", "7"))
    assert param_pairs(made.params, {}) == (("q", "x"), ("q", "1"), ("q", "true"), ("r", "1.5"))


@pytest.mark.parametrize("value", [None, {}, [[1]], [None]])
def test_a_param_is_a_scalar_or_a_list_of_scalars(value: object) -> None:
    refusal(params={"a": value})


def test_a_timeout_is_total_seconds_or_a_map_and_changes_only_what_it_sets() -> None:
    base = Timeouts(total=9, connect=8, sock_connect=7, sock_read=6, min_rate=5)
    assert sample().timeout.over(base) == base
    assert sample(timeout="1m").timeout.over(base).total == 60
    assert sample(timeout=0).timeout.over(base) == Timeouts(None, 8, 7, 6, 5)
    assert sample(timeout=None).timeout.over(base) == Timeouts(None, 8, 7, 6, 5)
    given = {"connect": "2s", "sock_read": None, "min_rate": "2KiB"}
    assert sample(timeout=given).timeout.over(base) == Timeouts(9, 2, 7, None, 2048)


def test_a_retry_rule_changes_only_what_it_sets() -> None:
    base = RetryRule(attempts=9, backoff=8, max_backoff=7, statuses=frozenset({500}))
    assert sample().retry.over(base) == base
    made = sample(retry={"attempts": 1, "backoff": "500ms"}).retry.over(base)
    assert made == RetryRule(1, 0.5, 7, frozenset({500}))


@pytest.mark.parametrize("retry", [{"attempts": 0}, {"statuses": [200]}, {"backoff": -1}, {"tries": 1}, 3])
def test_a_retry_rule_that_makes_no_sense_is_refused(retry: object) -> None:
    refusal(retry=retry)


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        ({"user": "u", "password": "p"}, Auth("basic", "u", "p")),
        ({"username": "u"}, Auth("basic", "u", "")),
        ({"token": "t"}, Auth("bearer", "", "t")),
        ({"type": "bearer", "token": Template("${env.T}")}, Auth("bearer", "", "s3cret")),
        ({"type": "digest", "user": 7, "password": 8}, Auth("digest", "7", "8")),
    ],
)
def test_credentials_are_told_by_their_keys(given: object, auth: Auth) -> None:
    spec = sample(auth=given).auth
    assert spec is not None
    assert spec.credentials({"env": {"T": "s3cret"}}) == auth


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"password": "p"},
        {"token": "t", "user": "u"},
        {"type": "bearer", "user": "u"},
        {"type": "basic", "token": "t"},
        {"user": "u", "username": "u"},
        {"user": "a:b", "password": "p"},
        {"token": "a\r\nb: c"},
        {"type": "ntlm", "user": "u"},
    ],
)
def test_credentials_that_do_not_fit_are_refused(given: object) -> None:
    refusal(auth=given)


def test_secrets_never_show() -> None:
    made = sample(auth={"user": "u", "password": "hunter2"})
    assert "hunter2" not in repr(made)
    assert "hunter2" not in refusal(auth={"user": "u", "password": ["hunter2"]})
    spec = sample(auth={"token": Template("${t}")}).auth
    assert spec is not None
    with pytest.raises(TemplateFailed) as caught:
        spec.credentials({"t": "hunter2\n"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["http://a", "", "a b"])
def test_a_host_pattern_is_a_host_pattern(pattern: str) -> None:
    assert "host pattern" in refusal(hosts={pattern: {"concurrency": 1}})


def test_a_host_rule_needs_at_least_one_task_at_once() -> None:
    assert sample(hosts={"*.a": {"concurrency": 1}}).hosts["*.a"].concurrency == 1
    refusal(hosts={"*.a": {"concurrency": 0}})


@pytest.mark.parametrize(
    "rule",
    [
        {"headers": {"X": Template("${row.x}")}},
        {"auth": {"token": Template("${row.x}")}},
        {"proxy": Template("http://${row.x}:1")},
    ],
)
def test_a_host_rule_waits_for_no_tasks_values(rule: dict[str, object]) -> None:
    assert "holds for all tasks" in refusal(hosts={"*.a": rule})


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"rate": "ten"}, "expected a rate"),
        ({"rate": "0/s"}, "above zero"),
        ({"burst": 0}, "greater than or equal to 1"),
        ({"delay": "soon"}, "expected a duration"),
        ({"bandwidth": "wide"}, "expected a byte rate"),
        ({"group": ""}, "at least 1 character"),
        ({"robots": "no"}, "valid boolean"),
    ],
)
def test_what_a_host_rule_cannot_mean_is_refused(rule: dict[str, object], found: str) -> None:
    assert found in refusal(hosts={"*.a": rule})


def test_the_json_schema_is_draft_07_and_takes_what_a_person_may_write() -> None:
    schema = json_schema(Sample, "sample")
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is False
    properties, definitions = schema["properties"], schema["definitions"]
    assert isinstance(properties, dict)
    assert isinstance(definitions, dict)
    assert properties["text"]["type"] == ["string", "number"]
    assert [option["type"] for option in properties["duration"]["anyOf"]] == ["number", "string"]
    assert properties["timeout"]["allOf"] == [{"$ref": "#/definitions/TimeoutSpec"}]
    short, text, off, full = definitions["TimeoutSpec"]["anyOf"]
    assert (short["type"], text["type"], off["type"]) == ("number", "string", "null")
    assert set(full["properties"]) == {"total", "connect", "sock_connect", "sock_read", "min_rate"}
    assert "$defs" not in str(schema)
