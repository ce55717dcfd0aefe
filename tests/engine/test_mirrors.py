"""Several sources of one file, by the real engine from real servers."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from crawler.events import TaskRetried
from crawler.job_types.base import Job
from crawler.job_types.ranges import MIB
from crawler.job_types.table import JOB_TYPES
from crawler.model import ErrorClass, Outcome, RetryRule
from tests.engine.bench import Run, running
from tests.job_types.bench import job
from tests.server import Server, file_bytes

ONE = b"version one " * 20_000
QUICK = RetryRule(attempts=3, backoff=0.01, max_backoff=0.02)


@dataclass
class Three:
    """The manifest's own server and two mirrors."""

    own: Server
    first: Server
    second: Server

    def __iter__(self) -> Any:
        return iter((self.own, self.first, self.second))

    def download(self, *names: str, **keys: Any) -> Job:
        names = names or ("a",)
        mirrors = [server.base + "/versions/${name}" for server in (self.first, self.second)]
        given = {"urls": [self.own.url(f"/versions/{name}") for name in names], "to": "${name}"}
        return replace(job("download", **{**given, "mirrors": mirrors, **keys}), retry=QUICK)

    def asked(self) -> list[int]:
        return [len(server.log) for server in self]


@pytest.fixture
async def three() -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        yield Three(*[await stack.enter_async_context(Server()) for _ in range(3)])


@asynccontextmanager
async def ran(folder: Path, jobs: Iterable[Job], **settings: Any) -> AsyncIterator[Run]:
    async with running(folder, jobs=jobs, types=JOB_TYPES, **settings) as run:
        await run.engine.run()
        yield run


async def test_the_first_source_is_enough_while_it_works(three: Three, tmp_path: Path) -> None:
    for server in three:
        server.set_file("a", ONE)
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert (event.result.outcome, event.result.note, event.result.source) == (Outcome.NEW, None, None)
    assert three.asked() == [1, 0, 0]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ({"status": 404}, ErrorClass.HTTP_STATUS),
        ({"status": 503}, ErrorClass.HTTP_STATUS),
        ({"cut_after": 1000}, ErrorClass.TRUNCATED),
        ({"headers": [("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")]}, ErrorClass.INTEGRITY),
    ],
    ids=str,
)
async def test_a_source_that_fails_gives_way_to_the_next_at_once(
    three: Three, tmp_path: Path, bad: dict[str, Any], kind: ErrorClass
) -> None:
    three.own.set_file("a", ONE, **bad)
    three.first.set_file("a", ONE)
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
        [retried] = [event for event in run.events if isinstance(event, TaskRetried)]
    assert event.result.outcome is Outcome.NEW
    assert event.url == three.own.url("/versions/a")
    assert event.result.source == three.first.url("/versions/a")
    assert event.result.note == f"from mirror {three.first.url('/versions/a')}"
    assert (event.attempts, retried.delay, retried.kind) == (2, 0.0, kind)
    assert three.asked() == [1, 1, 0]
    assert (tmp_path / "out/a").read_bytes() == ONE


async def test_a_dead_host_is_left_for_the_mirror(three: Three, tmp_path: Path) -> None:
    three.second.set_file("a", ONE)
    made = three.download(urls=["http://127.0.0.1:9/versions/a"])
    async with ran(tmp_path, [made]) as run:
        assert run.outcomes == {"a": Outcome.NEW}
    assert three.asked() == [0, 1, 1]


async def test_every_source_is_asked_once_before_one_is_asked_again(three: Three, tmp_path: Path) -> None:
    order: list[int] = []
    for number, server in enumerate(three):
        server.set_file("a", ONE, status=503)
        server.on_request = lambda request, number=number: order.append(number)
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert [sorted(order[at : at + 3]) for at in (0, 3, 6)] == [[0, 1, 2]] * 3
    assert len(order) == 9, "attempts: 3 are three rounds"
    failure = event.result.failure
    assert failure is not None
    assert (failure.status, failure.retryable) == (503, True)
    assert all(server.base in failure.message for server in three)


