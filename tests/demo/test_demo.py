"""``crawler demo`` shows every job type to a stranger, quickly, and leaves what it says it leaves."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import yaml

from crawler.demo import content
from crawler.demo.run import MANIFEST, next_steps
from crawler.job_types.table import JOB_TYPES
from tests.conftest import RunCrawler


def test_the_manifest_has_a_job_of_every_type() -> None:
    jobs = yaml.safe_load(MANIFEST.read_text())["jobs"]
    assert {job["type"] for job in jobs} == set(JOB_TYPES)


def test_the_demo_runs_twice_and_names_its_files(run_crawler: RunCrawler, tmp_path: Path) -> None:
    for _ in range(2):
        ran = run_crawler("demo", "-o", tmp_path / "shown", timeout=40)
        assert ran.returncode == 0, ran.stderr
    made = tmp_path / "shown"
    digest = hashlib.sha256()
    for block in content.big():
        digest.update(block)
    assert hashlib.sha256((made / "files/big.bin").read_bytes()).digest() == digest.digest()
    assert (made / "files/busy.txt").read_bytes() == content.BUSY_TEXT
    assert (made / "images/03-gold.svg").read_bytes() == content.images()["gold.svg"]
    crawled = {path.relative_to(made / "handbook").as_posix() for path in (made / "handbook").rglob("*.*")}
    assert crawled == set(content.handbook())
    assert len((made / "handbook.jsonl").read_text().splitlines()) == 6
    assert len((made / "ticks.jsonl").read_text().splitlines()) >= 20
    assert [str(path) for path in made.rglob("*.part*")] == []
    assert "files/big.bin" in ran.stdout + ran.stderr
    assert "Try next" in ran.stdout + ran.stderr


def test_what_it_says_to_try_next_can_be_pasted(run_crawler: RunCrawler, tmp_path: Path) -> None:
    lines = next_steps(tmp_path).splitlines()
    [copy] = [line for line in lines if line.startswith("  cp ")]
    subprocess.run(copy, shell=True, cwd=tmp_path, check=True)
    [check] = [line.split() for line in lines if " check " in line]
    ran = run_crawler(*check[1:], cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
