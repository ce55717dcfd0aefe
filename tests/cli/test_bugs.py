"""A bug in the program: exit 1, the other tasks finished, a traceback that gives no secret away."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.running import events, finals, manifest
from tests.conftest import Ran, crawler_environment
from tests.server import Server, file_bytes

SECRET = 'pa$$ wörd/"9+8'  # every character that some encoding changes

BROKEN_TYPE = """
import base64, os, sys, urllib.parse
from typing import Any, Literal

from crawler.__main__ import main
from crawler.job_types import table
from crawler.job_types.request import RequestJob, RequestKeys


class BrokenSpec(RequestKeys):
    type: Literal["broken"]


class Broken(RequestJob):
    name = "broken"
    spec = BrokenSpec

    async def perform(self, task: Any, tools: Any) -> Any:
        secret = os.environ["HOOK"]
        forms = [secret, urllib.parse.quote(secret, safe=""), repr(secret), secret.encode().hex()]
        coded = base64.b64encode(("user:" + secret).encode()).decode()
        raise KeyError(f"{forms[:3]} {coded} {dict(task.request.headers)} https://u:{forms[1]}@h/?k={forms[1]}")


table.JOB_TYPES = table.JobTypes({**table.MAKERS, "broken": Broken})
sys.exit(main())
"""


def run_script(program: str, *args: str | Path, cwd: Path, env: dict[str, str]) -> Ran:
    script = cwd / "program.py"
    script.write_text(program)
    (cwd / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, script, *args],
        cwd=cwd,
        env=crawler_environment(cwd / "home", env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def assert_nowhere(secret: str, *texts: str | bytes | Path) -> None:
    """The secret stands in no text or file, raw or in any usual encoding."""
    octets = secret.encode()
    forms = [octets, quote(secret, safe="").encode(), quote(secret).encode(), octets.hex().encode()]
    forms += [json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode()]
    forms += [base64.b64encode(b"x" * shift + octets)[4:-4] for shift in range(3)]
    for text in texts:
        found = text.encode() if isinstance(text, str) else text
        for data in [found] if isinstance(found, bytes) else [file.read_bytes() for file in files(found)]:
            assert [form for form in forms if form in data] == []


def files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found, f"there is nothing in {folder}"
    return found


def test_a_broken_job_type_harms_no_other_and_gives_no_secret_away(
    threaded_server: Server, tmp_path: Path
) -> None:
    jobs = f"""
  - {{name: bad, type: broken, url: "{threaded_server.url("/echo")}?k=${{env.HOOK}}",
     headers: {{X-Hook: "key ${{env.HOOK}}"}}}}
  - {{name: good, type: download, urls: ["{threaded_server.url("/file/1000")}"], to: good}}
"""
    done = run_script(
        BROKEN_TYPE,
        *("run", manifest(tmp_path, jobs), "-o", tmp_path / "out", "--state", tmp_path / "state", "-vv"),
        *("--report", tmp_path / "report.json", "--events", tmp_path / "events.jsonl", "--json"),
        cwd=tmp_path,
        env={"HOOK": SECRET},
    )
    assert done.returncode == 1, done.stderr
    assert finals(tmp_path / "out") == {"good": file_bytes(1000)}
    told = {event["job"]: event for event in events(tmp_path / "events.jsonl")}
    assert told["bad"]["error"]["class"] == "bug"
    assert told["good"]["outcome"] == "new"
    assert "Traceback (most recent call last)" in done.stderr
    assert "program.py" in done.stderr  # where it happened
    assert "KeyError" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("crawler: exit 1: a bug in the program: 1 of 2 tasks met")
    assert json.loads(done.stdout)["exit_code"] == 1
    texts = (done.stdout, done.stderr, (tmp_path / "report.json").read_bytes())
    assert_nowhere(SECRET, *texts, (tmp_path / "events.jsonl").read_bytes(), tmp_path / "state")


RAISING_HOOK = """
import logging, os, sys
import crawler

def serialize(value):
    raise TypeError(f"cannot write {value} with {os.environ['HOOK']}")

