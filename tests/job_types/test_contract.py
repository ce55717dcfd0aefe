"""What every job type promises, whatever it does; one listed in ``JOB_TYPES`` is tested here at once."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crawler.errors import BadStatus, TaskError
from crawler.job_types.base import Job, Misfit
from crawler.job_types.spec import JobSpec
from crawler.job_types.table import JOB_TYPES
from crawler.model import Outcome, Result, Task
from crawler.request import Timeouts
from tests.job_types.bench import Bench, Sources, expand, job
from tests.server import Server

SECRET = "s3cr3t-t0ken"

EVERY_TYPE = pytest.mark.parametrize("type_", sorted(JOB_TYPES))


def _job(type_: str, base: str, path: str, **more: Any) -> Job:
    """A job of the type against one path of the server."""
    own: dict[str, dict[str, Any]] = {
        "download": {"urls": [f"{base}{path}"], "to": "out"},
        "request": {"url": f"{base}{path}", "save": "out"},
        "post": {"url": f"{base}{path}", "save": "out", "json": {"a": 1}},
        "upload": {"url": f"{base}{path}", "files": "in.txt", "save": "out"},
        "crawl": {"start": f"{base}{path}", "to": "out"},
        "websocket": {"url": "ws" + f"{base}{path}".removeprefix("http"), "to": "out"},
    }
    return job(type_, **{**own[type_], **more})


class Case:
    """Where the server has what a type needs: a good end, an error status, and a body that stops half way."""

    good: ClassVar[dict[str, str]] = {"websocket": "/ws/ticks/3"}
    refused: ClassVar[dict[str, str]] = {"websocket": "/ws/refuse"}
    hangs: ClassVar[dict[str, str]] = {"websocket": "/ws/silent"}


def _task(type_: str, bench: Bench, server: Server, path: str, **more: Any) -> Task:
    (bench.root / "in.txt").write_text("to upload")
    (only,) = expand(_job(type_, server.base, path, **more), Sources(bench.root))
    assert isinstance(only, Task), only
    return only


@EVERY_TYPE
def test_the_table_lists_a_type_under_its_own_name(type_: str) -> None:
    job_type = JOB_TYPES[type_]
    assert job_type.name == type_
    assert issubclass(job_type.spec, JobSpec)
    assert isinstance(job_type.timeouts, Timeouts)


@EVERY_TYPE
def test_tasks_are_lazy_and_picklable_and_say_where_they_go(type_: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    made = _job(type_, "http://h.example:81", "/a/b.txt")
    tasks = JOB_TYPES[type_].tasks(made, Sources(tmp_path))
    assert isinstance(tasks, Iterator)
    found = list(tasks)
    assert pickle.loads(pickle.dumps(found)) == found
    for each in found:
        assert isinstance(each, Task)
        assert (each.job, each.slot, each.ordinal) == ("j", "h.example:81", 0)
        assert each.request.timeouts == made.timeouts
        assert "__dict__" not in dir(each)


@EVERY_TYPE
def test_keys_are_unique_and_the_same_every_time(type_: str, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("x")
    more: dict[str, Any] = {}
    if type_ == "download":
        more = {"urls": ["http://h/a", "http://h/b"], "to": None}
    if type_ == "crawl":
        more = {"start": ["http://h/a", "http://h/b"], "to": None}
    if type_ in ("request", "post"):
        more = {"url": None, "urls": ["http://h/a", "http://h/a"], "save": None}
    if type_ == "upload":
        more = {"files": ["*.txt", "a.*"], "save": None}
    made = _job(type_, "http://h", "/a", **more)
    first, second = (expand(made, Sources(tmp_path)) for _ in range(2))
    keys = [each.key for each in first if isinstance(each, Task)]
    assert len(keys) == len(set(keys)) == len(first) == (1 if type_ == "websocket" else 2)
    assert first == second


@EVERY_TYPE
async def test_a_good_end_is_a_result_without_leftovers(type_: str, bench: Bench, server: Server) -> None:
    made = _task(type_, bench, server, Case.good.get(type_, "/file/300000"))
    result = await bench.perform(made, type_)
    assert isinstance(result, Result)
    assert result.outcome is Outcome.NEW
    assert result.failure is None
    assert result.bytes > 0
    assert result.saved is not None
    assert result.saved.target == getattr(made, "layout", made.target) == "out"
    assert result.saved.size == (bench.root / "out").stat().st_size
    assert bench.names() == ["in.txt", "out"]


@EVERY_TYPE
async def test_an_error_status_is_a_bad_status_and_nothing_is_left(
    type_: str, bench: Bench, server: Server
) -> None:
    made = _task(type_, bench, server, Case.refused.get(type_, "/retry-after/9/403/5"))
    with pytest.raises(BadStatus) as caught:
        await bench.perform(made, type_)
    failure = caught.value.failure()
    assert failure.status == 403
    assert failure.answered
    assert failure.retry_after == (None if type_ == "websocket" else 9.0)
    assert bench.names() == ["in.txt"]


@EVERY_TYPE
async def test_a_file_that_is_not_ours_is_left_alone_and_nothing_is_sent_for_it(
    type_: str, bench: Bench, server: Server
) -> None:
    made = _task(type_, bench, server, Case.good.get(type_, "/file/10"))
    (bench.root / "out").write_text("mine")
    with pytest.raises(TaskError, match="exists"):
        await bench.perform(made, type_)
    assert (bench.root / "out").read_text() == "mine"
    if type_ != "crawl":  # whether a URL has a file at all, a crawl learns from its answer
        assert not server.log


@EVERY_TYPE
async def test_a_cancelled_attempt_leaves_nothing_under_the_final_name(
    type_: str, bench: Bench, server: Server
) -> None:
    made = _task(type_, bench, server, Case.hangs.get(type_, "/stall/5000"))
    running = asyncio.create_task(bench.perform(made, type_))
    while not server.log:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not (bench.root / "out").exists()
    again = await bench.files.open("out", job="j", key=made.key)
    await again.discard()


@EVERY_TYPE
async def test_no_server_is_a_task_error_that_says_nothing_was_sent(type_: str, bench: Bench) -> None:
    (bench.root / "in.txt").write_text("x")
    (made,) = expand(_job(type_, "http://127.0.0.1:1", "/"), Sources(bench.root))
    assert isinstance(made, Task)
    with pytest.raises(TaskError) as caught:
        await bench.perform(made, type_)
    assert not caught.value.sent
    assert caught.value.failure().retryable


@EVERY_TYPE
def test_secrets_do_not_show_in_a_task(type_: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    more: dict[str, Any] = {
        "headers": {"X-Token": SECRET},
        "cookies": {"session": SECRET},
        "params": {"key": SECRET},
        "auth": {"token": SECRET},
        "proxy": f"http://user:{SECRET}@proxy.example:3128",
    }
    (made,) = expand(_job(type_, "http://h", "/a", **more), Sources(tmp_path))
    assert isinstance(made, Task)
    assert made.request.headers == (("X-Token", SECRET),)
    assert made.request.auth is not None
    assert SECRET not in repr(made)


@EVERY_TYPE
def test_a_template_that_fails_is_a_misfit(type_: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("x")
    (found,) = expand(_job(type_, "http://h", "/a", headers={"X": "${row.none}"}), Sources(tmp_path))
    assert isinstance(found, Misfit)
    assert "row" in found.failure.message


@EVERY_TYPE
def test_unknown_keys_are_refused(type_: str) -> None:
    with pytest.raises(ValueError, match="paginate"):
        _job(type_, "http://h", "/a", paginate=True)


@EVERY_TYPE
def test_the_schema_can_be_written(type_: str) -> None:
    schema = JOB_TYPES[type_].spec.model_json_schema()
    assert {"name", "type", "needs"} <= schema["properties"].keys()
    assert schema["additionalProperties"] is False
