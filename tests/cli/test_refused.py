"""What is wrong before the first request: exit 2, every mistake with its place, nothing sent or written."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.running import manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
GOOD = '  - {name: good, type: download, urls: ["BASE/file/10"], to: good}\n'
HEAD = f"version: 1\njobs:\n{GOOD}"

# What is wrong, the manifest (BASE is the server), and what must be said of it.
BROKEN = {
    "duplicate key": (
        HEAD + "  - {name: a, name: b, type: download, urls: [BASE/a]}\n",
        ["4:15: duplicate key 'name'"],
    ),
    "misspelt key": (
        HEAD + "  - {name: a, type: download, urls: [BASE/a], chekcsum: 'md5:0'}\n",
        ["4:{}: unknown key 'chekcsum'; did you mean 'checksum'?"],
    ),
    "alias bomb": (BOMB + HEAD, ["4:29: aliases repeat more than 10000 values"]),
    "tag": (
        HEAD + "  - {name: a, type: !!python/object/apply:os.system [id]}\n",
        ["4:21: tags are not accepted"],
    ),
    "100 000 nested brackets": (HEAD + "x: " + "[" * 100_000, ["4:{}: nested deeper than 64 levels"]),
    "unknown type": (
        HEAD + "  - {name: a, type: downlod, urls: [BASE/a]}\n",
        ["4:21: unknown job type 'downlod'; did you mean 'download'?"],
    ),
    "bad URL": (HEAD + "  - {name: a, type: download, urls: ['ftp://x/']}\n", ["4:38: "]),
    "CR/LF in a header": (
        HEAD + '  - {name: a, type: download, headers: {X-A: "a\\r\\nHost: b"}, urls: [BASE/a]}\n',
        ["4:46: a header value must be one line, found a carriage return at character 2"],
    ),
    "unset secret": (
        HEAD + '  - {name: a, type: download, urls: [BASE/a], auth: {token: "${env.NOT_SET}"}}\n',
        ["4:{}: ${{env.NOT_SET}}: the environment variable NOT_SET is not set"],
    ),
    "two tasks with one target": (
        HEAD + "  - {name: a, type: download, urls: [BASE/a, BASE/b], to: GOOD}\n",
        ["4:{}: target 'GOOD' is also one of job 'good'", "4:{}: target 'GOOD' is also one of job 'good'"],
    ),
    "bad duration": (
        HEAD + "  - {name: a, type: download, urls: [BASE/a], timeout: 5 minutes}\n",
        ["4:{}: expected a duration (seconds or 500ms, 1s, 2m, 1h, 1d), found '5 minutes'"],
    ),
    "empty file": ("", ["1:1: the file is empty"]),
    "five at once": (
        "version: 2\nnmae: x\njobs:\n"
        "  - {name: a, type: downlaod}\n"
        "  - {name: b, type: request, url: BASE/b, needs: [c]}\n"
        "  - {name: b, type: request, url: BASE/b, method: BREW}\n",
        ["1:10: ", "2:1: unknown key 'nmae'; did you mean 'name'?", "4:21: ", "5:{}: ", "6:12: ", "6:{}: "],
    ),
}


def listed(lines: list[str], name: str, expected: list[str]) -> None:
    """Each line is ``file:line:col: message`` as expected, where a column may be left open."""
    assert len(lines) == len(expected), lines
    for line, start in zip(lines, expected, strict=True):
        assert re.match(
            re.escape(f"{name}:{start}")
            .replace(r"\{\}", r"\d+")
            .replace(r"\{\{", r"\{")
            .replace(r"\}\}", r"\}"),
            line,
        ), (line, start)


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_manifest_sends_and_writes_nothing(
    case: str, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    text, expected = BROKEN[case]
    (tmp_path / "bad.yaml").write_text(text.replace("BASE", threaded_server.base))
    began = time.monotonic()
    ran = run_crawler("run", "bad.yaml", "-o", "out", "--report", "r.json", "--events", "e.jsonl")
    seconds = time.monotonic() - began
    assert ran.returncode == 2
    *lines, last = ran.stderr.splitlines()
    listed(lines, "bad.yaml", expected)
    many = f"{len(expected)} problem" + ("s" if len(expected) > 1 else "")
    assert last == f"crawler: exit 2: {many} in bad.yaml; nothing was sent"
    assert threaded_server.connections == 0
    assert ran.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.yaml", "home"]
    assert seconds < 5  # a bomb that went off would take minutes


def test_check_prints_every_mistake_on_stdout_and_is_silent_about_a_good_manifest(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    text, expected = BROKEN["five at once"]
    (tmp_path / "bad.yaml").write_text(text.replace("BASE", threaded_server.base))
    (tmp_path / "worse.yaml").write_text("")
    (tmp_path / "good.yaml").write_text(HEAD.replace("BASE", threaded_server.base))
    ran = run_crawler("check", "bad.yaml", "good.yaml", "worse.yaml")
    assert ran.returncode == 2
    *lines, last = ran.stdout.splitlines()
    listed(lines, "bad.yaml", expected)
    listed([last], "worse.yaml", ["1:1: the file is empty"])
    assert ran.stderr == "crawler: exit 2: 7 problems\n"
    good = run_crawler("check", "good.yaml", "-o", "out")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    assert threaded_server.connections == 0
    assert not (tmp_path / "out").exists()


USAGE = [
    (("run", "m.yaml", "--workers", "0"), "'--workers': 0 is not in the range x>=1", "run"),
    (("run", "m.yaml", "--retry-faild"), "--retry-faild", "run"),
    (("run", "m.yaml", "--deadline", "soon"), "expected a duration", "run"),
    (("run", "m.yaml", "--deadline", "0"), "expected more than 0, found '0'", "run"),
    (("run", "m.yaml", "--set", "novalue"), "'novalue' is not NAME=VALUE", "run"),
    (("run",), "Missing argument 'MANIFEST'", "run"),
    (("run", "m.yaml", "n.yaml"), "unexpected extra argument (n.yaml)", "run"),
    (("schema", "manifset"), "'manifset' is not one of 'manifest', 'config'", "schema"),
    (("get", "http://x/", "http://y/", "--checksum", "md5:0"), "--checksum fits one URL only", "get"),
    (("get", "http://x/", "-H", "Accept"), "-H 'Accept' is not 'Name: value'", "get"),
    (("chekc", "m.yaml"), "there is no command 'chekc'; did you mean 'check'?", None),
    (("--verbose", "run"), "No such option", None),
]


@pytest.mark.parametrize(("words", "message", "command"), USAGE, ids=[" ".join(row[0]) for row in USAGE])
def test_a_mistake_on_the_command_line_is_one_helpful_line(
    words: tuple[str, ...], message: str, command: str | None, run_crawler: RunCrawler
) -> None:
    ran = run_crawler(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    [line] = ran.stderr.splitlines()
    assert line.startswith("crawler: exit 2: ")
    assert message in line
    assert line.endswith(f"see python -m crawler {command + ' ' if command else ''}--help")


@pytest.mark.parametrize(("flag", "value"), [("--report", "r"), ("--events", "e"), ("--events", "-")])
def test_a_dry_run_refuses_what_it_would_not_write(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, flag: str, value: str
) -> None:
    path = manifest(tmp_path, f'  - {{name: a, type: request, url: "{threaded_server.url("/echo")}"}}')
    ran = run_crawler("run", path, "-o", "out", "--dry-run", flag, value)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert flag in ran.stderr
    assert not list(tmp_path.glob("[re]"))


def test_help_lists_every_command_and_its_flags(run_crawler: RunCrawler) -> None:
    shown = run_crawler("--help")
    assert shown.returncode == 0
    for name in ("run", "check", "plan", "status", "failures", "verify", "schema", "get", "demo"):
        assert re.search(rf"^  {name} +\w", shown.stdout, re.MULTILINE), name
    assert "Exit codes: 0 done" in shown.stdout
    flags = run_crawler("run", "--help").stdout
    for flag in (
        "--config",
        "--output",
        "--state",
        "--set",
        "--only",
        "--retry-failed",
        "--force",
        "--dry-run",
    ):
        assert flag in flags
    for flag in ("--deadline", "--workers", "--report", "--events", "--progress", "--json", "--quiet"):
        assert flag in flags
    bare = run_crawler()
    assert bare.returncode == 2
    assert bare.stderr.splitlines()[-1] == "crawler: exit 2: a command is missing"


def problems(ran: Ran) -> str:
    assert ran.returncode == 2, ran.stderr
    return ran.stderr


def test_settings_that_cannot_be_are_refused_where_they_are_written(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(tmp_path, GOOD.replace("BASE", threaded_server.base))
    (tmp_path / "c.yaml").write_text("workers: 0\nqueu: 3\ntimeout: {total: soon}\n")
    found = problems(run_crawler("run", path, "-c", "c.yaml", env={"CRAWLER_WORKERS": "many"}))
    assert "c.yaml:1:10: expected at least 1, found 0" in found
    assert "c.yaml:2:1: unknown key 'queu'; did you mean 'queue'?" in found
    assert "c.yaml:3:18: expected a duration" in found
    assert "CRAWLER_WORKERS: " in found
    assert "CRAWLER_WORKRES: unknown variable; did you mean CRAWLER_WORKERS?" in problems(
        run_crawler("run", path, env={"CRAWLER_WORKRES": "3"})
    )
    assert "gone.yaml: cannot be read: No such file" in problems(run_crawler("run", path, "-c", "gone.yaml"))
    assert "gone.yaml: cannot be read: No such file" in problems(run_crawler("run", "gone.yaml"))
    misspelt = problems(run_crawler("run", path, "--only", "godo"))
    assert "--only godo: there is no such job; did you mean 'good'?" in misspelt
    assert threaded_server.connections == 0
    assert not (tmp_path / "data").exists()


def test_a_report_or_events_that_could_not_be_written_are_refused_before_the_work(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    path = manifest(tmp_path, GOOD.replace("BASE", threaded_server.base))
    assert "--report no/r.json: there is no folder" in problems(
        run_crawler("run", path, "-o", "out", "--report", "no/r.json")
    )
    assert "'home' is a directory" in problems(run_crawler("run", path, "-o", "out", "--report", "home"))
    assert "--events no/e.jsonl: there is no folder" in problems(
        run_crawler("run", path, "-o", "out", "--events", "no/e.jsonl")
    )
    assert "--events home: is a folder" in problems(run_crawler("run", path, "-o", "out", "--events", "home"))
    assert threaded_server.connections == 0
    assert not (tmp_path / "out").exists()
