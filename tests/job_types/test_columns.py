"""What a row says of its own file, by the columns that ``from`` names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler.job_types.base import Misfit
from crawler.model import Row, Task
from tests.job_types.bench import Sources, expand, job, task

COLUMNS = {
    "file": "images.csv",
    "url": "link",
    "to": "path",
    "checksum": "sum",
    "mirrors": "also",
    "headers": {"Referer": "page", "X-Id": "no. ${row.id}"},
}
ROW = {
    "link": "http://h/a",
    "path": "x/y",
    "sum": "a" * 64,
    "also": "http://m/1 http://m/2",
    "page": "p",
    "id": 7,
}


def of(**changes: Any) -> Sources:
    return Sources(Path(), [Row(ROW | changes, "images.csv", 2)])


def failure(sources: Sources, **from_: Any) -> str:
    (bad,) = expand(job("download", from_=COLUMNS | from_), sources)
    assert isinstance(bad, Misfit)
    return bad.failure.message


def test_columns_give_target_checksum_mirrors_and_headers() -> None:
    made = task("download", of(), from_=COLUMNS, to="z", headers={"referer": "q", "Accept": "*/*"})
    assert made.target == "x/y"
    assert str(made.checksum) == "sha256:" + "a" * 64
    assert [each.url for each in made.mirrors] == ["http://m/1", "http://m/2"]
    assert made.request.headers == (("Accept", "*/*"), ("Referer", "p"), ("X-Id", "no. 7"))


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_an_empty_value_leaves_it_to_the_job(nothing: object) -> None:
    sources = of(path=nothing, sum=nothing, also=nothing, page=nothing)
    made = task(
        "download",
        sources,
        from_=COLUMNS,
        to="z",
        checksum="md5:" + "b" * 32,
        mirrors=["http://n/"],
        headers={"Referer": "q"},
    )
    assert (made.target, str(made.checksum)) == ("z", "md5:" + "b" * 32)
    assert [each.url for each in made.mirrors] == ["http://n/"]
    assert made.request.headers == (("Referer", "q"), ("X-Id", "no. 7"))


def test_templates_may_speak_of_row_and_url() -> None:
    made = task("download", of(), from_=COLUMNS | {"to": "${row.id}/${name}.png"})
    assert made.target == "7/a.png"


def test_a_value_that_looks_like_a_template_is_only_text() -> None:
    assert task("download", of(path="${row.id}"), from_=COLUMNS).target == "${row.id}"


def test_mirrors_may_be_a_list_or_several_columns() -> None:
    made = task(
        "download", of(also=["http://m/1"], more="http://m/2"), from_=COLUMNS | {"mirrors": ["also", "more"]}
    )
    assert [each.url for each in made.mirrors] == ["http://m/1", "http://m/2"]


@pytest.mark.parametrize(
    ("digits", "algorithm"), [(32, "md5"), (40, "sha1"), (64, "sha256"), (128, "sha512")]
)
def test_a_bare_hash_is_told_by_its_length(digits: int, algorithm: str) -> None:
    made = task("download", of(sum="A" * digits), from_=COLUMNS)
    assert str(made.checksum) == f"{algorithm}:{'a' * digits}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sum": "x" * 64}, "images.csv:2: checksum 'xxx"),
        ({"sum": "sha256:12"}, "images.csv:2: checksum 'sha256:12': sha256 takes 64 hex digits"),
        ({"path": "../x"}, "images.csv:2: target '../x' climbs out"),
        ({"path": ["x"]}, "images.csv:2: path: expected text or a number, found a list"),
        ({"also": 7}, "images.csv:2: also: expected URLs, found '7'"),
        ({"also": "m"}, "images.csv:2: 'm': not an absolute URL"),
        ({"page": "a\nb"}, "images.csv:2: header Referer: a header value must be one line"),
    ],
    ids=str,
)
def test_a_value_that_will_not_do_is_a_located_failure(changes: dict[str, Any], message: str) -> None:
    assert failure(of(**changes)).startswith(message)


@pytest.mark.parametrize("key", ["to", "checksum", "mirrors"])
def test_a_column_that_is_not_there_is_a_failure_and_not_the_default(key: str) -> None:
    message = failure(of(), **{key: "typo"})
    assert message.startswith("images.csv:2: the row has no column 'typo'; it has link, path, sum")


def test_rows_of_a_format_that_has_them_bring_their_own_unasked() -> None:
    fields = {"url": "http://h/a", "to": "own", "checksum": "md5:" + "c" * 32, "mirrors": ["http://m/"]}
    row = Row(fields | {"headers": [("X", "1")]}, "s.aria2", 1, own=True)
    made = task("download", Sources(Path(), [row]), from_={"file": "s.aria2"}, to="z")
    assert (made.target, made.checksum.algorithm, len(made.mirrors)) == ("own", "md5", 1)
    assert made.request.headers == (("X", "1"),)
    plain = Row(row.fields, "s.csv", 1)
    assert task("download", Sources(Path(), [plain]), from_={"file": "s.csv"}, to="z").target == "z"


def test_a_request_takes_headers_from_rows() -> None:
    from_ = {"file": "r.csv", "url": "link", "headers": {"If-Match": "page"}}
    made = task("post", of(), from_=from_, idempotency_key="k", headers={"if-match": "none"})
    assert isinstance(made, Task)
    assert made.request.headers == (("If-Match", "p"), ("Idempotency-Key", "k"))
