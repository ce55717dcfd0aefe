from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import BadStatus, TaskError, TooLarge, UnexpectedContent
from crawler.model import Outcome
from crawler.request import BytesBody
from tests.job_types.bench import Bench, job, remembered, task
from tests.server import Server

METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_sent_with_params_headers_and_cookies(
    bench: Bench, server: Server, method: str
) -> None:
    made = task(
        "request",
        url=server.url("/echo?a=1"),
        method=method,
        params={"b": [2, "x y"]},
        headers={"X-Own": "yes"},
        cookies={"c": "d"},
    )
    result = await bench.perform(made, "request")
    assert (result.outcome, result.status) == (Outcome.NEW, 200)
    (received,) = server.log
    assert received.method == method
    assert received.query == [("a", "1"), ("b", "2"), ("b", "x y")]
    assert received.header("X-Own") == "yes"
    assert received.header("Cookie") == "c=d"
    assert made.request.idempotent is (method not in ("POST", "PATCH"))


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        ({"json": {"a": [1, None]}}, "application/json", b'{"a":[1,null]}'),
        ({"json": None}, "application/json", b"null"),
        ({"form": {"a": "1 2", "b": ["x", "ü"]}}, "application/x-www-form-urlencoded", b"a=1+2&b=x&b=%C3%BC"),
        ({"text": "grüß"}, "text/plain; charset=utf-8", "grüß".encode()),
        (
            {"text": {"content": "ü", "charset": "latin-1", "content_type": "text/csv"}},
            "text/csv; charset=latin-1",
            b"\xfc",
        ),
        ({"data": base64.b64encode(b"\0\xff").decode()}, "application/octet-stream", b"\0\xff"),
        ({"body_file": "note.txt"}, "text/plain", b"from a file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_every_body_is_sent_with_its_type(
    bench: Bench, server: Server, tmp_path: Path, body: dict[str, Any], content_type: str, sent: bytes
) -> None:
    (tmp_path / "note.txt").write_bytes(b"from a file")
    await bench.perform(task("post", folder=tmp_path, url=server.url("/echo"), **body), "post")
    (received,) = server.log
    assert (received.method, received.body) == ("POST", sent)
    assert received.header("Content-Type") == content_type


async def test_a_content_type_of_the_manifest_wins(bench: Bench, server: Server) -> None:
    made = task("post", url=server.url("/echo"), data="AAE=", headers={"content-type": "image/x-own"})
    await bench.perform(made, "post")
    assert server.log[0].header("Content-Type") == "image/x-own"


@pytest.mark.parametrize("as_list", [False, True])
async def test_multipart_carries_values_and_streamed_files(
    bench: Bench, server: Server, tmp_path: Path, as_list: bool
) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,2\n")
    parts: Any = {
        "note": "hello",
        "meta": {"value": "{}", "content_type": "application/json"},
        "file": {"file": "a.csv", "filename": "b.csv"},
    }
    if as_list:
        parts = [{"name": "note", "value": "hello"}] + [
            {"name": name, **part} for name, part in parts.items() if name != "note"
        ]
    await bench.perform(task("post", folder=tmp_path, url=server.url("/echo"), multipart=parts), "post")
    body = server.log[0].body
    assert b'name="note"\r\n\r\nhello' in body
    assert b'name="meta"\r\nContent-Type: application/json\r\n\r\n{}' in body
    assert b'name="file"; filename="b.csv"\r\nContent-Type: text/csv\r\n\r\n1,2\n' in body


async def test_an_idempotency_key_is_sent_and_makes_a_post_repeatable(bench: Bench, server: Server) -> None:
    made = task("post", url=server.url("/echo"), json={}, idempotency_key="day-1")
    assert made.request.idempotent
    await bench.perform(made, "post")
    assert server.log[0].header("Idempotency-Key") == "day-1"
    assert not task("post", url=server.url("/echo"), json={}).request.idempotent


GOOD: list[dict[str, Any]] = [
    {"status": [201, "2xx"]},
    {"content_type": "application/json"},
    {"headers": {"content-type": "re:^application/"}},
    {"text": ["method", 're:"method": ?"GET"']},
    {"json": {"method": "GET", "query": [["a", "1"]]}},
    {"min_bytes": 10, "max_bytes": "1MB"},
]
BAD: list[tuple[dict[str, Any], type[TaskError], str]] = [
    ({"status": 204}, BadStatus, "expected 204"),
    ({"content_type": "text/html"}, UnexpectedContent, "expected text/html"),
    ({"headers": {"X-None": "1"}}, UnexpectedContent, "no X-None"),
    ({"headers": {"Content-Type": "text/html"}}, UnexpectedContent, "expected 'text/html'"),
    ({"text": "nowhere"}, UnexpectedContent, "does not hold 'nowhere'"),
    ({"json": {"method": "PUT"}}, UnexpectedContent, r"\$\.method is \"GET\"; expected \"PUT\""),
    ({"json": {"query": []}}, UnexpectedContent, "has 1 items; expected 0"),
    ({"min_bytes": "1MB"}, UnexpectedContent, "expected at least"),
    ({"max_bytes": 10}, TooLarge, "10"),
    ({"max_bytes": 10, "text": "x"}, TooLarge, "10"),
]


