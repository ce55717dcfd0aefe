"""aria2's input and session files as row sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from crawler.model import Task
from tests.manifest.rows.reading import rows, tasks, told
from tests.manifest.rows.samples import ARIA2, SHA


def only(path: Path, content: str) -> Task:
    path.joinpath("in.aria2").write_text(content)
    (task,) = tasks(path, "in.aria2")
    assert isinstance(task, Task), task
    return task


@pytest.mark.skipif(shutil.which("aria2c") is None, reason="aria2c is not installed")
def test_a_session_that_aria2c_saved_gives_what_it_did_not_finish(tmp_path: Path) -> None:
    (tmp_path / "in").write_text(
        "http://127.0.0.1:9/a.bin\thttp://127.0.0.2:9/a.bin\n  out=renamed.bin\n"
        f"  checksum=sha-256={SHA}\n  header=X-A: 1\n  header=X-B: 2\n  referer=http://127.0.0.1/\n"
        "http://127.0.0.1:9/b.bin\n"
    )
    command = ["aria2c", "--no-conf", "-q", "-i", "in", "-d", "/srv/pub", "--save-session", "session.gz"]
    subprocess.run([*command, "-t", "1", "-m", "1"], cwd=tmp_path, timeout=30, check=False)
    found = {told(task): task for task in tasks(tmp_path, {"file": "session.gz", "format": "aria2"})}
    first, second = found["http://127.0.0.1:9/a.bin"], found["http://127.0.0.1:9/b.bin"]
    assert first.target == "srv/pub/renamed.bin"  # type: ignore[union-attr]
    assert str(first.checksum) == f"sha256:{SHA}"  # type: ignore[union-attr]
    assert first.request.headers == (("X-A", "1"), ("X-B", "2"), ("Referer", "http://127.0.0.1/"))  # type: ignore[union-attr]
    assert [mirror.url for mirror in first.mirrors] == ["http://127.0.0.2:9/a.bin"]  # type: ignore[union-attr]
    assert second.target == "srv/pub/b.bin"  # type: ignore[union-attr]


def test_an_entry_brings_mirrors_target_checksum_and_headers(tmp_path: Path) -> None:
    (tmp_path / "in.aria2").write_text(ARIA2)
    first, second = tasks(tmp_path, "in.aria2", to="default/${name}", headers={"x-one": "0", "Accept": "*/*"})
    assert isinstance(first, Task)
    assert isinstance(second, Task)
    assert first.target == "sub/renamed.bin"
    assert first.request.headers == (("Accept", "*/*"), ("X-One", "1"), ("Referer", "http://a.example/"))
    assert [mirror.url for mirror in first.mirrors] == ["http://b.example/x.bin"]
    assert second.target == "default/y.bin"


def test_what_from_names_wins_over_what_an_entry_brings(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(ARIA2)
    first, _ = tasks(tmp_path, {"file": "s", "format": "aria2", "to": "${index}-${name}"})
    assert isinstance(first, Task)
    assert first.target == "0-x.bin"


def test_a_folder_without_a_name_gets_the_urls_own(tmp_path: Path) -> None:
    assert only(tmp_path, "http://h/a%20b.txt\n dir=x/y\n").target == "x/y/a b.txt"
    assert only(tmp_path, "http://h/\n dir=x\n").target == "x/index.html"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" out=x\n", "in:1: an option without a URL above it"),
        (b"http://h/\n out\n", "in:2: expected an option as name=value, found 'out'"),
        (b"http://h/\n header=X\n", "in:2: expected header=NAME: VALUE, found 'X'"),
        (
            b"http://h/\n header=\xff\n",
            "in:2: not UTF-8 (0xff at byte 9 of the line); so the entry at line 1",
        ),
        (b"http://h/\n" + b" header=a: b\n" * 1001, "in:1002: more than 1000 headers"),
        (b"http://h/\t" * 1001, "in:1: more than 1000 URLs of one file"),
    ],
    ids=range(6),
)
def test_an_entry_that_cannot_be_read_is_located_and_the_next_goes_on(content: bytes, message: str) -> None:
    bad, good = rows("aria2", content + b"\nhttp://next/\n")
    assert str(bad).startswith(message)
    assert isinstance(good, dict)
    assert good["url"] == "http://next/"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("magnet:?xt=urn:btih:x\n", "in.aria2:1: 'magnet:?xt=urn:btih:x': not an absolute URL"),
        ("http://h/\n checksum=adler32=0\n", "in.aria2:1: checksum 'adler32:0' names no known algorithm"),
        ("http://h/\n out=../x\n", "in.aria2:1: target '../x' climbs out"),
        ("http://h/\n header=a b: c\n", "in.aria2:1: header a b: 'a b' is no header name"),
    ],
)
def test_what_cannot_be_done_as_the_entry_says_is_a_located_failure(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "in.aria2").write_text(content)
    (bad,) = tasks(tmp_path, "in.aria2")
    assert told(bad).startswith(message)


def test_of_http_and_other_urls_the_http_ones_are_taken() -> None:
    (row,) = rows("aria2", b"ftp://h/a\thttp://h/a\tsftp://h/a\thttps://h/a\n")
    assert isinstance(row, dict)
    assert (row["url"], row["mirrors"]) == ("http://h/a", ["https://h/a"])
