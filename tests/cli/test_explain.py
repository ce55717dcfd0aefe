"""What ``explain`` says of one URL: jobs, host rules, robots.txt and what earlier runs remember."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.running import manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import RunCrawler

HOSTS = """
hosts:
  "files.example.org": {rate: 10/s, group: farm, headers: {X-Key: hidden-value}}
  "*.example.org": {concurrency: 2, rate: 1/s, retry: {attempts: 9}}
"""


def explain(run_crawler: RunCrawler, path: Path, url: str) -> list[str]:
    ran = run_crawler("explain", path, url, "-o", "out")
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def told(run_crawler: RunCrawler, path: Path, url: str) -> dict[str, Any]:
    ran = run_crawler("explain", path, url, "-o", "out", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_listed_url_is_found_however_it_is_written(tmp_path: Path, run_crawler: RunCrawler) -> None:
    (tmp_path / "rows.csv").write_text("id,url\n7,http://files.example.org/a%20b?utm_source=x\n")
    path = manifest(
        tmp_path,
        """
  - {name: rows, type: download, from: rows.csv, to: "rows/${row.id}"}
  - {name: other, type: request, url: "http://files.example.org/a%20b"}
  - {name: made, type: download, needs: rows, from: made.txt}
  - {name: far, type: download, from: "http://lists.example/l.csv"}
  - name: mirrored
    type: download
    urls: [{url: "http://x.example/f", mirrors: ["http://files.example.org/a%20b?utm_source=x"]}]
