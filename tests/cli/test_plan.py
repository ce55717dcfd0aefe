"""What ``plan`` says a run would do: as a run then does it, and how long hosts make it take."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.running import events, manifest, started
from tests.server import Server, ThreadedServer

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def plan(run_crawler: RunCrawler, path: Path, *flags: str) -> dict[str, Any]:
    ran = run_crawler("plan", path, "-o", "out", "--json", *flags)
    assert (ran.returncode, ran.stderr) == (0, "")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def lines(run_crawler: RunCrawler, path: Path, *flags: str) -> list[str]:
    ran = run_crawler("plan", path, "-o", "out", *flags)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_plan_tells_what_a_run_would_do_and_does_none_of_it(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    base = threaded_server.base
    host = base.removeprefix("http://")
    rows = "".join(f"{n},{base}/file/{n}\n" for n in range(1, 121))
    (tmp_path / "rows.csv").write_text(f"id,url\n{rows}121,not a url\n")
    path = manifest(
        tmp_path,
        f"""
  - {{name: rows, type: download, from: rows.csv, to: "rows/${{row.id}}.bin"}}
  - {{name: two, type: request, urls: [{base}/echo, "http://other.example/x?key=s3cr3t"]}}
  - {{name: made, type: download, needs: [rows], from: out/list.txt, to: "${{name}}"}}
  - {{name: push, type: upload, needs: [rows], url: "{base}/echo", files: "rows/*.bin"}}
  - {{name: tell, type: post, needs: [push], url: "{base}/echo"}}
  - {{name: far, type: download, from: {base}/list.csv}}
""",
        head='hosts: {"127.0.0.1": {concurrency: 7}}',
    )
    shown = run_crawler("plan", path, "-o", "out")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "test: 6 jobs, into out",
        "  rows (download): 120 tasks",
        f"    {host}: 120 tasks, at most 7 at once",
        *(f"    → rows/{n}.bin" for n in range(1, 6)),
        "    ! rows.csv:122: 'not a url': not an absolute URL; it must start with a scheme (http, https)",
        "  two (request): 2 tasks",
        f"    {host}: 1 task, at most 7 at once",
        "    other.example:80: 1 task, at most 4 at once",
        "  made (download, after rows): as many tasks as those bring",
        "  push (upload, after rows): as many tasks as those bring",
        "  tell (post, after push): 1 task",
        f"    {host}: 1 task, at most 7 at once",
        "  far (download): as many tasks as its source lists",
        f"    + the rows of {base}/list.csv",
        "bound by no host: none has a rate or a delay that takes time",
    ]
    dry = run_crawler("run", path, "-o", "out", "--dry-run")
    assert (dry.returncode, dry.stdout, dry.stderr) == (0, shown.stdout, "")
    told = plan(run_crawler, path, "--only", "rows")
    [job] = told["jobs"]
    assert (told["manifest"], job["tasks"], job["bad"], job["open"]) == ("test", 120, 1, False)
    assert (job["hosts"][host]["tasks"], job["hosts"][host]["concurrency"]) == (120, 7)
    whole = json.loads(run_crawler("run", path, "-o", "out", "--dry-run", "--json").stdout)
    assert whole["jobs"][0] == job
    assert [each["open"] for each in whole["jobs"]] == [False, False, True, True, False, True]
    assert whole["tasks"][-1] == {
        "job": "tell",
        "task": f"0 POST {base}/echo",
        "url": f"{base}/echo",
        "host": host,
        "target": None,
    }
    assert {"job": "far", "open": True, "url": f"{base}/list.csv", "host": host} in whole["tasks"]
    assert "s3cr3t" not in shown.stdout + json.dumps(whole)
    assert threaded_server.connections == 0
    assert not (tmp_path / "out").exists()


def twins(server: Server, folder: Path) -> str:
    """Two lists that share names: by case, by Unicode form, and exactly; some rows are no good."""
    names = [f"{'F' if n % 7 == 0 else 'f'}ile-{n % 100}" for n in range(150)] + ["caf\u00e9", "cafe\u0301"]
    for name, shift in (("one", 0), ("two", 50)):
        rows = [
            f"{server.url(f'/file/{10 + n}/{name}')},{names[(n + shift) % len(names)]}" for n in range(150)
        ]
        rows[20] = "no url at all,x"
        rows[40] = "one field"
        (folder / f"{name}.csv").write_text("\n".join(["url,name", *rows, ""]))
    return "\n".join(
        f'  - {{name: {name}, type: download, from: {name}.csv, to: "all/${{row.name}}"}}'
        for name in ("one", "two")
    )


def kinds(server: Server, folder: Path) -> str:
    """Every job type whose tasks the manifest holds, with needs, templates, tokens and files to upload."""
    (folder / "urls.txt").write_text(
        "".join(server.url(f"/echo/{n}?token=t0ken{n}") + "\n" for n in range(5))
    )
    (folder / "out").mkdir()
    (folder / "out/a.txt").write_text("a")
    other = server.base.replace("127.0.0.1", "127.0.0.2")
    file = server.url("/file/6/x?a=b")
    return f"""
  - {{name: files, type: download, urls: [{server.url("/file/5")}, {{url: "{file}", to: X}}]}}
  - {{name: asked, type: request, from: urls.txt, save: "asked/${{index}}.json"}}
  - {{name: posted, type: post, needs: asked, urls: [{server.url("/echo")}, {server.url("/status/404")}]}}
  - {{name: pushed, type: upload, url: "{server.url("/echo/${name}")}", files: ["*.txt", "*.none"]}}
  - {{name: ticks, type: websocket, url: "{server.ws("/ws/ticks/3")}", to: ticks.jsonl}}
  - name: site
    type: crawl
    start: ["{other}/file/30"]
    hosts: {{"127.0.0.2": {{delay: 0}}}}
    robots: false
