from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import SourceChanged, UnexpectedContent
from crawler.job_types.base import Misfit
from crawler.job_types.globs import matches
from crawler.job_types.upload import UploadTask
from crawler.model import ErrorClass, Outcome, Task
from tests.job_types.bench import Bench, Sources, expand, job, task
from tests.server import Server


def _files(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")


def _upload(bench: Bench, url: str, **keys: Any) -> Any:
    return task("upload", Sources(bench.root), url=url, **keys)


async def test_multipart_sends_the_file_with_name_type_and_further_fields(
    bench: Bench, server: Server
) -> None:
    _files(bench.root, "reports/a.csv")
    made = _upload(
        bench,
        server.url("/echo"),
        files="reports/*.csv",
        field="doc",
        fields={"stem": "${stem}", "n": "${index}"},
        filename="${stem}-final${ext}",
    )
    result = await bench.perform(made, "upload")
    (received,) = server.log
    assert received.method == "POST"
    assert b'name="stem"\r\n\r\na\r\n' in received.body
    assert b'name="n"\r\n\r\n0\r\n' in received.body
    head = b'name="doc"; filename="a-final.csv"\r\nContent-Type: text/csv\r\n\r\ncontent of reports/a.csv'
    assert head in received.body
    assert result.outcome is Outcome.NEW
    assert result.bytes == len("content of reports/a.csv")


async def test_raw_puts_the_file_at_a_url_of_its_own(bench: Bench, server: Server) -> None:
    _files(bench.root, "a b.bin")
    made = _upload(bench, server.url("/echo/") + "${name}", files="*.bin", as_="raw")
    await bench.perform(made, "upload")
    (received,) = server.log
    assert (received.method, received.path, received.body) == ("PUT", "/echo/a b.bin", b"content of a b.bin")
    assert received.header("Content-Type") == "application/octet-stream"
    assert made.request.idempotent


async def test_form_sends_the_file_as_a_field(bench: Bench, server: Server) -> None:
    _files(bench.root, "a.txt")
    await bench.perform(
        _upload(bench, server.url("/echo"), files="a.txt", as_="form", fields={"k": "v"}), "upload"
    )
    assert server.log[0].body == b"k=v&file=content+of+a.txt"
    assert server.log[0].header("Content-Type") == "application/x-www-form-urlencoded"


async def test_the_answer_is_checked_and_saved(bench: Bench, server: Server) -> None:
    _files(bench.root, "a.txt")
    good = _upload(
        bench,
        server.url("/echo"),
        files="a.txt",
        save="answers/${stem}.json",
        expect={"json": {"method": "POST"}},
    )
    result = await bench.perform(good, "upload")
    assert result.saved is not None
    assert bench.names() == ["a.txt", "answers/a.json"]
    bad = _upload(bench, server.url("/echo"), files="a.txt", expect={"json": {"method": "PUT"}})
    with pytest.raises(UnexpectedContent):
        await bench.perform(bad, "upload")


async def test_a_file_that_changed_before_it_was_sent_is_not_sent(bench: Bench, server: Server) -> None:
    _files(bench.root, "a.txt")
    made = _upload(bench, server.url("/echo"), files="a.txt")
    (bench.root / "a.txt").write_text("something else")
    with pytest.raises(SourceChanged, match="before it was sent"):
        await bench.perform(made, "upload")
    assert not server.log


async def test_a_file_that_changes_while_the_server_answers_fails_the_upload(
    bench: Bench, server: Server
) -> None:
    _files(bench.root, "a.txt")
    made = _upload(bench, server.url("/echo"), files="a.txt", as_="raw")

    def change(_: object) -> None:
        (bench.root / "a.txt").write_text("longer than it was before")

    server.on_request = change
    with pytest.raises(SourceChanged, match="changed while"):
        await bench.perform(made, "upload")


def test_globs_are_sorted_and_never_name_what_is_not_for_upload(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    _files(outside, "secret.csv")
    _files(
        root,
        "b.csv",
        "a.csv",
        "a.csv.part",
        ".hidden.csv",
        ".crawler/ledger.csv",
        "sub/c.csv",
        "sub/deep/d.csv",
    )
    (root / "link.csv").symlink_to(outside / "secret.csv")
    (root / "linked").symlink_to(outside, target_is_directory=True)
    os.mkfifo(root / "pipe.csv")
    assert matches(root, "*.csv") == ["a.csv", "b.csv"]
    assert matches(root, "**/*.csv") == ["a.csv", "b.csv", "sub/c.csv", "sub/deep/d.csv"]
    assert matches(root, "**") == ["a.csv", "b.csv", "sub/c.csv", "sub/deep/d.csv"]
    assert matches(root, "s*/[c]*") == ["sub/c.csv"]
    assert matches(root, "./sub/deep/d.csv") == ["sub/deep/d.csv"]
    assert matches(root, "linked/*") == []
    assert matches(root, ".crawler/*") == []
    assert matches(root, "a.csv.part") == []
    assert matches(root / "none", "*") == []


@pytest.mark.parametrize("pattern", ["../*", "a/../../b", "/etc/*", "", "a\\b"])
def test_a_glob_that_could_leave_the_output_root_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="below the output root"):
        job("upload", url="http://h/", files=pattern)


def test_a_glob_without_a_match_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    _files(tmp_path, "a.txt")
    found = expand(job("upload", url="http://h/", files=["*.pdf", "*.txt", "a.*"]), Sources(tmp_path))
    nothing, only = found
    assert isinstance(nothing, Misfit)
    assert nothing.failure.kind is ErrorClass.TEMPLATE
    assert "matches '*.pdf'" in nothing.failure.message
    assert isinstance(only, UploadTask)
    assert (only.ordinal, only.key) == (1, "POST http://h/ a.txt")


def test_files_of_an_earlier_job_are_taken_and_a_vanished_one_is_a_failure(tmp_path: Path) -> None:
    _files(tmp_path, "x/a.txt")
    given = job("upload", url="http://h/", files={"job": "first", "outcome": "new"})
    made = replace(given, takes_from=("first",))
    sent, gone = expand(made, Sources(tmp_path, targets=["x/a.txt", "x/b.txt"]))
    assert isinstance(sent, Task)
    assert isinstance(gone, Misfit)
    assert gone.failure.kind is ErrorClass.SOURCE_CHANGED
    assert expand(made, Sources(tmp_path)) == []


def test_keys_that_a_form_cannot_carry_are_refused() -> None:
    with pytest.raises(ValueError, match="raw body"):
        job("upload", url="http://h/", files="*", as_="raw", fields={"a": "b"})
    with pytest.raises(ValueError, match="as: multipart"):
        job("upload", url="http://h/", files="*", as_="form", filename="x")
