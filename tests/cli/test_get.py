"""``crawler get``: for a person in a hurry, with nothing but URLs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.running import finals, parts
from tests.server import Server, file_bytes

if TYPE_CHECKING:
    from tests.conftest import RunCrawler


def test_files_come_into_the_current_folder_and_the_second_call_only_asks_whether_they_changed(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    urls = [threaded_server.url("/file/1000/one.bin"), threaded_server.url("/versions/a${b}.txt")]
    threaded_server.set_file("a${b}.txt", b"first")
    headers = ("-H", "X-Trace: ${env.HOME}: 1", "-H", "Accept:text/csv")
    first = run_crawler("get", *urls, *headers, cwd=here)
    assert first.returncode == 0, first.stderr
    assert finals(here) == {"one.bin": file_bytes(1000, "one.bin"), "a${b}.txt": b"first"}
    assert sorted(path.name for path in here.iterdir()) == ["a${b}.txt", "one.bin"]  # no .crawler in the way
    assert {request.header("X-Trace") for request in threaded_server.log} == {"${env.HOME}: 1"}
    assert {request.header("Accept") for request in threaded_server.log} == {"text/csv"}

    threaded_server.set_file("a${b}.txt", b"second")
    second = run_crawler("get", *urls, "-q", cwd=here)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert all(request.header("If-None-Match") for request in threaded_server.log[2:])
    assert (here / "a${b}.txt").read_bytes() == b"second"
    forced = run_crawler("get", *urls, "--force", cwd=here)
    assert forced.returncode == 0
    assert not any(request.header("If-None-Match") for request in threaded_server.log[4:])


def test_a_foreign_file_is_replaced_only_if_asked(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    (tmp_path / "10").write_text("mine")
    url = threaded_server.url("/file/10")
    refused = run_crawler("get", url)
    assert refused.returncode == 4
    assert "exists" in refused.stderr
    assert (tmp_path / "10").read_text() == "mine"
    assert run_crawler("get", url, "--overwrite").returncode == 0
    assert (tmp_path / "10").read_bytes() == file_bytes(10)


def test_a_checksum_must_match(threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler) -> None:
    url = threaded_server.url("/file/1000")
    right = hashlib.sha256(file_bytes(1000)).hexdigest()
    bad = run_crawler("get", url, "--checksum", f"sha256:{'0' * 64}", "--to", "a.bin")
    assert bad.returncode == 4
    assert "integrity" in bad.stderr.splitlines()[-1]
    assert right in bad.stderr
    assert parts(tmp_path) == []
    assert not (tmp_path / "a.bin").exists()
    good = run_crawler("get", url, "--checksum", f"sha256:{right}", "--to", "sub/a.bin", "-o", "there")
    assert good.returncode == 0, good.stderr
    assert (tmp_path / "there/sub/a.bin").read_bytes() == file_bytes(1000)


def test_what_cannot_be_fetched_is_named_by_its_url(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler
) -> None:
    good = threaded_server.url("/file/10/same")
    ran = run_crawler(
        "get", "example.org/x", good, "ftp://example.org/y", threaded_server.url("/file/11/same")
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    lines = ran.stderr.splitlines()
    assert lines[0].startswith("example.org/x: not an absolute URL; it must start with a scheme")
    assert lines[1].startswith("ftp://example.org/y: ")
    assert lines[-1].startswith("crawler: exit 2: ")
    twins = run_crawler("get", good, threaded_server.url("/file/11/same"))
    assert twins.returncode == 2
    assert "/file/11/same: another URL has the same file name; tell them apart with --to" in twins.stderr
    headers = run_crawler("get", good, "-H", "Bad Name: x")
    assert headers.returncode == 2
    assert headers.stderr.startswith("get: 'Bad Name' is no header name")
    assert threaded_server.connections == 0
    told = run_crawler("get", good, threaded_server.url("/file/11/same"), "--to", "${host}/${path}")
    assert told.returncode == 0, told.stderr
