from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crawler.job_types.base import Misfit
from crawler.job_types.table import JOB_TYPES
from crawler.model import ErrorClass, Failure, Row, Task
from crawler.request import Auth
from tests.job_types.bench import Sources, expand, job, task


def _rows(*fields: dict[str, Any]) -> Sources:
    return Sources(Path(), [Row(each, "rows.csv", line) for line, each in enumerate(fields, start=2)])


def test_targets_are_laid_out_as_wget_does_unless_to_says_otherwise() -> None:
    urls = ["http://h.example/", "http://h.example:8080/a%20b/c.txt?x=1"]
    plain = expand(job("download", urls=urls))
    assert [each.target for each in plain if isinstance(each, Task)] == [
        "h.example/index.html",
        "h.example+8080/a b/c.txt@x=1",
    ]
    named = expand(job("download", urls=urls, to="${index}-${stem}-${query_hash}${ext}"))
    assert next(each.target for each in named if isinstance(each, Task)) == "0-index-.html"


def test_a_row_gives_url_and_fields() -> None:
    made = task(
        "download",
        _rows({"link": "http://h/a.jpg", "id": 7}),
        from_={"file": "rows.csv", "url": "link"},
        to="images/${row.id}${ext}",
        headers={"X-Id": "${row.id}"},
    )
    assert (made.key, made.target, made.slot) == ("images/7.jpg", "images/7.jpg", "h:80")
    assert made.request.headers == (("X-Id", "7"),)


def test_a_url_may_be_put_together_from_a_row() -> None:
    made = task("download", _rows({"id": "x"}), from_={"file": "r.csv", "url": "http://h/${row.id}.png"})
    assert made.url == "http://h/x.png"


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"url": "ftp://h/a"}, ErrorClass.TEMPLATE, "rows.csv:2: 'ftp://h/a': scheme 'ftp' is not supported"),
        ({"url": "http://h/\r\nX: 1"}, ErrorClass.TEMPLATE, "control character"),
        ({"url": None}, ErrorClass.TEMPLATE, "column 'url' holds None; expected a URL"),
        ({"link": "http://h/"}, ErrorClass.TEMPLATE, "no column 'url' to take the URL from; it has link"),
        ({"url": "http://h/a"}, ErrorClass.TEMPLATE, "id"),
        ({"url": "http://h/a", "id": "../../etc"}, ErrorClass.UNSAFE_PATH, "climbs out"),
        ({"url": "http://h/a", "id": [1]}, ErrorClass.TEMPLATE, "found a list"),
    ],
    ids=str,
)
def test_a_bad_row_is_a_located_failure_and_the_others_go_on(
    fields: dict[str, Any], kind: ErrorClass, message: str
) -> None:
    sources = _rows(fields, {"url": "http://h/good", "id": "1"})
    bad, good = expand(job("download", from_="rows.csv", to="${row.id}/x"), sources)
    assert isinstance(bad, Misfit)
    assert (bad.failure.kind, bad.failure.detail, bad.ordinal) == (kind, "rows.csv:2", 0)
    assert message in bad.failure.message
    assert isinstance(good, Task)
    assert good.ordinal == 1


def test_a_misfit_of_the_source_is_passed_on() -> None:
    failure = Failure(kind=ErrorClass.TEMPLATE, message="rows.csv:3: not CSV", retryable=False)
    given = Misfit(job="j", ordinal=0, url="", failure=failure)
    assert expand(job("download", from_="rows.csv"), Sources(Path(), [given])) == [given]


def test_user_info_becomes_basic_credentials_and_leaves_the_url() -> None:
    made = task("request", url="https://me%40x:p%3Aw@h.example:444/a?b=c")
    assert made.url == "https://h.example:444/a?b=c"
    assert made.request.auth == Auth("basic", "me@x", "p:w")
    assert "p:w" not in repr(made)
    assert "p%3Aw" not in repr(made)


def test_an_at_sign_in_the_path_is_no_user_info() -> None:
    made = task("request", url="https://h/@me", auth={"user": "u", "password": "p"})
    assert (made.url, made.request.auth) == ("https://h/@me", Auth("basic", "u", "p"))


def test_an_encoded_url_is_left_as_written_and_any_other_is_quoted_once() -> None:
    assert task("request", url="http://h/a%27b?sig=x%2By").url == "http://h/a%27b?sig=x%2By"
    assert task("request", url="http://h/ä b#frag").url == "http://h/%C3%A4%20b"


def test_an_entry_has_its_own_target_checksum_and_headers() -> None:
    made = task(
        "download",
        urls=[
            {
                "url": "http://h/a",
                "to": "z/${name}",
                "headers": {"accept": "text/csv"},
                "checksum": "md5:" + "a" * 32,
            }
        ],
        to="y",
        headers={"Accept": "*/*", "X": "1"},
        checksum="md5:" + "b" * 32,
    )
    assert made.target == "z/a"
    assert made.request.headers == (("X", "1"), ("accept", "text/csv"))
    assert made.checksum.hex == "a" * 32


def test_rows_are_drawn_one_at_a_time() -> None:
    sources = _rows(*({"url": f"http://h/{number}"} for number in range(1000)))
    made = job("download", from_="rows.csv")
    tasks = iter(JOB_TYPES["download"].tasks(made, sources))
    next(tasks)
    assert sources.drawn == 1


def test_the_formats_that_a_manifest_may_name_are_those_that_can_be_read() -> None:
    from crawler.job_types.spec import RowsSpec
    from crawler.manifest.rows.table import FORMATS

    for name in FORMATS:
        assert RowsSpec.model_validate({"file": "x", "format": name}).format == name
    with pytest.raises(ValueError, match="format"):
        RowsSpec.model_validate({"file": "x", "format": "xlsx"})