async def test_a_source_that_failed_for_good_is_not_asked_again(three: Three, tmp_path: Path) -> None:
    three.own.set_file("a", ONE, status=410)
    three.first.set_file("a", ONE, status=503)
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert three.asked() == [1, 3, 1]
    assert event.result.failure is not None
    assert event.result.failure.retryable


async def test_when_all_failed_for_good_nothing_waits(three: Three, tmp_path: Path) -> None:
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert three.asked() == [1, 1, 1]
    assert event.result.failure is not None
    assert not event.result.failure.retryable


async def test_a_local_problem_is_no_reason_to_ask_elsewhere(three: Three, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_bytes(b"mine")
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert event.result.failure is not None
    assert event.result.failure.kind is ErrorClass.EXISTS
    assert three.asked() == [0, 0, 0]


async def test_a_host_that_failed_is_asked_last_for_the_next_file(three: Three, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(6)]
    for name in names:
        three.own.set_file(name, ONE, status=500)
        three.first.set_file(name, ONE)
    jobs = [three.download(name) for name in names]
    jobs = [
        replace(made, name=name, needs=(names[number - 1],) if number else ())
        for number, (name, made) in enumerate(zip(names, jobs, strict=True))
    ]
    async with ran(tmp_path, jobs) as run:
        assert set(run.outcomes.values()) == {Outcome.NEW}
    assert three.asked() == [1, 6, 0]


async def test_no_secret_goes_to_a_foreign_mirror(three: Three, tmp_path: Path) -> None:
    three.own.set_file("a", ONE, status=404)
    three.first.set_file("a", ONE)
    made = three.download(
        headers={"User-Agent": "acme/1", "X-Api-Key": "s3cret", "Accept-Language": "de"},
        cookies={"session": "s3cret"},
        params={"token": "s3cret"},
        auth={"user": "ann", "password": "s3cret"},
    )
    async with ran(tmp_path, [made]) as run:
        assert run.outcomes == {"a": Outcome.NEW}
    [own], [foreign] = three.own.log, three.first.log
    assert "s3cret" in repr(own)
    assert own.header("Authorization") is not None
    assert "s3cret" not in repr(foreign)
    assert (foreign.header("Authorization"), foreign.header("Cookie")) == (None, None)
    assert (foreign.header("User-Agent"), foreign.header("Accept-Language")) == ("acme/1", "de")


async def test_a_mirror_of_the_same_origin_gets_everything(three: Three, tmp_path: Path) -> None:
    three.own.set_file("b", ONE)
    made = three.download(mirrors=three.own.url("/versions/b"), auth={"user": "ann", "password": "s3cret"})
    async with ran(tmp_path, [made]) as run:
        assert run.outcomes == {"a": Outcome.NEW}
    assert three.own.log[0].header("Authorization") == three.own.log[1].header("Authorization") is not None


async def test_bytes_of_two_sources_never_meet_in_one_file(three: Three, tmp_path: Path) -> None:
    three.own.set_file("a", ONE, cut_after=100_000, etag="same")
    three.first.set_file("a", b"version TWO " * 20_000, etag="same")
    async with ran(tmp_path, [three.download()]) as run:
        assert run.outcomes == {"a": Outcome.NEW}
    assert (tmp_path / "out/a").read_bytes() == b"version TWO " * 20_000


async def test_a_source_that_has_nothing_costs_nothing_of_what_another_gave(
    three: Three, tmp_path: Path
) -> None:
    offer = three.own.set_file("a", ONE, cut_after=100_000, cuts=1)
    async with ran(tmp_path, [three.download()]) as run:
        [event] = run.finished
    assert three.asked() == [2, 1, 1]
    assert event.result.outcome is Outcome.NEW
    assert event.result.bytes < len(ONE)
    assert three.own.log[-1].header("If-Range") == offer.etag


async def test_the_next_run_asks_the_mirror_that_gave_the_file_whether_it_changed(
    three: Three, tmp_path: Path
) -> None:
    """And never the manifest's own server with a validator that is not its own."""
    three.own.set_file("a", ONE, status=503)
    offer = three.first.set_file("a", ONE)
    for expected in (Outcome.NEW, Outcome.UNCHANGED, Outcome.UNCHANGED):
        async with ran(tmp_path, [three.download()]) as run:
            assert run.outcomes == {"a": expected}
    assert [request.header("If-None-Match") for request in three.own.log] == [None] * 3
    assert [request.header("If-None-Match") for request in three.first.log] == [None, offer.etag, offer.etag]


async def test_a_stopped_download_goes_on_at_the_mirror_it_came_from(three: Three, tmp_path: Path) -> None:
    for server in three:
        server.set_file("a", ONE, status=503)
    offer = three.second.set_file("a", ONE, cut_after=100_000, cuts=1)
    once = replace(three.download(), retry=RetryRule(attempts=1))
    async with ran(tmp_path, [once]) as run:
        assert run.outcomes == {"a": Outcome.FAILED}
    three.own.set_file("a", ONE)
    async with ran(tmp_path, [once]) as run:
        [event] = run.finished
    assert event.result.outcome is Outcome.NEW
    assert three.asked() == [1, 1, 2]
    assert three.second.log[-1].header("If-Range") == offer.etag


async def test_the_limit_of_a_mirrors_host_counts(three: Three, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(12)]
    for name in names:
        three.own.set_file(name, b"", status=404)
        three.first.set_file(name, ONE, delay=0.005)
    async with ran(tmp_path, [three.download(*names)], concurrency=2, workers=8) as run:
        assert set(run.outcomes.values()) == {Outcome.NEW}
    assert three.first.most_in_flight <= 2


# --- segments by the engine -------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_segments_count_as_requests_to_their_host(
    three: Three, tmp_path: Path, concurrency: int
) -> None:
    big, small = file_bytes(6 * MIB, "big"), [f"s{number}" for number in range(6)]
    three.own.set_file("big", big, delay=0.002)
    for name in small:
        three.own.set_file(name, ONE, delay=0.002)
    jobs = [three.download("big", segments=6, mirrors=[]), replace(three.download(*small), name="small")]
    async with ran(tmp_path, jobs, concurrency=concurrency, workers=8) as run:
        assert set(run.outcomes.values()) == {Outcome.NEW}
    assert three.own.most_in_flight <= concurrency
    assert (tmp_path / "out/big").read_bytes() == big


