"""What one job captures and another uses: wrong names, jobs and places are refused before the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crawler.job_types.asking import as_written, supplied
from crawler.job_types.base import Asks, Job
from crawler.job_types.table import JOB_TYPES
from crawler.manifest.schema import manifest_json_schema
from crawler.model import Task
from tests.job_types.bench import Sources
from tests.manifest.conftest import Desk

HEAD = "version: 1\njobs:\n"
LOGIN = "- {name: login, type: post, url: 'https://x/', capture: {token: access_token, build: b}}\n"


def use(text: str, more: str = "needs: login", type_: str = "type: request, url: 'https://x/'") -> str:
    return f'- {{name: use, {type_}, {more}, headers: {{A: "{text}"}}}}\n'


WRONG_USES = {
    "unknown job": (
        LOGIN + use("${needs.logn.token}"),
        "there is no job 'logn' to take a value from; did you mean 'login'?",
    ),
    "unknown name": (
        LOGIN + use("a ${needs.login.tokn} b"),
        "job 'login' captures no 'tokn'; did you mean 'token'?",
    ),
    "a name that resembles none": (
        LOGIN + use("${needs['login']['zz']}"),
        "job 'login' captures no 'zz'; it captures build, token",
    ),
    "not needed": (
        LOGIN + use("${needs.login.token}", "when: always"),
        "job 'login' need not have ended when this one starts; name it in 'needs' too",
    ),
    "itself": (
        use("${needs.use.a}", "capture: {a: a}"),
        "'use' is this job itself; expected one that it needs",
    ),
    "no name": (
        LOGIN + use("${needs.login}"),
        "${needs.login}: expected the name of a captured value, as in ${needs.login.NAME}",
    ),
    "no job": (LOGIN + use("${needs | tojson}"), "${needs | tojson}: expected the name of a captured value"),
    "a name that only a task knows": (
        LOGIN + use("${needs.login[index]}"),
        "${needs.login[index]}: which captured value this is must be known when the manifest loads",
    ),
    "a hyphen": (
        LOGIN.replace("login", "log-me") + use("${needs.log-me.token}", "needs: log-me"),
        "${needs.log-me.token}: unknown name 'me'; did you mean 'name'?; a job whose name is no plain word "
        "is written needs['my-job'].NAME",
    ),
    "a job that captures nothing": (
        "- {name: login, type: download, urls: ['https://x/']}\n" + use("${needs.login.token}"),
        "job 'login' captures nothing; expected a request or post with the key 'capture'",
    ),
    "all of a matrix": (
        LOGIN.replace("type:", "matrix: {r: [eu, us]}, type:") + use("${needs.login.token}"),
        "'login' is 2 jobs, one for each combination of its matrix; name one of them, as in "
        "${needs['login (eu)'].token}",
    ),
    "behind a condition": (
        LOGIN + use("${needs.login.token if index else needs.login.tokem}"),
        "job 'login' captures no 'tokem'; did you mean 'token'?",
    ),
}


@pytest.mark.parametrize("case", WRONG_USES)
def test_a_value_that_will_not_be_there_is_refused_where_it_is_used(desk: Desk, case: str) -> None:
    jobs, message = WRONG_USES[case]
    (found,) = desk.problems(HEAD + jobs)
    lines = (HEAD + jobs).splitlines()
    line = next(at for at, text in enumerate(lines, 1) if "headers" in text)
    place = f"{line}:{lines[line - 1].index('headers: {A: ') + len('headers: {A: ') + 1}: "
    assert found.startswith(place + message)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "from: a.txt, capture: {a: b}",
            "'capture' is for a job of one request; expected one 'url', without",
        ),
        ("urls: ['https://x/', 'https://y/'], capture: {a: b}", "'capture' is for a job of one request;"),
        ("url: 'https://x/', capture: {}", "expected at least 1 item, found 0"),
        ("url: 'https://x/', capture: token", "expected a mapping, found 'token'"),
        (
            "url: 'https://x/', capture: {a-b: c}",
            "'a-b' is no name for a value; expected letters, digits and _",
        ),
        ("url: 'https://x/', capture: {a: 'b['}", "not a JMESPath expression: 'b['"),
        ("url: 'https://x/', capture: {a: {css: 'b['}}", "not a CSS selector: 'b['"),
        (
            "url: 'https://x/', capture: {a: {regex: '('}}",
            "no regular expression: missing ), unterminated sub",
        ),
        ("url: 'https://x/', capture: {a: {header: 'X Y'}}", "'X Y' is no header name; expected letters"),
        ("url: 'https://x/', capture: {a: {jmespth: b}}", "unknown key 'jmespth'; did you mean 'jmespath'?"),
        (
            "url: 'https://x/', capture: {a: {type: int}}",
            "expected exactly one of 'jmespath', 'css', 'header' and",
        ),
        (
            "url: 'https://x/', capture: {a: {css: b, header: c}}",
            "expected exactly one of 'jmespath', 'css', 'hea",
        ),
        (
            "url: 'https://x/', capture: {a: {header: b, attribute: c}}",
            "only what 'css' finds has an 'attribute'",
        ),
        (
            "url: 'https://x/', capture: {a: {css: b, type: html}}",
            "expected 'text', 'int', 'float', 'bool' or",
        ),
        (
            "url: 'https://x/', capture: {a: {css: b, default: [1]}}",
            "expected text, a whole number, a number or",
        ),
        (
            "url: 'https://x/', capture: {a: {css: b, default: '${index}'}}",
            "expected text, a whole number, a num",
        ),
        (
            "url: 'https://x/', method: HEAD, capture: {a: {header: b}, c: d}",
            "capture 'c': the answer to HEAD has no body; expected a 'header'",
        ),
    ],
)
def test_a_capture_that_cannot_be_is_refused(desk: Desk, keys: str, expected: str) -> None:
    (found,) = desk.problems(f"{HEAD}- {{name: a, type: request, {keys}}}\n")
    place, message = found.split(": ", 1)
    assert place.startswith("3:")
    assert message.startswith(expected)


@pytest.mark.parametrize(
    "keys",
    [
        "type: crawl, start: 'https://x/${needs.login.token}'",
        "type: crawl, start: 'https://x/', scope: {allow: '${needs.login.token}'}",
        "type: crawl, start: 'https://x/', extract: {to: '${needs.login.token}', fields: {a: b}}",
        "type: upload, url: 'https://x/', files: '${needs.login.token}'",
        "type: download, from: '${needs.login.token}.csv'",
        "type: download, urls: ['https://x/'], segments: '${needs.login.build}'",
        "type: request, url: 'https://x/', timeout: '${needs.login.build}'",
        "type: request, url: 'https://x/', hosts: {x: {headers: {A: '${needs.login.token}'}}}",
        "type: request, url: 'https://x/', when: '${needs.login.token}'",
    ],
)
def test_where_nothing_can_wait_for_a_value_it_is_refused(desk: Desk, keys: str) -> None:
    (found,) = desk.problems(f"{HEAD}{LOGIN}- {{name: use, needs: login, {keys}}}\n")
    assert found.startswith("4:")
    assert "known" in found


def test_a_disabled_job_captures_nothing(desk: Desk) -> None:
    found = desk.problems(
        HEAD + LOGIN.replace("type:", "enabled: false, type:") + use("${needs.login.token}")
    )
    assert [line.partition(": ")[2] for line in found] == [
        "job 'login' is disabled, so nothing can wait for it",
        "job 'login' is disabled, so it captures nothing",
    ]


def test_a_job_with_mistakes_of_its_own_is_not_said_to_capture_nothing(desk: Desk) -> None:
    found = desk.problems(HEAD + LOGIN.replace("url:", "ulr:") + use("${needs.login.token}"))
    assert {line.partition(":")[0] for line in found} == {"3"}


def test_needs_is_no_name_for_a_var(desk: Desk) -> None:
    found = desk.problems(f"version: 1\nvars: {{needs: 1}}\njobs:\n{LOGIN}")
    assert found == ["2:8: the name 'needs' is reserved; call the var something else"]


def test_a_default_is_used_by_every_job_so_the_capturing_one_cannot_have_it(desk: Desk) -> None:
    head = "version: 1\ndefaults: {headers: {A: '${needs.login.token}'}}\njobs:\n"
    found = desk.problems(head + LOGIN + "- {name: use, type: request, needs: login, url: 'https://x/'}\n")
    assert found == ["2:25: 'login' is this job itself; expected one that it needs"]


@pytest.mark.parametrize("through", ["needs: login", "needs: between", "needs: [between, login]"])
def test_a_job_knows_whose_values_it_uses_and_where(desk: Desk, through: str) -> None:
    between = "- {name: between, type: request, needs: login, url: 'https://x/'}\n"
    manifest = desk.jobs(
        LOGIN.replace("type:", "matrix: {r: eu}, type:")
        + between
        + use(
            "${needs.login.token} ${needs['login (eu)'].build}", f"{through}, json: '${{needs.login.build}}'"
        )
    )
    asks = manifest.jobs[-1].asks
    assert asks == Asks({"login": "login (eu)", "login (eu)": "login (eu)"}, frozenset({"headers", "json"}))
    assert (asks.in_urls, asks.unforeseen, bool(manifest.jobs[0].asks)) == (False, False, False)


def test_only_refuses_a_user_alone_and_takes_both(desk: Desk) -> None:
    text = (
        HEAD
        + LOGIN.replace("login", "log in".replace(" ", "-"))
        + use("${needs['log-in'].token}", "needs: log-in, matrix: {r: [a, b]}")
    )
    (found,) = desk.problems(text, only=["use (a)"])
    assert found.startswith("4:")
    assert found.endswith('choose both: --only log-in --only "use (a)"')
    assert [job.name for job in desk.load(text, only=["use", "log-in"]).jobs] == [
        "log-in",
        "use (a)",
        "use (b)",
    ]
    assert [job.name for job in desk.load(text, only=["log-in"]).jobs] == ["log-in"]


def test_only_with_a_job_between_left_out_still_waits_for_what_it_uses(desk: Desk) -> None:
    between = "- {name: between, type: request, needs: login, url: 'https://x/'}\n"
    text = HEAD + LOGIN + between + use("${needs.login.token}", "needs: between")
    needs = {job.name: job.needs for job in desk.load(text, only=["login", "use"]).jobs}
    assert needs == {"login": (), "use": ("login",)}
    assert desk.load(text).jobs[-1].needs == ("between",)


def test_an_idempotency_key_must_stay_what_it_is(desk: Desk) -> None:
    keys = "needs: login, type: post, url: 'https://x/', idempotency_key: '${needs.login.token}'"
    (found,) = desk.problems(f"{HEAD}{LOGIN}- {{name: use, {keys}}}\n")
    assert found.startswith("4:77: the next run captures another value")


def test_tasks_as_written_and_supplied(desk: Desk) -> None:
    urls = (
        "['https://x/${needs.login.build}?a=1', {url: 'https://y/', to: 'n/${needs.login.build | int + 1}'}]"
    )
    manifest = desk.jobs(LOGIN + f"- {{name: use, type: download, needs: login, urls: {urls}}}\n")
    job = manifest.jobs[1]
    assert job.asks.unforeseen
    shown, whole = as_written(job), supplied(job, {"login": {"build": "41", "token": "t"}})
    assert [_targets(each) for each in (shown, whole)] == [
        ["x/${needs.login.build}@a=1", "n/${needs.login.build %7C int + 1}"],
        ["x/41@a=1", "n/42"],
    ]
    assert _targets(as_written(whole)) == _targets(shown)


def _targets(job: Job) -> list[str | None]:
    tasks = JOB_TYPES[job.type].tasks(job, Sources(job.folder))
    return [each.target for each in tasks if isinstance(each, Task)]


def test_the_schema_tells_editors_what_a_capture_is() -> None:
    schema: Any = manifest_json_schema()
    for spec in ("RequestSpec", "PostSpec"):
        assert "CaptureSpec" in json.dumps(schema["definitions"][spec]["properties"]["capture"])
    text, keys = schema["definitions"]["CaptureSpec"]["anyOf"]
    assert "string" in json.dumps(text)
    assert all("description" in key for key in keys["properties"].values())