""",
        head=HOSTS,
    )
    for url in (
        "http://files.example.org/a%20b?utm_source=x",
        "HTTP://u:p4ssw0rd@FILES.example.org:80/a b?utm_source=x#top",
    ):
        lines = explain(run_crawler, path, url)
        assert lines[1:] == [
            "  rows (download) fetches it: the job lists it: its task number 1",
            "    → rows/7",
            "    robots.txt does not count: nothing says `robots: true`",
            "    the ledger does not know it",
            "  other (request) does not fetch it: it is none of the job's URLs",
            "  made (download) may fetch it: a run will tell: its tasks are made of what rows brings",
            "  far (download) may fetch it: a run will tell: it may be in the rows of http://lists.example/l.csv",
            "  mirrored (download) fetches it: it is a mirror of http://x.example/f: its task number 1",
            "    → x.example/f",
            "    robots.txt does not count: nothing says `robots: true`",
            "    the ledger does not know it",
            "host files.example.org:80, counted in group:farm",
            "  at most 2 at once, 10/s",
            "  concurrency by '*.example.org' (manifest), rate by 'files.example.org' (manifest), "
            "else the defaults",
            "  'files.example.org' (manifest) says: rate 10/s, group farm, header X-Key",
            "  '*.example.org' (manifest) says: concurrency 2, rate 1/s, retry.attempts 9",
            "  earlier runs left nothing to know of it",
        ]
        assert "p4ssw0rd" not in "".join(lines)
    assert explain(run_crawler, path, "http://else.example/")[:2] == [
        "http://else.example/",
        "  rows (download) does not fetch it: it is none of the job's URLs",
    ]
    assert not (tmp_path / "out").exists()


def test_a_url_that_no_job_fetches_is_said_to_be_so(tmp_path: Path, run_crawler: RunCrawler) -> None:
    path = manifest(tmp_path, '  - {name: a, type: request, url: "http://a.example/"}')
    assert explain(run_crawler, path, "http://a.example/b")[1] == "  no job fetches it"
    wrong = run_crawler("explain", path, "a.example/b")
    assert wrong.returncode == 2
    assert "not an absolute URL; it must start with a scheme" in wrong.stderr


def test_the_ledger_tells_how_the_task_ended(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    good, gone = threaded_server.url("/file/2048/a"), threaded_server.url("/status/404?token=abc123")
    path = manifest(tmp_path, f'  - {{name: a, type: download, urls: [{good}, "{gone}"], to: "${{name}}"}}')
    assert run_crawler("run", path, "-o", "out").returncode == 4
    asked = len(threaded_server.log)
    [line] = [line for line in explain(run_crawler, path, good) if "last time" in line]
    assert line.startswith("    last time: new (200) at 20")
    assert '; its file has 2 KiB, known by "' in line
    [job] = told(run_crawler, path, gone)["jobs"]
    assert job["last"]["outcome"] == "failed"
    assert (job["last"]["class"], job["last"]["status"], job["last"]["sha256"]) == ("http_status", 404, None)
    assert job["fetches"] is True
    assert "abc123" not in json.dumps(told(run_crawler, path, gone))
    assert len(threaded_server.log) == asked


def test_what_runs_noted_of_a_host_and_its_robots_txt_is_told(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/file/10/secret")
    slot = threaded_server.base.removeprefix("http://")
    path = manifest(
        tmp_path,
        f'  - {{name: a, type: download, urls: [{url}], headers: {{User-Agent: "acme/1.0"}}}}',
        head='hosts: {"127.0.0.1": {robots: true}}',
    )
    assert "    robots.txt of " + threaded_server.base + " was not asked for yet" in explain(
        run_crawler, path, url
    )
    threaded_server.set_answer("/robots.txt", b"User-agent: acme\nDisallow: /file/10/secret\n")
    assert run_crawler("run", path, "-o", "out").returncode == 4
    lines = explain(run_crawler, path, url)
    assert "    robots.txt: it disallows this to acme" in lines
    assert (
        "  a (download) does not fetch it: the job lists it: its task number 1, but robots.txt forbids it"
        in lines
    )

    ledger = tmp_path / "out/.crawler/test.sqlite"
    with closing(sqlite3.connect(ledger)) as connection, connection:
        now = time.time()
        connection.execute("INSERT OR REPLACE INTO host VALUES (?, ?, ?, 3, 1, 2.5)", (slot, now, now + 300))
        connection.execute("UPDATE robots SET fetched = ?", (now - 100_000,))
    lines = explain(run_crawler, path, url)
    assert lines[-1].startswith("  earlier runs: it is paused for ")
    assert "; it was given up; one task will try it first; it bore 2.5 at once (noted 20" in lines[-1]
    assert any(line.endswith("that is more than a day old and will be asked for again") for line in lines)
    known = told(run_crawler, path, url)["host"]["known"]
    assert (known["given_up"], known["learned_concurrency"]) == (True, 2.5)


def test_the_crawl_delay_of_a_robots_txt_that_is_known_counts(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/page")
    threaded_server.set_answer("/page", b"fine", headers=(("Content-Type", "text/html"),))
    threaded_server.set_answer("/robots.txt", b"User-agent: *\nCrawl-delay: 1.5\n")
    path = manifest(tmp_path, f'  - {{name: site, type: crawl, start: "{url}"}}')
    assert told(run_crawler, path, url)["host"]["crawl_delay"] is None
    assert run_crawler("run", path, "-o", "out").returncode == 0
    host = told(run_crawler, path, url)["host"]
    assert (host["delay"], host["crawl_delay"]) == (1.5, 1.5)
    lines = explain(run_crawler, path, url)
    assert "  its robots.txt asks for 1.5 s between requests (Crawl-delay)" in lines
    with closing(sqlite3.connect(tmp_path / "out/.crawler/test.sqlite")) as connection, connection:
        connection.execute("UPDATE robots SET fetched = fetched - 100000")
    host = told(run_crawler, path, url)["host"]
    assert (host["delay"], host["crawl_delay"]) == (1.0, None)


def test_a_ledger_of_an_older_version_knows_nothing_of_hosts(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    url = threaded_server.url("/file/10")
    path = manifest(tmp_path, f"  - {{name: a, type: download, urls: [{url}]}}")
    assert run_crawler("run", path, "-o", "out").returncode == 0
    with closing(sqlite3.connect(tmp_path / "out/.crawler/test.sqlite")) as connection, connection:
        for table in ("host", "robots", "found", "page"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    found = told(run_crawler, path, url)
    assert found["host"]["known"] is None
    assert found["jobs"][0]["last"]["outcome"] == "new"


@pytest.mark.parametrize(
    ("url", "fetches", "why"),
    [
        ("http://docs.example/a/", True, "it is a start URL"),
        ("http://docs.example/a/x?utm_source=y", True, "hosts: docs.example is the host of a start URL"),
        ("http://docs.example/a/x.pdf", False, "deny pattern '*.pdf' fits it"),
        ("http://other.example/", False, "hosts: other.example is none of same-host"),
        ("ws://docs.example/a/", False, "a crawl fetches http and https URLs only"),
    ],
)
def test_a_crawl_says_which_rule_lets_a_url_in_or_keeps_it_out(
    tmp_path: Path, run_crawler: RunCrawler, url: str, fetches: bool, why: str
) -> None:
    path = manifest(
        tmp_path,
        '  - {name: site, type: crawl, start: ["http://docs.example/a/"], scope: {deny: ["*.pdf"]}}',
    )
    found = told(run_crawler, path, url)
    [job] = found["jobs"]
    assert job["fetches"] is fetches
    assert job["why"].startswith(why)
    assert found["host"]["delay"] == (1.0 if fetches else 0.0)


def test_a_crawl_remembers_where_a_page_is_and_how_far(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    html = (("Content-Type", "text/html"),)
    threaded_server.set_answer("/", b'<a href="/next">n</a>', headers=html)
    threaded_server.set_answer("/next", b'<a href="/last">n</a>', headers=html)
    threaded_server.set_answer("/last", b"the end", headers=html)
    path = manifest(
        tmp_path,
        f'  - {{name: site, type: crawl, start: ["{threaded_server.base}/"], hosts: {{"*": {{delay: 0}}}}}}',
    )
    assert run_crawler("run", path, "-o", "out").returncode == 0
    [job] = told(run_crawler, path, threaded_server.url("/last"))["jobs"]
    assert job["why"].endswith("found 2 links from a start URL")
    assert (tmp_path / "out" / job["target"]).read_bytes() == b"the end"
    assert job["last"]["outcome"] == "new"
    assert job["robots"] == "robots.txt: the site has none"