async def test_one_reset_segment_is_resumed_by_the_next_attempt(three: Three, tmp_path: Path) -> None:
    big = file_bytes(6 * MIB, "big")
    offer = three.own.set_file("big", big, delay=0.002)
    sent: list[tuple[int, int]] = []

    def cut_the_third(request: Any) -> None:
        if len(three.own.log) == 3:
            offer.cut_after, offer.cuts = 200_000, 1
        first, _, last = (request.header("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        sent.append((int(first), int(last) if last else len(big) - 1))

    three.own.on_request = cut_the_third
    async with ran(tmp_path, [three.download("big", segments=4, mirrors=[])], concurrency=4) as run:
        [event] = run.finished
    assert (event.result.outcome, event.attempts) == (Outcome.NEW, 2)
    assert (tmp_path / "out/big").read_bytes() == big
    # The second attempt's requests overlap with none of each other, and only ask for what was missing.
    again = sorted(sent[4:])
    assert all(before[1] < after[0] for before, after in itertools.pairwise(again))
    assert sum(last - first + 1 for first, last in again) == event.result.bytes < len(big)


async def test_a_list_of_checksums_is_fetched_once_for_all_files_of_a_job(
    three: Three, tmp_path: Path
) -> None:
    names = [f"f{number}" for number in range(20)]
    for name in names:
        three.own.set_file(name, ONE)
    line = hashlib.sha256(ONE).hexdigest()
    three.own.set_file("SHA256SUMS", "".join(f"{line}  {name}\n" for name in names[1:]).encode())
    made = three.download(*names, mirrors=[], checksum={"sums": "SHA256SUMS"})
    async with ran(tmp_path, [made], concurrency=4) as run:
        assert [name for name, outcome in run.outcomes.items() if outcome is Outcome.FAILED] == ["f0"]
        [failed] = [event.result.failure for event in run.finished if event.result.failure]
    assert failed.kind is ErrorClass.INTEGRITY
    assert len(three.own.requests("/versions/SHA256SUMS")) == 1
    assert three.own.most_in_flight <= 4
