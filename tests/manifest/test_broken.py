"""Every kind of broken manifest is refused whole, each mistake with its place."""

from __future__ import annotations

import json
import time
from datetime import datetime

import pytest

from crawler.errors import ManifestInvalid
from crawler.manifest.load import load
from tests.manifest.conftest import Desk

HEAD = "version: 1\njobs:\n"
GET = "  - {name: a, type: download, urls: [https://example.org/a]}\n"

TWELVE = {
    "duplicate key": (
        HEAD + "  - name: a\n    name: b\n    type: download\n    urls: [https://example.org/]\n",
        ["4:5: duplicate key 'name'; it already stands at line 3, column 5"],
    ),
    "misspelt key": (
        HEAD + "  - name: a\n    type: download\n    urls: [https://example.org/]\n    chekcsum: md5:0\n",
        ["6:5: unknown key 'chekcsum'; did you mean 'checksum'?"],
    ),
    "alias bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
        ),
        ["4:29: aliases repeat more than 10000 values"],
    ),
    "tag": (
        HEAD + "  - name: a\n    type: !!python/object/apply:os.system [id]\n",
        ["4:11: tags are not accepted, found '!!python/object/apply:os.system'; remove it"],
    ),
    "100 000 nested brackets": ("[" * 100_000, ["1:65: nested deeper than 64 levels"]),
    "unknown type": (
        HEAD + "  - name: a\n    type: downlod\n    urls: [https://example.org/]\n",
        ["4:11: unknown job type 'downlod'; did you mean 'download'?; known types are download"],
    ),
    "bad URL": (
        HEAD
        + "  - name: a\n    type: download\n    urls:\n      - https://example.org/\n      - example.org/b\n",
        ["7:9: not an absolute URL; it must start with a scheme (http, https)"],
    ),
    "CR/LF in a header": (
        HEAD
        + '  - name: a\n    type: download\n    headers: {X-A: "a\\r\\nHost: b"}\n    urls: [https://x/]\n',
        ["5:20: a header value must be one line, found a carriage return at character 2"],
    ),
    "unset secret": (
        HEAD
        + '  - name: a\n    type: download\n    urls: [https://x/]\n    auth: {token: "${env.API_TOKEN}"}\n',
        ["6:19: ${env.API_TOKEN}: the environment variable API_TOKEN is not set"],
    ),
    "two tasks with one target": (
        HEAD
        + "  - name: a\n    type: download\n    urls:\n      - https://example.org/A.csv\n"
        + "      - {url: https://example.com/b, to: EXAMPLE.org/a.csv}\n",
        ["7:42: target 'EXAMPLE.org/a.csv' is also one of job 'a' at line 6, column 9; set another 'to'"],
    ),
    "two requests with one target": (
        HEAD + "  - name: a\n    type: request\n    urls: [https://x/a, https://x/b]\n    save: a.json\n",
        ["5:25: target 'a.json' is also one of job 'a' at line 5, column 12; set another 'save'"],
    ),
    "bad duration": (
        HEAD + "  - name: a\n    type: download\n    urls: [https://x/]\n    timeout: {total: 5 minutes}\n",
        ["6:22: expected a duration (seconds or 500ms, 1s, 2m, 1h, 1d), found '5 minutes'"],
    ),
    "empty file": ("", ["1:1: the file is empty"]),
}