"""


@pytest.mark.parametrize("jobs", [twins, kinds])
def test_a_run_does_exactly_what_plan_listed(tmp_path: Path, run_crawler: RunCrawler, jobs: Any) -> None:
    with ThreadedServer("0.0.0.0") as server:
        server.host = "127.0.0.1"
        path = manifest(tmp_path, jobs(server, tmp_path))
        planned = plan(run_crawler, path)["tasks"]
        assert server.connections == 0
        ran = run_crawler("run", path, "-o", "out", "--events", "e.jsonl")
        assert ran.returncode in (0, 4), ran.stderr
        arrived = Counter((f"{dict(got.headers)['Host']}", got.path) for got in server.log)
    done = events(tmp_path / "e.jsonl")

    def told(entry: dict[str, Any], target: str) -> tuple[Any, ...]:
        error = entry.get("error") or {"class": None}
        unsent = error["message"] if error["class"] in ("template", "exists") else None
        return entry["job"], entry["task"], entry["url"], entry[target], unsent

    assert len(planned) > 5
    assert sorted(told(each, "target") for each in planned if each["job"] != "site") == sorted(
        told(each, "path") for each in done if each["job"] != "site"
    )
    sent = Counter(
        (each["host"], each["url"].partition("://")[2].partition("/")[2].partition("?")[0])
        for each in planned
        if "error" not in each
    )
    assert {(host, f"/{rest}"): count for (host, rest), count in sent.items()} == arrived


def test_a_dry_run_of_retry_failed_lists_what_that_comes_to(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    urls = [threaded_server.url(path) for path in ("/file/1/a", "/status/404", "/status/403")]
    jobs = f"""
  - {{name: a, type: request, from: urls.txt}}
  - {{name: after, type: request, needs: a, url: "{threaded_server.url("/echo")}"}}
"""
    (tmp_path / "urls.txt").write_text("\n".join(urls))
    path = manifest(tmp_path, jobs)
    dry = ("run", path, "-o", "out", "--retry-failed", "--dry-run", "--json")
    assert len(json.loads(run_crawler(*dry).stdout)["tasks"]) == 4  # the first run comes to everything
    assert run_crawler("run", path, "-o", "out").returncode == 4
    (tmp_path / "urls.txt").write_text("\n".join([*urls, threaded_server.url("/file/1/new")]))
    planned = [(each["job"], each["task"]) for each in json.loads(run_crawler(*dry).stdout)["tasks"]]
    threaded_server.set_answer("/status/404", b"")
    threaded_server.set_answer("/status/403", b"")
    assert run_crawler("run", path, "-o", "out", "--retry-failed", "--events", "e").returncode == 0
    sent = [(each["job"], each["task"]) for each in events(tmp_path / "e") if each["attempts"]]
    assert sorted(planned) == sorted(sent)
    assert len(planned) == 3
    assert json.loads(run_crawler(*dry).stdout)["tasks"] == []


def test_hosts_with_a_rate_or_delay_have_a_floor_over_all_jobs(
    tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "a.txt").write_text("".join(f"http://a.example/{n}\n" for n in range(7201)))
    (tmp_path / "b.txt").write_text("".join(f"http://b{n % 2}.example/{n}\n" for n in range(1801)))
    path = manifest(
        tmp_path,
        """
  - {name: a, type: request, from: a.txt}
  - {name: more, type: request, needs: a, url: "http://a.example/more"}
  - {name: b, type: request, needs: a, from: b.txt}
  - {name: free, type: request, url: "http://c.example/"}
