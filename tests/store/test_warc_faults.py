"""Killed in mid-record, or refused by the disk: what was told to be archived is there at the next start."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.store.archives import archive, bodies, everything, exchange, index, names, warcio_check
from tests.store.test_files_faults import REPOSITORY, needs_mount, needs_strace
from tests.store.warc_program import body

KILLS = 4
SIZE = 40_000


def program(root: Path, count: int, durability: str = "full") -> list[str]:
    return [sys.executable, "-m", "tests.store.warc_program", str(root), str(count), str(SIZE), durability]


def killed_run(root: Path, delay: float) -> list[str]:
    """The pages that a run told of before it was killed ``delay`` seconds after the first."""
    with subprocess.Popen(
        program(root, 100_000), stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline()]
        time.sleep(delay)
        running.kill()
        lines += running.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_no_page_is_lost_by_kill_9_and_every_file_is_clean_again(tmp_path: Path) -> None:
    told: list[str] = []
    for turn in range(KILLS):
        told += killed_run(tmp_path, random.Random(turn).uniform(0.01, 0.15))
        assert len(names(tmp_path, ".open")) <= 2  # the file under way, and an index being written
    async with archive(tmp_path, durability="full") as site:
        await site.append(exchange("/after"))
    found = bodies(everything(tmp_path))
    assert {f"http://example.org{path}" for path in told} <= set(found)
    assert all(found[f"http://example.org{path}"] == body(path, SIZE) for path in told)
    files = [tmp_path / "warc" / name for name in names(tmp_path, ".warc.gz")]
    assert names(tmp_path, ".open") == []
    assert sum(len(index(path)) for path in files) == len(found)
    assert warcio_check(*files) == (0, "")


@needs_mount
@pytest.mark.parametrize("durability", ["full", "none"])
async def test_a_full_disk_is_named_and_what_was_told_is_recovered_once_there_is_room(
    tmp_path: Path, durability: str
) -> None:
    copy = tmp_path / "copy"
    disk = tmp_path / "disk"
    disk.mkdir()
    command = " ".join(program(disk, 8_000, durability))
    script = f"""
        mount -t tmpfs -o size=1m none {disk} || exit 9
        {command}; ls {disk}/warc
        mount -o remount,size=8m {disk}
        echo again; {" ".join(program(disk, 8))}
        cp -r {disk} {copy}"""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    first, _, second = done.stdout.partition("again\n")
    told = [line for line in (first + second).splitlines() if line.startswith("/")]
    assert "StorageFailed ENOSPC (No space left on device) while writing archive file" in first
    assert ".warc.gz.open" in first
    assert second.endswith("closed\n")
    found = bodies(everything(copy))
    assert len(told) > 20
    assert {f"http://example.org{path}" for path in told} <= set(found)
    assert names(copy, ".open") == []


@needs_strace
async def test_nothing_is_told_to_be_archived_before_the_disk_has_it(tmp_path: Path) -> None:
    inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=2+"]
    command = [*inject, *program(tmp_path, 64)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    *told, failure = done.stdout.splitlines()
    assert failure.startswith("StorageFailed EIO (Input/output error) while syncing archive file")
    assert 0 < len(told) <= 8
    async with archive(tmp_path) as site:
        assert len(site.recovered) == 1
    assert {f"http://example.org{path}" for path in told} <= set(bodies(everything(tmp_path)))


@needs_strace
def test_many_pages_share_one_wait_for_the_disk(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=fdatasync"]
    subprocess.run(
        [*watch, *program(tmp_path, 80)], cwd=REPOSITORY, capture_output=True, timeout=60, check=True
    )
    assert 0 < trace.read_text().count("fdatasync(") <= 40
