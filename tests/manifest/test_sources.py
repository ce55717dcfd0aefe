"""Rows while a run goes on, and the files that a manifest names."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest

from crawler.job_types.base import Misfit
from crawler.job_types.spec import RowsSpec
from crawler.manifest.rows.table import FORMATS
from crawler.manifest.sources import ManifestSources
from crawler.model import ErrorClass, Outcome, Row, Task
from tests.manifest.conftest import Desk, Write


def nothing(job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
    return ()


def job_text(from_: str, more: str = "") -> str:
    return f"version: 1\njobs:\n- {{name: a, type: download, from: {from_}{more}}}\n"


def test_the_spec_knows_every_format() -> None:
    (literal, _) = get_args(RowsSpec.model_fields["format"].annotation)
    assert set(get_args(literal)) == set(FORMATS)


def test_rows_become_tasks_and_bad_rows_located_failures(desk: Desk, write: Write) -> None:
    write("images.csv", "id,image_url\n1,https://x/1.png\n2\n3,https://x/3.png\n")
    manifest = desk.load(job_text("{file: images.csv, url: image_url}", ", to: '${row.id}${ext}'"))
    (job,) = manifest.jobs
    sources = ManifestSources(desk.folder, nothing, desk.folder / "spool")
    bad = next(row for row in sources.rows(job) if isinstance(row, Misfit))
    assert bad.failure.kind is ErrorClass.TEMPLATE
    assert bad.failure.message == "images.csv:3: found 1 fields, expected 2 as in the header"
    assert not bad.failure.retryable
    from crawler.job_types.table import JOB_TYPES

    tasks = list(JOB_TYPES["download"].tasks(job, sources))
    assert [task.target for task in tasks if isinstance(task, Task)] == ["1.png", "3.png"]
    assert len(tasks) == 3


def test_a_row_file_that_is_gone_when_its_job_starts_is_a_failure_and_no_crash(
    desk: Desk, write: Write
) -> None:
    path = write("list.txt", "https://x/\n")
    (job,) = desk.load(job_text("list.txt")).jobs
    path.unlink()
    (row,) = ManifestSources(desk.folder, nothing, desk.folder / "spool").rows(job)
    assert isinstance(row, Misfit)
    assert row.failure.message == "list.txt: cannot be read: No such file or directory"


def test_rows_come_from_stdin(desk: Desk) -> None:
    (job,) = desk.load(job_text("'-'")).jobs
    program = (
        "import pickle, sys; from pathlib import Path; from crawler.manifest.sources import ManifestSources\n"
        f"job = pickle.loads(bytes.fromhex('{_pickled(job)}'))\n"
        "print([row.fields['url'] for row in ManifestSources(Path(), None, Path()).rows(job)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"https://x/1\nhttps://x/2\n", capture_output=True
    )
    assert done.stdout.decode().strip() == "['https://x/1', 'https://x/2']", done.stderr


def _pickled(value: object) -> str:
    import pickle

    return pickle.dumps(value).hex()


def test_produced_asks_the_run() -> None:
    def produced(job: str, outcomes: frozenset[Outcome]) -> Iterable[str]:
        return [f"{job}/{outcome}" for outcome in outcomes]

    sources = ManifestSources(Path(), produced, Path())
    assert list(sources.produced("a", frozenset({Outcome.NEW}))) == ["a/new"]


@pytest.mark.parametrize(
    ("from_", "expected"),
    [
        ("gone.csv", "3:35: the file '"),
        ("{file: gone.csv}", "3:42: the file '"),
        ("folder.csv", "3:35: the file '"),
        (
            "rows.dat",
            "3:35: the name 'rows.dat' does not tell its format; set 'format': lines, csv, tsv, jsonl, ",
        ),
        (
            "{file: rows.csv, url: img_url}",
            "3:57: rows.csv has no column 'img_url'; did you mean 'image_url'?",
        ),
        ("{file: rows.csv}", "3:35: rows.csv has no column 'url'"),
        ("{file: rows.csv, format: xlsx}", "3:60: expected 'lines', 'csv', 'tsv', "),
        (
            "{file: rows.csv, url: image_url, checksum: sah}",
            "3:78: rows.csv has no column 'sah'; it has 'id', 'image_url'",
        ),
        (
            "{file: rows.csv, url: image_url, headers: {Referer: imageurl}}",
            "3:87: rows.csv has no column 'imageurl'; did you mean 'image_url'?",
        ),
        ("SHA256SUMS", "3:35: sha256sums lists names and no URLs; set 'url', such as \"https://example.org/"),
        ("'https://u:p@/x.csv'", "3:35: the URL names no host"),
        ("'https://x/list'", "3:35: the name 'https://x/list' does not tell its format"),
    ],
)
def test_a_row_file_that_cannot_serve_is_refused(desk: Desk, write: Write, from_: str, expected: str) -> None:
    write("rows.csv", "id,image_url\n1,https://x/\n")
    write("rows.dat", "")
    write("SHA256SUMS", "")
    (desk.folder / "folder.csv").mkdir()
    found = desk.problems(job_text(from_))
    assert found[0].startswith(expected), found
    assert len(found) == 1


def test_a_job_that_waits_for_others_may_name_a_file_that_is_still_to_be_made(desk: Desk) -> None:
    first = "- {name: b, type: post, url: 'https://x/'}\n"
    assert len(desk.load(job_text("gone.csv", ", needs: b") + first).jobs) == 2


def test_stdin_can_be_read_once_only(desk: Desk) -> None:
    found = desk.problems(job_text("'-'") + "- {name: b, type: download, from: '-', to: b}\n")
    assert found == ["4:35: stdin is already read by job 'a'"]


def test_columns_are_looked_for_in_compressed_files_and_parquet_too(desk: Desk) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (desk.folder / "rows.csv.gz").write_bytes(gzip.compress(b"id,link\n1,https://x/\n"))
    parquet.write_table(pyarrow.table({"link": ["https://x/"]}), desk.folder / "rows.parquet")
    assert desk.problems(job_text("rows.csv.gz")) == [
        "3:35: rows.csv.gz has no column 'url'; it has 'id', 'link'"
    ]
    assert desk.problems(job_text("rows.parquet")) == [
        "3:35: rows.parquet has no column 'url'; it has 'link'"
    ]


def test_a_request_takes_no_columns_that_only_files_have(desk: Desk, write: Write) -> None:
    write("rows.csv", "url,to\nhttps://x/,a\n")
    text = "version: 1\njobs:\n- {name: a, type: request, from: {file: rows.csv, to: to}}\n"
    (found,) = desk.problems(text)
    assert "unknown key 'to'" in found


def test_body_files_must_be_there(desk: Desk, write: Write) -> None:
    write("here.bin", "x")
    found = desk.problems(
        """\
        version: 1
        jobs:
          - {name: a, type: post, url: 'https://x/', body_file: gone.bin}
          - name: b
            type: post
            url: https://x/
            multipart:
              one: {file: here.bin}
              two: {file: missing.bin}
          - {name: c, type: post, url: 'https://x/', body_file: here.bin}
        """
    )
    assert [line.split(": ")[0] for line in found] == ["3:57", "9:19"]


def test_rows_are_not_read_when_the_manifest_loads(desk: Desk, write: Write) -> None:
    write("many.txt", "https://x/\n" * 10 + "not a url\n")
    (job,) = desk.load(job_text("many.txt")).jobs
    rows = ManifestSources(desk.folder, nothing, desk.folder / "spool").rows(job)
    assert isinstance(next(iter(rows)), Row)
