"""A full disk, under the files or under the ledger, stops a run that goes on once there is room."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.running import finals, manifest
from tests.conftest import RunCrawler
from tests.server import Server, file_bytes
from tests.torture.conftest import Disk

MakeDisk = Callable[[int], Disk]


def files(server: Server, folder: Path, sizes: list[int]) -> tuple[Path, dict[str, bytes]]:
    """A manifest that fetches so many files of those sizes, and what they are."""
    urls = "".join(f"{server.url(f'/file/{size}/{n}')}\n" for n, size in enumerate(sizes))
    (folder / "urls.txt").write_text(urls)
    path = manifest(folder, '  - {name: files, type: download, from: {file: urls.txt}, to: "${index}.bin"}')
    return path, {f"{n}.bin": file_bytes(size, str(n)) for n, size in enumerate(sizes)}


def whole(found: dict[str, bytes], wanted: dict[str, bytes]) -> bool:
    return all(any(data == each for each in wanted.values()) for data in found.values())


@pytest.mark.parametrize("apart", [True, False], ids=["ledger elsewhere", "ledger on it too"])
def test_output_that_fills_up_is_named_and_completed_after_enlarging(
    apart: bool, threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, disk: MakeDisk
) -> None:
    small = disk(1024)
    path, wanted = files(threaded_server, tmp_path, [1000] * 10 + [200_000] * 8 + [3 << 20])
    state = ("--state", tmp_path / "state") if apart else ()
    stopped = run_crawler("run", path, "-o", small.folder, *state)
    assert stopped.returncode == 3, stopped.stderr
    assert "ENOSPC" in stopped.stderr.strip().splitlines()[-1]
    found = finals(small.folder)
    assert whole(found, wanted)
    assert len(found) < len(wanted)

    small.enlarge(32 << 10)
    done = run_crawler("run", path, "-o", small.folder, *state)
    assert done.returncode == 0, done.stderr
    assert sorted(finals(small.folder).values()) == sorted(wanted.values())
    assert not list(small.folder.rglob("*.part"))


def test_a_ledger_whose_disk_fills_up_is_named_and_loses_nothing(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, disk: MakeDisk
) -> None:
    small = disk(320)
    path, wanted = files(threaded_server, tmp_path, [10] * 900)
    place = ("-o", tmp_path / "out", "--state", small.folder / "state")
    stopped = run_crawler("run", path, *place)
    assert stopped.returncode == 3, stopped.stderr
    last = stopped.stderr.strip().splitlines()[-1]
    assert "ENOSPC" in last
    assert "ledger" in last
    assert whole(finals(tmp_path / "out"), wanted)

    small.enlarge(32 << 10)
    asked = len(threaded_server.log)
    done = run_crawler("run", path, *place)
    assert done.returncode == 0, done.stderr
    assert sorted(finals(tmp_path / "out").values()) == sorted(wanted.values())
    assert not list((tmp_path / "out").rglob("*.part"))
    assert len(threaded_server.log) - asked < len(wanted)  # the committed ones are not fetched twice
    with closing(sqlite3.connect(small.folder / "state" / "test.sqlite")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_min_free_disk_of_a_config_file_stops_the_run_in_time(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, disk: MakeDisk
) -> None:
    small = disk(4 << 10)
    path, wanted = files(threaded_server, tmp_path, [400_000] * 8)
    (tmp_path / "config.yaml").write_text("min_free_disk: 2MiB\nworkers: 1\n")
    place = ("-c", "config.yaml", "-o", small.folder, "--state", tmp_path / "state")
    stopped = run_crawler("run", path, *place)
    assert stopped.returncode == 3, stopped.stderr
    assert "min_free_disk" in stopped.stderr.strip().splitlines()[-1]
    found = finals(small.folder)
    assert whole(found, wanted)
    assert sum(map(len, found.values())) <= (2 << 20) + 400_000

    small.enlarge(32 << 10)
    done = run_crawler("run", path, *place)
    assert done.returncode == 0, done.stderr
    assert sorted(finals(small.folder).values()) == sorted(wanted.values())


def test_a_post_whose_answer_finds_no_room_is_not_sent_again(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, disk: MakeDisk
) -> None:
    small = disk(1024)
    threaded_server.set_answer("/pay", file_bytes(3 << 20))
    url = threaded_server.url("/pay")
    path = manifest(tmp_path, f'  - {{name: pay, type: post, url: "{url}", json: {{a: 1}}, save: answer}}')
    place = ("-o", small.folder, "--state", tmp_path / "state")
    stopped = run_crawler("run", path, *place)
    assert stopped.returncode == 3, stopped.stderr
    assert "ENOSPC" in stopped.stderr.strip().splitlines()[-1]

    small.enlarge(32 << 10)
    done = run_crawler("run", path, *place)
    assert done.returncode == 4, done.stderr
    assert "unknown" in done.stderr.strip().splitlines()[-1]
    assert len(threaded_server.requests("/pay")) == 1
    assert finals(small.folder) == {}


def test_a_crawl_whose_archive_fills_the_disk_stops_and_concludes_in_the_run_that_goes_on(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, disk: MakeDisk
) -> None:
    small = disk(1024)
    start = threaded_server.url("/file/3000000/0")
    path = manifest(
        tmp_path,
        f'  - {{name: site, type: crawl, start: "{start}", robots: false, to: null, warc: true}}',
        head='hosts: {"127.0.0.1": {delay: 0}}',
    )
    state = ("--state", tmp_path / "state", "-o", small.folder)
    stopped = run_crawler("run", path, *state)
    assert stopped.returncode == 3, stopped.stderr
    assert "ENOSPC" in stopped.stderr.strip().splitlines()[-1]
    assert "an earlier run" not in stopped.stderr

    small.enlarge(32 << 10)
    done = run_crawler("run", path, *state)
    assert done.returncode == 0, done.stderr
    assert [each.suffix for each in sorted((small.folder / "warc").iterdir())] == [".cdxj", ".gz"]
