"""Ranges side by side: the same bytes as one stream, whatever the server does in between."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from typing import Any

import pytest

from crawler.errors import BadStatus, IntegrityFailed, TaskError, TooLarge, Truncated
from crawler.job_types import reading
from crawler.job_types.ranges import MIB
from crawler.model import Checkpoint, Outcome
from tests.job_types.bench import Bench, reached, task
from tests.server import Received, Server, file_bytes, file_sha256

SIZE = 8 * MIB + 1235
ONE, TWO = file_bytes(SIZE, "one"), file_bytes(SIZE, "two")


def eight(server: Server, **keys: Any) -> Any:
    return task("download", urls=[server.url("/versions/a")], to="a", **{"segments": 8, **keys})


def asked(requests: list[Received]) -> list[tuple[int, int]]:
    """The ranges that were asked for, in order of place; (0, 0) for the whole file."""
    spans = [
        (request.header("Range") or "bytes=0--1").removeprefix("bytes=").split("-", 1) for request in requests
    ]
    return sorted((int(first), int(last or SIZE - 1) + 1) for first, last in spans)


@pytest.mark.parametrize(
    ("count", "size"),
    [(2, 2 * MIB), (2, 3 * MIB + 1), (8, SIZE), (64, 64 * MIB + 63), ("auto", 64 * MIB + 1)],
)
async def test_any_number_of_segments_gives_the_same_bytes(
    bench: Bench, server: Server, count: int | str, size: int
) -> None:
    bench.spare = 63
    result = await bench.perform(
        task("download", urls=[server.url(f"/file/{size}/7")], to="a", segments=count), "download"
    )
    assert result.saved is not None
    assert (result.saved.sha256, result.saved.size) == (file_sha256(size, "7"), size)
    assert (result.outcome, result.status, result.bytes) == (Outcome.NEW, 200, size)
    assert hashlib.sha256(bench.read("a")).hexdigest() == file_sha256(size, "7")
    assert len(server.log) == (4 if count == "auto" else count)
    assert (bench.gauge.total, bench.gauge.moved) == (size, size)
    assert bench.lent == 0
    assert bench.names() == ["a"]


async def test_each_segment_names_the_version_it_wants_a_part_of(bench: Bench, server: Server) -> None:
    offer = server.set_file("a", ONE)
    bench.spare = 7
    await bench.perform(eight(server), "download")
    first, *others = server.log
    assert (first.header("Range"), first.header("If-Range")) == (None, None)
    assert all(request.header("If-Range") == offer.etag for request in others)
    spans = asked(others)
    assert spans[-1][1] == SIZE
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize("spare", [0, 1, 2])
async def test_no_more_requests_run_at_once_than_were_lent(bench: Bench, server: Server, spare: int) -> None:
    server.set_file("a", ONE, delay=0.002)
    bench.spare = spare
    await bench.perform(eight(server), "download")
    assert server.most_in_flight <= 1 + spare
    assert bench.read("a") == ONE
    assert len(server.log) <= 8


@pytest.mark.parametrize(
    ("offered", "keys"),
    [
        ({"no_validator": True}, {}),
        ({"weak": True, "last_modified": None}, {}),
        ({"chunked": True}, {}),
        ({}, {"segments": 1}),
        ({}, {"segments": "auto"}),
    ],
    ids=str,
)
async def test_one_stream_where_ranges_could_not_be_trusted_or_are_not_wanted(
    bench: Bench, server: Server, offered: dict[str, Any], keys: dict[str, Any]
) -> None:
    server.set_file("a", ONE, **offered)
    bench.spare = 7
    await bench.perform(eight(server, **keys), "download")
    assert len(server.log) == 1
    assert bench.read("a") == ONE


async def test_a_server_without_ranges_gives_the_file_in_the_stream_that_is_open(
    bench: Bench, server: Server
) -> None:
    server.set_file("a", ONE, ignore_range=True, delay=0.001)
    bench.spare = 7
    result = await bench.perform(eight(server), "download")
    assert result.bytes == SIZE, "nothing is fetched twice"
    assert bench.read("a") == ONE


async def test_a_server_that_turns_further_requests_away_is_left_in_peace(
    bench: Bench, server: Server
) -> None:
    offer = server.set_file("a", ONE, delay=0.001)

    def limit(request: Received) -> None:
        offer.status = 503 if server.in_flight >= 3 else 200

    server.on_request = limit
    bench.spare = 7
    result = await bench.perform(eight(server), "download")
    assert result.bytes == SIZE
    assert bench.read("a") == ONE


@pytest.mark.parametrize("switches", [{}, {"ignore_if_range": True}, {"ignore_range": True}], ids=str)
async def test_a_file_that_changes_between_two_segments_is_fetched_again_as_one(
    bench: Bench, server: Server, switches: dict[str, Any]
) -> None:
    server.set_file("a", ONE, delay=0.001)

    def change(request: Received) -> None:
        if len(server.log) == 4:
            server.set_file("a", TWO, **switches)

    server.on_request = change
    bench.spare = 7
    result = await bench.perform(eight(server), "download")
    assert result.outcome is Outcome.NEW
    assert bench.read("a") == TWO
    assert server.log[-1].header("Range") is None
    assert bench.lent == 0
    if bench.checkpoints:
        assert bench.checkpoints[-1].offset == 0


@pytest.mark.parametrize("switches", [{"content_range_shift": 5}, {"wrong_total": 7}], ids=str)
async def test_a_range_that_does_not_fit_is_never_written(
    bench: Bench, server: Server, switches: dict[str, Any]
) -> None:
    server.set_file("a", ONE, **switches)
    bench.spare = 7
    await bench.perform(eight(server), "download")
    assert bench.read("a") == ONE


async def _stopped(bench: Bench, server: Server, at: int, **offered: Any) -> tuple[Any, Checkpoint]:
    """A first attempt cancelled after ``at`` bytes, and what it committed on the way out."""
    server.set_file("a", ONE, **{"delay": 0.005, **offered})
    bench.spare = 7
    running = asyncio.create_task(bench.perform(eight(server), "download"))
    while bench.gauge.moved < at:
        await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    bench.lent = 0  # what was never begun is taken back by the engine
    server.set_file("a", ONE)
    while server.in_flight:
        await asyncio.sleep(0.002)
    server.most_in_flight = 0
    server.log.clear()
    return eight(server), bench.checkpoints[-1]


async def test_every_range_goes_on_at_its_own_offset(bench: Bench, server: Server) -> None:
    first, left = await _stopped(bench, server, 4 * MIB)
    assert len(left.gaps) > 2
    moved = bench.gauge.moved
    assert left.offset == moved, "everything that came in is durable"
    result = await bench.perform(reached(first, left), "download")
    assert asked(server.log) == list(left.gaps), "not a byte is asked for twice"
    assert result.bytes == SIZE - moved
    assert result.status == 206
    assert bench.read("a") == ONE
    assert result.saved is not None
    assert result.saved.sha256 == hashlib.sha256(ONE).hexdigest()


@pytest.mark.parametrize(("segments", "spare"), [(1, 7), (2, 7), (8, 0), (64, 63)])
async def test_what_one_number_of_segments_left_another_goes_on_with(
    bench: Bench, server: Server, segments: int, spare: int
) -> None:
    first, left = await _stopped(bench, server, 3 * MIB)
    bench.spare = spare
    again = eight(server, segments=segments)
    assert again.key == first.key
    await bench.perform(reached(again, left), "download")
    assert asked(server.log) == list(left.gaps)
    assert server.most_in_flight <= min(segments, 1 + spare)
    assert bench.read("a") == ONE


async def test_the_rest_of_one_stream_is_cut_into_segments(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE, cut_after=2 * MIB, cuts=1)
    with pytest.raises(Truncated):
        await bench.perform(eight(server, segments=1), "download")
    left = bench.checkpoints[-1]
    assert left.gaps == ()
    server.log.clear()
    bench.spare = 7
    await bench.perform(reached(eight(server), left), "download")
    assert len(server.log) == (SIZE - left.offset) // MIB
    assert server.log[0].header("Range") == f"bytes={left.offset}-"
    assert bench.read("a") == ONE


async def test_one_cut_range_fails_the_attempt_and_costs_no_byte_of_the_others(
    bench: Bench, server: Server
) -> None:
    offer = server.set_file("a", ONE, delay=0.002)

    def cut_the_sixth(request: Received) -> None:
        if len(server.log) == 6:
            offer.cut_after, offer.cuts = 300_000, 1

    server.on_request = cut_the_sixth
    bench.spare = 7
    first = eight(server)
    with pytest.raises(Truncated):
        await bench.perform(first, "download")
    left = bench.checkpoints[-1]
    assert len(left.gaps) > 1
    assert bench.names() == ["a.part"]
    server.on_request = None
    server.log.clear()
    bench.lent = 0
    result = await bench.perform(reached(first, left), "download")
    assert asked(server.log) == list(left.gaps)
    assert result.bytes == SIZE - left.offset
    assert bench.read("a") == ONE


async def test_checkpoints_come_on_the_way_and_never_promise_what_is_not_there(
    bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHECKPOINT_BYTES", 256 * 1024)
    server.set_file("a", ONE, delay=0.001)
    bench.spare = 7
    seen = []

    async def look(at: Checkpoint) -> None:
        part = (bench.root / "a.part").read_bytes()
        edges = [0, *(edge for gap in at.gaps or ((at.offset, SIZE),) for edge in gap), SIZE]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            assert part[start:end] == ONE[start:end]
        seen.append(at.offset)

    bench.checkpoint = look  # type: ignore[method-assign, assignment]
    await bench.perform(eight(server), "download")
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert seen[-1] == SIZE


async def test_a_part_file_that_lost_its_end_means_from_the_start(bench: Bench, server: Server) -> None:
    first, left = await _stopped(bench, server, 4 * MIB)
    with (bench.root / "a.part").open("r+b") as part:
        part.truncate(5 * MIB)
    await bench.perform(reached(first, left), "download")
    assert server.log[0].header("Range") is None
    assert bench.read("a") == ONE


async def test_a_version_that_changed_between_two_attempts_is_fetched_whole(
    bench: Bench, server: Server
) -> None:
    first, left = await _stopped(bench, server, 4 * MIB)
    server.set_file("a", TWO)
    bench.checkpoints.clear()
    await bench.perform(reached(first, left), "download")
    assert bench.checkpoints[0].offset == 0, "the old ranges are forgotten before new bytes are written"
    assert bench.read("a") == TWO


async def test_a_whole_part_file_only_needs_its_name(bench: Bench, server: Server) -> None:
    first, left = await _stopped(bench, server, 4 * MIB)
    (bench.root / "a.part").write_bytes(ONE)
    whole = Checkpoint(SIZE, left.etag, left.last_modified, left.url, SIZE)
    server.set_answer(
        "/versions/a",
        b"",
        status=416,
        headers=[("Content-Range", f"bytes */{SIZE}"), ("ETag", str(left.etag))],
    )
    result = await bench.perform(reached(first, whole), "download")
    assert (result.bytes, bench.read("a")) == (0, ONE)


@pytest.mark.parametrize(
    ("keys", "error"),
    [({"checksum": "md5:" + "0" * 32}, IntegrityFailed), ({"max_bytes": SIZE - 1}, TooLarge)],
)
async def test_a_bad_file_leaves_nothing(
    bench: Bench, server: Server, keys: dict[str, Any], error: type[TaskError]
) -> None:
    server.set_file("a", ONE)
    bench.spare = 7
    with pytest.raises(error):
        await bench.perform(eight(server, **keys), "download")
    assert bench.names() == []


async def test_a_right_checksum_of_any_kind_is_accepted(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    bench.spare = 7
    checksum = "blake2b:" + hashlib.blake2b(ONE).hexdigest()
    assert (await bench.perform(eight(server, checksum=checksum), "download")).outcome is Outcome.NEW


async def test_a_passing_error_keeps_the_ranges_and_a_final_one_does_not(
    bench: Bench, server: Server
) -> None:
    first, left = await _stopped(bench, server, 4 * MIB)
    offer = server.set_file("a", ONE)
    before, committed = (bench.root / "a.part").read_bytes(), len(bench.checkpoints)
    offer.status = 503
    with pytest.raises(BadStatus):
        await bench.perform(reached(first, left), "download")
    assert (bench.root / "a.part").read_bytes() == before
    assert len(bench.checkpoints) == committed
    offer.status = 404
    with pytest.raises(BadStatus):
        await bench.perform(reached(first, left), "download")
    assert bench.names() == []