@pytest.mark.parametrize("case", TWELVE)
def test_a_broken_manifest_is_refused_with_the_place_of_its_mistake(desk: Desk, case: str) -> None:
    text, expected = TWELVE[case]
    started = time.monotonic()
    found = desk.problems(text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert time.monotonic() - started < 10  # a bomb would take minutes


def test_what_yaml_refuses_in_one_place_hides_no_mistake_in_another(desk: Desk) -> None:
    found = desk.problems(
        """\
        version: 1
        nmae: x
        jobs:
          - name: a
            type: download
            type: request
            urls: ["ftp://x/"]
          - name: b
            type: post
            url: !!python/object:os.system "x"
            headers: {A: *nothing}
            workers: 3
          - name: c
            type: dowload
            timeout: 3 parsecs
            chekcsum: x
          - {name: d, type: zzz, retry: {attempts: 0o99}, urls: x, timeout: {totl: 1}}
        """
    )
    assert [line.partition(": ")[0] for line in found] == [
        *("2:1", "6:5", "7:12", "10:10", "11:18", "12:5", "14:11", "15:14", "16:5", "17:21", "17:44", "17:70")
    ]
    assert "duplicate key 'type'" in found[1]
    assert "tags are not accepted" in found[3]
    assert "did you mean 'checksum'?" in found[8]
    assert "unknown job type 'zzz'" in found[9]


def test_a_template_that_no_task_can_render_is_shown_where_it_stands(desk: Desk) -> None:
    found = desk.problems(
        HEAD
        + "  - name: a\n    type: download\n    urls: [https://example.org/a]\n    to: out/${row.id}\n"
        + "  - {name: b, type: request, url: https://example.org/b, headers: {A: 'x ${row.id}'}}\n"
    )
    assert [line.partition(": ")[0] for line in found] == ["6:9", "7:71"]


def test_all_mistakes_of_all_kinds_are_shown_at_once_in_the_order_of_the_file(desk: Desk) -> None:
    found = desk.problems(
        """\
        version: 2
        nmae: x
        vars: {base: "${env.NOPE}"}
        jobs:
          - name: a
            type: downlaod
          - name: b
            type: download
            urls: ["${base}/x", "ftp://example.org/"]
            to: ${nme}
            retry: {attempts: 0}
          - name: b
            type: request
            needs: [c]
            url: https://example.org/
            method: BREW
          - type: request
            url: https://example.org/
          - name: d
            type: request
            url: https://example.org/
            needs: nothere
        """
    )
    assert [line.split(": ", 1)[0] for line in found] == [
        "1:10",
        "2:1",
        "3:14",
        "6:11",
        "9:25",
        "10:9",
        "11:23",
        "12:11",
        "14:13",
        "16:13",
        "17:5",
        "22:12",
    ]


def test_what_a_broken_var_leads_to_is_not_reported_again(desk: Desk) -> None:
    text = """\
        version: 1
        vars: {base: "${env.NOPE}", deep: "${base}/x"}
        jobs:
          - {name: a, type: download, urls: ["${base}/a", "${deep}/b", "${vars.base ~ 1}"]}
        """
    assert desk.problems(text) == ["2:14: ${env.NOPE}: the environment variable NOPE is not set"]


def test_a_secret_is_never_quoted(desk: Desk) -> None:
    desk.environ = {"TOKEN": "s3cr3t\nvalue", "EMPTY": "", "LINE": "\n"}
    found = desk.problems(
        HEAD
        + '  - name: a\n    type: download\n    urls: [https://x/]\n    headers: {A: "x ${env.TOKEN}"}\n'
        + '    params: {b: "${env.EMPTY}", c: "${env.LINE}"}\n'
    )
    assert found[0].startswith("6:18: a header value must be one line, found a line break")
    assert found[1:] == [
        "7:17: ${env.EMPTY}: the environment variable EMPTY is empty",
        "7:36: ${env.LINE}: the environment variable LINE is empty",
    ]
    assert "s3cr3t" not in "".join(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just text", "1:1: expected a manifest with 'version' and 'jobs', found 'just text'"),
        ("version: 1\n", "1:1: missing key 'jobs'"),
        ("version: 1\njobs: []\n", "2:7: expected at least 1 item, found 0"),
        ("version: 1\njobs: {a: b}\n", "2:7: expected a list, found a mapping"),
        ("version: 1\njobs: [x]\n", "2:8: expected a job with 'name' and 'type', found 'x'"),
        (HEAD + "  - {name: a}\n", "3:5: missing key 'type'; expected one of download"),
        (HEAD + "  - {type: download, urls: [https://x/]}\n", "3:5: missing key 'name'"),
        (HEAD + "  - {name: a b, type: download, urls: [https://x/]}\n", "3:12: 'a b' is no job name"),
        (HEAD + GET + "name: ../x\n", "4:7: '../x' cannot name a file"),
        (HEAD + GET + "vars: {row: 1}\n", "4:8: the name 'row' is reserved"),
        (HEAD + GET + "vars: {a-b: 1}\n", "4:8: 'a-b' is no name for a var"),
        (HEAD + GET + "defaults: {header: {}}\n", "4:12: unknown key 'header'; did you mean 'headers'?"),
        (HEAD + GET + "hosts: {x.org: {concurrency: 0}}\n", "4:30: expected at least 1, found 0"),
        (HEAD + GET.replace("a,", "010,"), None),
        (HEAD + GET + GET, "4:12: job 'a' stands already at line 3"),
    ],
)
def test_the_frame_of_a_manifest_is_checked(desk: Desk, text: str, expected: str | None) -> None:
    if expected is None:
        assert desk.load(text).jobs[0].name == "010"
        return
    found = desk.problems(text)
    assert found[0].startswith(expected)