""",
        head='hosts: {"a.example": {rate: 60/min}, "b*": {delay: 2s, group: b, concurrency: 1}}',
    )
    assert lines(run_crawler, path)[-4:] == [
        "time that limits make it take, at least:",
        "  a.example:80: 7,202 tasks at 1/s = 2 h",
        "  group:b: 1,801 tasks at 2 s apart = 1 h",
        "bound by a → b, one after the other: at least 3 h",
    ]
    told = plan(run_crawler, path)
    assert told["hosts"]["a.example:80"] == {
        "tasks": 7202,
        "concurrency": 4,
        "rate": 1.0,
        "delay": 0.0,
        "bandwidth": None,
        "floor": 7201.0,
    }
    assert told["hosts"]["group:b"]["floor"] == 3600.0
    assert told["jobs"][2]["hosts"]["b0.example:80"]["group"] == "group:b"
    assert told["hosts"]["c.example:80"]["floor"] == 0.0
    assert told["bound"] == {"what": "a → b, one after the other", "seconds": 10800.0}
    assert "bound by a.example:80: at least 2 h" in lines(run_crawler, path, "--only", "a")


def test_budgets_and_a_deadline_are_said_to_end_it(tmp_path: Path, run_crawler: RunCrawler) -> None:
    path = manifest(
        tmp_path,
        '  - {name: a, type: request, url: "http://a.example/", max_failures: 3}',
        head="budget: {max_bytes: 10MB}",
    )
    ran = run_crawler("run", path, "--dry-run", "--deadline", "1h")
    assert [line for line in ran.stdout.splitlines() if line.startswith("stops")] == [
        "stops, to be continued, at the deadline of 1 h",
        "stops, to be continued, at max_bytes (10,000,000) of the run",
        "stops, to be continued, at max_failures (3) of job a",
    ]
    told = plan(run_crawler, path)
    assert told["budgets"] == [
        {"of": "the run", "max_bytes": 10_000_000},
        {"of": "job a", "max_failures": 3},
    ]


def test_a_crawl_shows_its_seeds_and_its_manners(tmp_path: Path, run_crawler: RunCrawler) -> None:
    site = '{name: site, type: crawl, start: ["http://docs.example/a/"], scope: {max_pages: 3601}}'
    path = manifest(tmp_path, f"  - {site}")
    assert lines(run_crawler, path)[1:] == [
        "  site (crawl): 1 start URL, and what they lead to",
        "    docs.example:80: 1 task, at most 1 at once, 1 s apart",
        "      the defaults of a crawl; 3,601 pages (max_pages) of one host take 1 h at least",
        "    → docs.example/a/index.html",
        "bound by no host: none has a rate or a delay that takes time",
    ]
    path = manifest(tmp_path, f"  - {site}", head='hosts: {"*.example": {concurrency: 8, rate: 20/s}}')
    raised = lines(run_crawler, path)
    assert raised[2] == "    docs.example:80: 1 task, at most 8 at once, 20/s"
    assert "concurrency by '*.example' (manifest), rate by '*.example' (manifest), else" in raised[3]
    told = plan(run_crawler, path)
    assert (told["jobs"][0]["tasks"], told["jobs"][0]["open"]) == (1, True)
    assert told["jobs"][0]["targets"] == ["docs.example/a/index.html"]


def test_a_reader_that_leaves_ends_a_long_plan(tmp_path: Path) -> None:
    rows = "".join(f"http://a.example/{n}\n" for n in range(100_000))
    (tmp_path / "a.txt").write_text(rows)
    path = manifest(tmp_path, "  - {name: a, type: download, from: a.txt}")
    with started("plan", path, "--json", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == '{"manifest":"test","output":"data","tasks":[\n'
        process.stdout.close()
        assert process.wait(30) == 0