logging.basicConfig()
report = crawler.run("test.yaml", output="out", json_bytes=serialize, events="events.jsonl")
sys.exit(report.exit_code)
"""


def test_a_serializer_that_raises_is_a_bug_of_that_task(threaded_server: Server, tmp_path: Path) -> None:
    manifest(
        tmp_path,
        f"""
  - {{name: bad, type: post, url: "{threaded_server.url("/counter/x")}", json: {{token: "${{env.HOOK}}"}}}}
  - {{name: good, type: download, urls: ["{threaded_server.url("/file/1000")}"], to: good}}
""",
    )
    done = run_script(RAISING_HOOK, cwd=tmp_path, env={"HOOK": SECRET})
    assert done.returncode == 1, done.stderr
    assert threaded_server.count("x") == 0
    assert finals(tmp_path / "out") == {"good": file_bytes(1000)}
    told = {event["job"]: event for event in events(tmp_path / "events.jsonl")}
    assert (told["bad"]["outcome"], told["bad"]["error"]["class"]) == ("failed", "bug")
    assert "Traceback (most recent call last)" in done.stderr
    assert "in serialize" in done.stderr
    assert_nowhere(SECRET, done.stdout, done.stderr, (tmp_path / "events.jsonl").read_bytes())
    assert_nowhere(SECRET, tmp_path / "out")


BREAKING = """
import os, sys
from crawler.__main__ import main
{setup}

def broken(*args, **kwargs):
    raise RuntimeError("no room foresaw " + os.environ["MY_TOKEN"])

{where} = broken
main()
"""

PLACES: dict[str, tuple[str, str]] = {
    "the engine": (
        "from crawler.policy.frontier import Frontier",
        "Frontier.take",
    ),
    "the preparation": ("from crawler import app", "app.load"),
    "the end of the run": ("from crawler.report import json_report", "json_report.build"),
    "a command": ("from crawler.cli import arguments", "arguments.options"),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_exception_outside_of_any_task_ends_in_one_line_that_says_so(
    place: str, threaded_server: Server, tmp_path: Path
) -> None:
    setup, where = PLACES[place]
    url = threaded_server.url("/file/10")
    headers = '{Authorization: "Bearer ${env.MY_TOKEN}"}'
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}"], to: a, headers: {headers}}}')
    program = BREAKING.format(setup=setup, where=where)
    done = run_script(program, "run", path, "-o", "out", cwd=tmp_path, env={"MY_TOKEN": SECRET})
    assert done.returncode == 1, done.stderr
    assert "Traceback (most recent call last)" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("crawler: exit 1: a bug in the program: ")
    assert "no room foresaw ***" in last
    assert_nowhere(SECRET, done.stdout, done.stderr)
    again = run_script("from crawler.__main__ import main\nmain()", *_plain(path), cwd=tmp_path, env=_token())
    assert again.returncode == 0, again.stderr  # nothing that it left behind is in the way


def _plain(path: Path) -> tuple[Any, ...]:
    return ("run", path, "-o", "out")


def _token() -> dict[str, str]:
    return {"MY_TOKEN": SECRET}


def test_closed_standard_streams_harm_nothing(threaded_server: Server, tmp_path: Path) -> None:
    """With ``2>&-`` the next file that is opened would become stderr, and messages would go into it."""
    url = threaded_server.url("/file/1000")
    bad = threaded_server.url("/status/404")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: ["{url}", "{bad}"], to: "${{index}}"}}')
    (tmp_path / "home").mkdir()
    command = f'exec "{sys.executable}" -m crawler run "{path}" -o out --json -v <&- >&- 2>&-'
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, env=crawler_environment(tmp_path / "home"), timeout=60, check=False
    )
    assert done.returncode == 4
    assert finals(tmp_path / "out") == {"0": file_bytes(1000)}
    ledger = tmp_path / "out/.crawler/test.sqlite"
    assert ledger.read_bytes().startswith(b"SQLite format 3\0")
    assert (tmp_path / "out/.crawler/test.lock").stat().st_size == 0
