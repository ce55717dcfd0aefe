"""Compressed row files: seen through by their bytes, whatever they are called."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.job_types.base import Misfit
from crawler.manifest.rows.gunzip import FREE
from crawler.model import Row
from tests.manifest.rows.reading import download, sources


def read(folder: Path, from_: object) -> list[str]:
    """The URLs, and what is wrong."""
    found = []
    for row in sources(folder).rows(download(folder, from_)):
        assert isinstance(row, Row | Misfit)
        found.append(str(row.fields["url"]) if isinstance(row, Row) else row.failure.message)
    return found


@pytest.mark.skipif(shutil.which("gzip") is None, reason="gzip is not installed")
def test_a_file_by_gzip_itself_is_read_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("http://h/1\nhttp://h/2\n")
    subprocess.run(["gzip", "-k", "list.txt"], cwd=tmp_path, check=True)
    (tmp_path / "renamed.txt").write_bytes((tmp_path / "list.txt.gz").read_bytes())
    assert read(tmp_path, "list.txt.gz") == read(tmp_path, "renamed.txt") == ["http://h/1", "http://h/2"]


def test_a_plain_file_may_be_called_gz(tmp_path: Path) -> None:
    (tmp_path / "list.txt.gz").write_text("http://h/1\n")
    assert read(tmp_path, "list.txt.gz") == ["http://h/1"]


def test_members_one_after_another_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"http://h/1\nhttp://") + gzip.compress(b"h/2\n"))
    assert read(tmp_path, "a.txt") == ["http://h/1", "http://h/2"]


def test_a_damaged_or_torn_file_is_a_located_failure_behind_its_good_rows(tmp_path: Path) -> None:
    lines = [f"http://h/{number}" for number in range(50_000)]
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / "torn.txt").write_bytes(packed[: len(packed) // 2])
    *good, bad = read(tmp_path, "torn.txt")
    assert good == lines[: len(good)]
    assert good
    assert bad.startswith(f"torn.txt:{len(good) + 1}: damaged gzip: Compressed file ended")
    (tmp_path / "bad.txt").write_bytes(packed[:-8] + b"\0" * 8)
    assert "damaged gzip: CRC check failed" in read(tmp_path, "bad.txt")[-1]


def test_a_bomb_is_broken_off(tmp_path: Path) -> None:
    (tmp_path / "bomb.txt").write_bytes(gzip.compress((b" " * 4095 + b"\n") * (FREE // 1024)))
    (bad,) = read(tmp_path, "bomb.txt")
    assert "at most 200 times as many are read" in bad


def test_stdin_may_be_compressed_and_of_any_format(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from tests.manifest.rows.test_gunzip import read\n"
        "print(read(Path(), {'file': '-', 'format': 'csv'}))"
    )
    content = gzip.compress(b"id,url\n1,http://h/1\n")
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True)
    assert done.stdout.decode().strip() == "['http://h/1']", done.stderr
