"""Attempts in other processes end as they would here, and nothing of them is lost with a child."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from crawler.engine.cores import cores
from crawler.engine.frames import FRAME, Frames
from crawler.engine.own_process import loop_factory
from crawler.engine.processes.messages import CookiesSet, Settings
from crawler.engine.processes.pool import Company, Processes
from crawler.errors import StorageFailed, Truncated
from crawler.job_types.table import JOB_TYPES
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint, Outcome, Result, Task
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.net.traffic import Traffic, current
from crawler.net.transport import MovedAway
from crawler.policy.hosts import HostRules
from crawler.request import JsonBody
from crawler.store.files import Finalizing
from crawler.store.output import OutputRoot
from tests.cli.running import helpers
from tests.job_types.bench import Gauge, expand, job, reached
from tests.server import Server, file_bytes


@dataclass
class Books:
    """A journal and checkpoints that keep what was committed; ``refusal`` is what the disk says."""

    intents: list[Finalizing] = field(default_factory=list)
    reached: list[Checkpoint] = field(default_factory=list)
    refusal: str | None = None
    free: threading.Event | None = None  # the disk takes its time until then
    asked: int = 0

    def finalizing(self, batch: Any) -> None:
        self.asked += 1
        if self.free is not None:
            self.free.wait(30)
        if self.refusal is not None:
            raise StorageFailed(self.refusal)
        self.intents += batch

    async def checkpoint(self, reached: Checkpoint) -> None:
        self.reached.append(reached)


@dataclass
class Run:
    """A pool with its books."""

    pool: Processes
    files: OutputRoot
    transport: AiohttpTransport
    root: Path
    books: Books
    warnings: list[str]
    left: int = 0
    gauge: Gauge = field(default_factory=Gauge)

    def leave(self) -> None:
        self.left += 1

    async def perform(self, type_: str, task: Task) -> Result:
        tools = Tools(
            transport=self.transport,
            files=self.files,
            gauge=self.gauge,
            checkpoint=self.books.checkpoint,
            chunk_size=64 * 1024,
            leave_host=self.leave,
        )
        assert self.pool.take(JOB_TYPES[type_], task, Traffic())
        return await self.pool.perform(type_, task, tools)

    @property
    def children(self) -> list[int]:
        """The processes that make attempts for this one."""
        return helpers(os.getpid())


@asynccontextmanager
async def running(folder: Path, count: int = 1, *, concurrency: int = 64, **more: Any) -> AsyncIterator[Run]:
    books = Books()
    warnings: list[str] = []
    root = folder / "out"
    files = OutputRoot(root, durability="full", chunk_size=64 * 1024, journal=books, alone=False)
    transport = AiohttpTransport(TransportSettings())
    settings = Settings(
        transport=TransportSettings(),
        output=root,
        durability="full",
        chunk_size=64 * 1024,
        min_free_disk=0,
        workers=16,
    )
    company = Company(
        settings=settings,
        files=files,
        transport=transport,
        journal=books,
        hosts=HostRules((), concurrency=concurrency),
        keep_open=more.pop("keep_open", ()),
        own_json=more.pop("own_json", False),
        warn=warnings.append,
    )
    pool = Processes(count, company)
    await pool.start()
    try:
        async with asyncio.timeout(60):
            await pool.ready()
            yield Run(pool, files, transport, root, books, warnings)
    finally:
        await pool.close()
        await transport.close()
        files.close()


def tasks(type_: str, **keys: Any) -> list[Task]:
    found = expand(job(type_, **keys))
    assert all(isinstance(each, Task) for each in found)
    return [each for each in found if isinstance(each, Task)]


def download(url: str, to: str = "a.bin") -> Task:
    [task] = tasks("download", urls=[url], to=to)
    return task


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_a_file_is_fetched_elsewhere_and_its_intent_is_committed_here(
    tmp_path: Path, server: Server
) -> None:
    async with running(tmp_path) as run:
        result = await run.perform("download", download(server.url("/file/300000/a"), "x/y/a.bin"))
        assert (result.outcome, result.bytes, result.status) == (Outcome.NEW, 300_000, 200)
        assert (run.root / "x/y/a.bin").read_bytes() == file_bytes(300_000, "a")
        assert [(each.target, each.size) for each in run.books.intents] == [("x/y/a.bin", 300_000)]
        assert result.saved is not None
        assert result.saved.sha256 == hashlib.sha256(file_bytes(300_000, "a")).hexdigest()
        assert run.transport.requests == 0
        assert (current().requests, run.left, run.gauge.moved) == (0, 1, 300_000)
        [child] = run.children
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_the_workers_count_of_requests_is_what_the_child_sent(tmp_path: Path, server: Server) -> None:
    from crawler.net.traffic import TRAFFIC

    async with running(tmp_path) as run:
        traffic = Traffic()
        TRAFFIC.set(traffic)
        await run.perform("download", download(server.url("/redirect/3")))
        assert traffic.requests == 4
        assert traffic.head_seconds is not None


async def test_errors_are_those_that_the_attempt_would_have_here(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path) as run:
        missing = await run.perform("download", download(server.url("/status/404")))
        assert missing.failure is not None
        assert (missing.failure.kind, missing.failure.status) == ("http_status", 404)
        server.set_file("f", file_bytes(300_000, "a"), cut_after=200_000, cuts=1)
        task = download(server.url("/versions/f"))
        cut = await run.perform("download", task)
        assert cut.failure is not None
        assert cut.failure.kind == "truncated"
        assert [each.offset for each in run.books.reached] == [200_000]
        whole = await run.perform("download", reached(task, run.books.reached[0]))
        assert (whole.outcome, whole.bytes) == (Outcome.NEW, 100_000)
        assert (run.root / "a.bin").read_bytes() == file_bytes(300_000, "a")


async def test_a_redirect_to_another_host_comes_back_to_the_engine(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path) as run, Server() as other:
        server.set_answer("/away", b"", status=302, headers=(("Location", other.url("/file/10/a")),))
        with pytest.raises(MovedAway) as caught:
            await run.perform("download", download(server.url("/away")))
        assert caught.value.hop.url == other.url("/file/10/a")
        assert other.log == []


async def test_a_disk_or_ledger_that_refuses_is_told_as_such(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path) as run:
        run.books.refusal = "the ledger is full"
        result = await run.perform("download", download(server.url("/file/10/a")))
        assert result.failure is not None
        assert (result.failure.kind, result.failure.message) == ("storage", "the ledger is full")
        assert not (run.root / "a.bin").exists()


async def test_breaking_off_keeps_the_part_file_and_commits_how_far_it_is(
    tmp_path: Path, server: Server
) -> None:
    async with running(tmp_path) as run:
        task = download(server.url("/file/3000000/a?throttle=1000000"))
        attempt = asyncio.create_task(run.perform("download", task))
        await until(lambda: run.gauge.moved > 200_000)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        [reached] = run.books.reached
        part = (run.root / "a.bin.part").read_bytes()
        assert 0 < reached.offset <= len(part)
        assert part[: reached.offset] == file_bytes(3_000_000, "a")[: reached.offset]
        # and the target is free again
        await run.perform("download", download(server.url("/file/10/b"), "a.bin"))


async def test_what_was_under_way_in_a_lost_child_may_be_tried_again(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path, 2) as run:
        task = download(server.url("/file/3000000/a?throttle=1000000"))
        attempt = asyncio.create_task(run.perform("download", task))
        await until(lambda: run.gauge.moved > 0)
        for child in run.children:
            os.kill(child, signal.SIGKILL)
        with pytest.raises(Truncated) as caught:
            await attempt
        assert caught.value.retryable
        assert caught.value.sent
        await until(lambda: len(run.warnings) == 2)
        assert "signal 9" in run.warnings[0]
        # Nobody is left: the engine makes the next attempt itself.
        assert not run.pool.take(JOB_TYPES["download"], task, Traffic())


@pytest.mark.parametrize("named", [False, True])
async def test_a_file_that_a_lost_child_was_about_to_name_is_not_fetched_again(
    tmp_path: Path, server: Server, named: bool
) -> None:
    body = file_bytes(5000, "a")
    async with running(tmp_path) as run:
        (run.root / "x").mkdir()
        (run.root / ("x/a.bin" if named else "x/a.bin.part")).write_bytes(body)
        task = download(server.url("/file/5000/a"), "x/a.bin")
        intent = Finalizing(task.job, task.key, "x/a.bin", hashlib.sha256(body).hexdigest(), len(body))
        result = await run.pool._left_behind(task, intent)
        assert result.outcome is Outcome.NEW
        assert (run.root / "x/a.bin").read_bytes() == body
        assert not (run.root / "x/a.bin.part").exists()
        with pytest.raises(Truncated):  # other bytes than those that were verified
            await run.pool._left_behind(task, replace(intent, sha256="0" * 64))


async def test_cookies_are_the_same_in_every_process(tmp_path: Path, server: Server) -> None:
    server.set_answer("/login", b"in", headers=(("Set-Cookie", "sid=42; Path=/"),))
    async with running(tmp_path, 2, concurrency=64) as run:
        [login] = tasks("request", url=server.url("/login"))
        asks = tasks("request", urls=[server.url(f"/echo?{n}") for n in range(6)])
        await run.perform("request", login)
        await asyncio.gather(*(run.perform("request", each) for each in asks))
        async with run.transport.open(login.request, slot=login.slot):
            pass
    sent = [
        value
        for each in (*server.requests("/echo"), server.requests("/login")[-1])
        for name, value in each.headers
        if name == "Cookie"
    ]
    assert sent == ["sid=42"] * 7


async def test_cookies_that_come_to_the_engine_are_sent_by_children(tmp_path: Path, server: Server) -> None:
    server.set_answer("/login", b"in", headers=(("Set-Cookie", "sid=43; Path=/"),))
    async with running(tmp_path) as run:
        [login] = tasks("request", url=server.url("/login"))
        async with run.transport.open(login.request, slot=login.slot):
            pass
        await run.perform("request", tasks("request", url=server.url("/echo"))[0])
    assert ("Cookie", "sid=43") in server.requests("/echo")[0].headers


async def test_a_task_that_cannot_travel_harms_no_other(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path) as run:
        [good] = tasks("request", url=server.url("/echo"))
        bad = structs.replace(
            good, key="bad", request=structs.replace(good.request, body=JsonBody(lambda: 1))
        )
        ended = await asyncio.gather(
            *(run.perform("request", task) for task in (bad, good)), return_exceptions=True
        )
        assert "pickle" in str(ended[0])
        assert isinstance(ended[1], Result)
        assert ended[1].outcome is Outcome.NEW


async def test_a_host_with_few_requests_at_once_is_asked_by_one_child(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path, 3, concurrency=4) as run:
        for task in tasks("request", urls=[server.url(f"/echo?{n}") for n in range(9)]):
            await run.perform("request", task)
    ports = {each.connection for each in server.log}
    assert len(ports) == 1


async def test_what_must_be_paced_or_shared_stays_in_the_engines_process(
    tmp_path: Path, server: Server
) -> None:
    async with running(tmp_path, own_json=True) as run:
        plain = download(server.url("/file/10/a"))
        paced, timed = Traffic(), Traffic()
        paced.pace = lambda count: 0.0
        timed.on_sent = lambda: None
        take = run.pool.take
        assert take(JOB_TYPES["download"], plain, Traffic())
        assert not take(JOB_TYPES["download"], plain, paced)
        assert not take(JOB_TYPES["download"], plain, timed)
        [split] = tasks("download", urls=[plain.url], segments=4, to="b")
        assert not take(JOB_TYPES["download"], split, Traffic())
        [summed] = tasks("download", urls=[plain.url], checksum={"sums": server.url("/s")}, to="c")
        assert not take(JOB_TYPES["download"], summed, Traffic())
        [listen] = tasks("websocket", url=server.ws("/ws"), until={"messages": 1}, to="d")
        assert not take(JOB_TYPES["websocket"], listen, Traffic())
        [json] = tasks("post", url=plain.url, json={"a": 1})
        assert not take(JOB_TYPES["post"], json, Traffic())  # the program's own serializer makes it


async def test_a_bug_in_a_child_is_told_and_ends_it(tmp_path: Path, server: Server) -> None:
    async with running(tmp_path) as run:
        run.pool._links[0].tell("nonsense about no number")  # type: ignore[arg-type]
        run.pool._links[0]._write(FRAME.pack(0, 3) + b"abc")
        await until(lambda: run.warnings)
        assert "UnpicklingError" in run.warnings[0]


async def test_a_child_ends_when_its_parent_is_gone_and_holds_its_descriptors_till_then(
    tmp_path: Path,
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    async with running(tmp_path, keep_open=(writing,)) as run:
        os.close(writing)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)  # the child has it open
        link = run.pool._links[0]
        link._transport.get_pipe_transport(0).close()  # type: ignore[union-attr]
        await until(lambda: not link.up)
        assert os.read(reading, 1) == b""
    os.close(reading)


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=50))), st.data())
def test_frames_come_out_whole_however_they_arrive(sent: list[tuple[int, bytes]], data: Any) -> None:
    stream = b"".join(FRAME.pack(number, len(body)) + body for number, body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames = Frames()
    got: list[tuple[int, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += frames.feed(stream[start:end])
    assert got == sent


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 10_000), ("100000 100000", 1), ("150000 100000", 2), ("", 10_000)]
)
def test_cores_are_those_of_the_container(tmp_path: Path, quota: str, most: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n")
    assert cores(file) == min(len(os.sched_getaffinity(0)), most)
    assert cores(tmp_path / "none") == len(os.sched_getaffinity(0))


async def test_modules_in_the_working_directory_are_not_ours(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ``crawler get`` works where it puts files, and calls them what a server says.
    for name in ("asyncio", "aiohttp"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')")
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path) as run:
        result = await run.perform("download", download(server.url("/file/10/a")))
    assert result.outcome is Outcome.NEW
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, loop_factory()])
def test_what_is_told_to_a_child_that_has_just_died_is_no_noise(
    factory: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell() -> None:
        async with running(tmp_path) as run:
            [link], [child] = run.pool._links, run.children
            os.kill(child, signal.SIGKILL)
            while link.up:
                link.tell(CookiesSet("http://127.0.0.1/", ("a=b",)))
                await asyncio.sleep(0)
            await until(lambda: run.warnings)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(tell())
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.parametrize("refusal", [None, "the ledger is full"])
async def test_a_lost_childs_file_gets_its_name_only_when_that_is_committed(
    refusal: str | None, tmp_path: Path, server: Server
) -> None:
    async with running(tmp_path) as run:
        run.books.free, run.books.refusal = threading.Event(), refusal
        attempt = asyncio.create_task(run.perform("download", download(server.url("/file/10/a"))))
        await until(lambda: run.books.asked)
        os.kill(run.children[0], signal.SIGKILL)
        await until(lambda: run.warnings)
        await asyncio.sleep(0.2)
        assert not (run.root / "a.bin").exists()
        run.books.free.set()
        if refusal is None:
            assert (await attempt).outcome is Outcome.NEW
        else:
            with pytest.raises(Truncated):
                await attempt
        assert (run.root / "a.bin").exists() is (refusal is None)
        assert len(run.books.intents) == (refusal is None)
