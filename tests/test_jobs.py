"""Every example manifest in jobs/ does what its comments say, against the sample site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crawler.demo import content
from crawler.demo.run import site
from tests.conftest import RunCrawler

JOBS = Path(__file__).parent.parent / "jobs"
MANIFESTS = sorted(path.stem for path in JOBS.glob("*.yaml"))

LOGBOOK = b"".join(msgspec.json.encode(night) + b"\n" for night in content.LOGBOOK)

# What must be below the output folder afterwards, and every job's number of tasks.
FILES: dict[str, dict[str, bytes]] = {
    "download": {
        "files/prices.csv": content.SMALL_FILES["prices.csv"],
        "texts/verse.txt": content.SMALL_FILES["poem.txt"],
        "files/hello.txt": content.SMALL_FILES["hello.txt"],
        "images/01.svg": content.images()["crimson.svg"],
        "images/03.svg": content.images()["teal.svg"],
    },
    "crawl": {
        "offline/handbook/tower.svg": content.handbook()["tower.svg"],
        "offline/handbook/style.css": content.handbook()["style.css"],
    },
    "list": {
        "texts/hello.txt": content.SMALL_FILES["hello.txt"],
        "tables/prices.csv": content.SMALL_FILES["prices.csv"],
        "pictures/teal.svg": content.images()["teal.svg"],
    },
    "login": {
        "members/anna/prices.csv": content.SMALL_FILES["prices.csv"],
        "members/anna/poem.txt": content.SMALL_FILES["poem.txt"],
    },
    "upload": {"outbox/poem.txt": content.SMALL_FILES["poem.txt"]},
    "paginate": {"logbook.jsonl": LOGBOOK, "by-offset.jsonl": LOGBOOK},
    "nightly": {
        "reports/busy.txt": content.BUSY_TEXT,
        "images/02.svg": content.images()["gold.svg"],
    },
}
CRAWLED = len(content.handbook()) + 2  # with the page that has moved, and the one that robots.txt guards
TASKS = {
    "crawl": {"offline": CRAWLED, "archive": CRAWLED},
    "list": {"files": 3, "busy": 1},
    "login": {"login": 1, "files": 2, "tell": 1},
    "download": {"named": 3, "images": 3, "laid-out": 1},
    "request": {"query": 1, "alive": 2, "replace": 1, "form": 1, "remove": 1},
    "paginate": {"linked": 1, "by-cursor": 1, "by-offset": 1, "first-pages": 1},
    "post": {"announce": 1, "records": 3, "note": 1, "sign-up": 1, "bytes": 1, "file": 1, "parts": 1},
    "upload": {"fetch": 2, "hand-in": 1, "store": 2},
    "websocket": {"ticks": 1},
    "nightly": {
        "health": 1,
        "reports": 3,
        "images": 3,
        "handbook": CRAWLED,
        "push": 1,
        "ticks": 1,
        "announce": 1,
        "closing": 1,
    },
}


@pytest.fixture
def base() -> Iterator[str]:
    with site(port=0) as running:
        yield running


def report_of(stdout: str) -> dict[str, Any]:
    return dict(json.loads(stdout.splitlines()[-1]))


def test_every_example_has_its_expectations() -> None:
    assert sorted(TASKS) == MANIFESTS


@pytest.mark.parametrize("name", MANIFESTS)
def test_an_example_runs_as_written(name: str, base: str, run_cold: RunCrawler, tmp_path: Path) -> None:
    output = tmp_path / "out"
    ran = run_cold("run", JOBS / f"{name}.yaml", "--set", f"base={base}", "-o", output, "--json")
    assert ran.returncode == 0, ran.stderr
    report = report_of(ran.stdout)
    assert {job["name"]: job["tasks"] for job in report["jobs"]} == TASKS[name]
    assert report["totals"]["failed"] == 0
    for path, body in FILES.get(name, {}).items():
        assert (output / path).read_bytes() == body


def test_the_captured_ticks_are_json_lines(base: str, run_cold: RunCrawler, tmp_path: Path) -> None:
    ran = run_cold("run", JOBS / "websocket.yaml", "--set", f"base={base}", "-o", tmp_path / "out")
    assert ran.returncode == 0, ran.stderr
    [captured] = (tmp_path / "out").glob("ticks-*.jsonl")
    lines = [json.loads(line) for line in captured.read_text().splitlines()]
    ticks = [json.loads(line["payload"]) for line in lines if line["kind"] == "text"]
    assert [tick["tick"] for tick in ticks] == list(range(10))
    assert ticks[0]["of"] == {"subscribe": "BTC"}


def test_lists_are_read_to_their_end_or_to_their_bound(
    base: str, run_cold: RunCrawler, tmp_path: Path
) -> None:
    ran = run_cold("run", JOBS / "paginate.yaml", "--set", f"base={base}", "-o", tmp_path / "out", "--json")
    assert ran.returncode == 0, ran.stderr
    lines = (tmp_path / "out/busy-nights.jsonl").read_text().splitlines()
    busy = [night for night in content.LOGBOOK if night["ships"] > 4]
    assert [json.loads(line)["night"] for line in lines] == [night["night"] for night in busy]
    assert len((tmp_path / "out/pages.jsonl").read_text().splitlines()) == 2
    notes = {job["name"]: job.get("notes") for job in report_of(ran.stdout)["jobs"]}
    assert notes.pop("first-pages") == ["limit_reached: max_pages (1 list)"]
    assert set(notes.values()) == {None}


def test_the_nightly_run_tells_nothing_new_the_second_night(
    base: str, run_cold: RunCrawler, tmp_path: Path
) -> None:
    arguments = ("run", JOBS / "nightly.yaml", "--set", f"base={base}", "-o", tmp_path / "out", "--json")
    first, second = run_cold(*arguments), run_cold(*arguments)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    jobs = {job["name"]: job for job in report_of(second.stdout)["jobs"]}
    assert jobs["reports"]["unchanged"] == 3
    assert jobs["images"]["unchanged"] == 3
    assert jobs["handbook"]["unchanged"] == len(content.handbook())
    assert jobs["closing"]["failed"] == 0


def test_the_crawl_leaves_a_copy_to_read_offline_an_archive_and_a_line_a_page(
    base: str, run_cold: RunCrawler, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = ("run", JOBS / "crawl.yaml", "--set", f"base={base}", "-o", output, "--json")
    first, second = run_cold(*arguments), run_cold(*arguments)
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    start = (output / "offline/handbook/index.html").read_text()
    assert 'href="log/index.html"' in start
    assert '<a href="lamp.html">The lantern</a>' in start  # where the page has moved to
    assert f'href="{base}/handbook/drafts/storms.html"' in start
    lines = [json.loads(line) for line in (output / "pages.jsonl").read_text().splitlines()]
    pages = [name for name in content.handbook() if name.endswith(".html")]
    assert len(lines) == len(pages)
    assert {"Fog", "The lamp", "Night 2"} <= {line["title"] for line in lines}
    assert all(f"{base}/handbook/" in line["links"] for line in lines if line["title"] == "Fog")
    assert len(list(output.glob("warc/archive-*.warc.gz"))) == 2
    assert report_of(second.stdout)["totals"]["bytes"] == 0


@pytest.mark.parametrize("name", MANIFESTS)
def test_an_example_passes_the_check_as_it_stands(name: str, run_cold: RunCrawler) -> None:
    ran = run_cold("check", JOBS / f"{name}.yaml")
    assert (ran.returncode, ran.stderr) == (0, "")