@pytest.mark.parametrize("expect", GOOD, ids=str)
@pytest.mark.parametrize("save", [None, "answer.json"])
async def test_an_answer_as_expected_passes(
    bench: Bench, server: Server, expect: dict[str, Any], save: str | None
) -> None:
    keys: dict[str, Any] = {} if save is None else {"save": save}
    result = await bench.perform(
        task("request", url=server.url("/echo?a=1"), expect=expect, **keys), "request"
    )
    assert result.outcome is Outcome.NEW
    if save is not None:
        assert json.loads(bench.read(save))["method"] == "GET"


@pytest.mark.parametrize(("expect", "error", "message"), BAD, ids=str)
@pytest.mark.parametrize("save", [None, "answer.json"])
async def test_any_other_answer_fails_and_is_not_saved(
    bench: Bench,
    server: Server,
    expect: dict[str, Any],
    error: type[TaskError],
    message: str,
    save: str | None,
) -> None:
    keys: dict[str, Any] = {} if save is None else {"save": save}
    with pytest.raises(error, match=message):
        await bench.perform(task("request", url=server.url("/echo?a=1"), expect=expect, **keys), "request")
    assert bench.names() == []


async def test_an_expected_error_status_is_a_success(bench: Bench, server: Server) -> None:
    result = await bench.perform(
        task("request", url=server.url("/status/404"), expect={"status": 404}), "request"
    )
    assert (result.outcome, result.status) == (Outcome.NEW, 404)


async def test_a_saved_answer_knows_whether_it_changed(bench: Bench, server: Server) -> None:
    made = task("request", url=server.url("/page"), save="p.txt")
    server.set_answer("/page", b"one")
    first = await bench.perform(made, "request")
    assert (await bench.perform(remembered(made, first), "request")).outcome is Outcome.UNCHANGED
    server.set_answer("/page", b"two")
    assert (await bench.perform(remembered(made, first), "request")).outcome is Outcome.CHANGED
    assert bench.read("p.txt") == b"two"


async def test_a_large_body_that_nobody_wants_is_not_read_to_its_end(bench: Bench, server: Server) -> None:
    result = await bench.perform(task("request", url=server.url("/endless")), "request")
    assert result.note == "body_not_read"
    assert result.bytes < 4_000_000


async def test_what_a_request_says_can_come_from_its_row(
    bench: Bench, server: Server, tmp_path: Path
) -> None:
    from crawler.model import Row
    from tests.job_types.bench import Sources

    rows = Sources(tmp_path, [Row({"id": 7, "who": "Ada"}, "people.csv", 2)])
    made = task(
        "post",
        rows,
        from_="people.csv",
        url=server.url("/echo/") + "${row.id}",
        json={"name": "${row.who}", "id": "${row.id}"},
        headers={"X-Who": "${row.who}"},
        expect={"json": {"path": "/echo/${row.id}"}},
    )
    await bench.perform(made, "post")
    assert json.loads(server.log[0].body) == {"name": "Ada", "id": 7}
    assert server.log[0].header("X-Who") == "Ada"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "expected 'url', 'urls' or 'from'"),
        ({"url": "http://h/", "urls": []}, "'urls' without"),
        ({"url": "http://h/", "json": 1, "text": "x"}, "at most one body, found 'json' and 'text'"),
        ({"url": "http://h/", "multipart": [{"value": "x"}]}, "needs a 'name'"),
        ({"url": "http://h/", "multipart": {"a": {"value": "x", "file": "y"}}}, "exactly one of"),
        ({"url": "http://h/", "data": "not base64!"}, "expected base64"),
        ({"url": "http://h/", "text": {"content": "x", "charset": "klingon"}}, "unknown charset"),
        ({"url": "http://h/", "expect": {"text": "re:("}}, "no regular expression"),
        ({"url": "http://h/", "expect": {"status": "6xx"}}, "is no status"),
        ({"url": "http://h/", "method": "BREW"}, "method"),
        ({"url": "http://h/", "capture": {}}, "capture"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_when_it_is_read(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        job("request", **keys)


def test_post_is_always_post() -> None:
    with pytest.raises(ValueError, match="method"):
        job("post", url="http://h/", method="PUT")


def test_text_that_its_charset_cannot_write_is_a_located_failure() -> None:
    from crawler.job_types.base import Misfit
    from tests.job_types.bench import expand

    (misfit,) = expand(job("post", url="http://h/", text={"content": "漢", "charset": "latin-1"}))
    assert isinstance(misfit, Misfit)
    assert "latin-1" in misfit.failure.message


def test_a_body_is_built_once_for_all_rows_unless_a_row_is_in_it() -> None:
    from crawler.job_types.bodies import body_maker

    fixed = body_maker(job("post", url="http://h/", text="same").spec, Path())
    assert fixed({"index": 0}) is fixed({"index": 1})
    varied = body_maker(job("post", url="http://h/", text="${index}").spec, Path())
    assert varied({"index": 3}) == BytesBody(b"3", "text/plain; charset=utf-8")