def test_a_manifest_that_cannot_be_read_says_so(desk: Desk) -> None:
    with pytest.raises(ManifestInvalid, match=r"gone\.yaml: cannot be read: No such file"):
        load(desk.folder / "gone.yaml", config=desk.config, environ={}, now=datetime(2024, 1, 1))


@pytest.mark.parametrize(
    "secret", ["s3cr3t", "it's\\ s3cr3t", "s3cr3t" * 20, "p4ss", "https://s3cr3t.example"]
)
@pytest.mark.parametrize("value", ["${env.S}", "ftp://${env.S}/", "x" * 55 + "${env.S}", "${env.S}${env.S}"])
@pytest.mark.parametrize("key", ["url", "method", "when", "timeout", "checksum", "type", "name", "from"])
def test_what_the_environment_holds_is_never_quoted(desk: Desk, secret: str, value: str, key: str) -> None:
    desk.environ = {"S": secret}
    job = {"name": "a", "type": "request", "url": "https://x/"} | {key: value, "oops": value}
    found = desk.problems(json.dumps({"version": 1, "jobs": [job]}))
    shown = "".join(found)
    assert found
    assert secret not in shown
    assert "s3cr3ts3" not in shown
    assert repr(secret)[1:-1] not in shown


def test_a_message_names_the_variable_instead_of_its_value(desk: Desk) -> None:
    desk.environ = {"WAIT": "five minutes"}
    found = desk.problems(HEAD + "  - {name: a, type: post, url: 'https://x/', timeout: '${env.WAIT}'}\n")
    assert found == ["3:55: expected a duration (seconds or 500ms, 1s, 2m, 1h, 1d), found '${env.WAIT}'"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("type: post, url: 'https://x/', json: {x: [.nan]}", "NaN and infinity are no JSON"),
        ("type: post, url: 'https://x/', json: -.inf", "NaN and infinity are no JSON"),
        ("type: websocket, url: 'ws://x/', send: [{json: [.inf]}]", "NaN and infinity are no JSON"),
        ("type: websocket, url: 'ws://x/', send: [{json: '${env}'}]", "${env} is no value"),
        ("type: websocket, url: 'ws://x/', send: {json: {a: '${env}'}}", "${env} is no value"),
        ("type: post, url: 'https://x/', json: '${env | items | list}'", "env cannot be listed"),
        ("type: post, url: 'https://x/', json: '${env | list}'", "env cannot be listed"),
        ("type: post, url: 'https://x/', headers: {Content-Length: 5}", "follows from the body"),
        ("type: post, url: 'https://x/', headers: {transfer-encoding: chunked}", "follows from the body"),
    ],
)
def test_what_cannot_be_sent_as_it_is_written_is_refused(desk: Desk, keys: str, expected: str) -> None:
    desk.environ["SECRET"] = "hunter2"
    (found,) = desk.problems(f"version: 1\njobs:\n- {{name: a, {keys}}}\n")
    assert found.startswith("3:")
    assert expected in found
    assert "hunter2" not in found
