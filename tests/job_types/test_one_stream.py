"""A large file in one stream: whole, saved on the way, and continued from there."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from crawler.errors import TooLarge, Truncated
from crawler.job_types import reading
from crawler.model import Checkpoint, Outcome
from tests.job_types.bench import Bench, reached, task
from tests.server import Server, file_bytes

SIZE = 40_000_001


async def test_a_large_file_is_whole_and_saved_while_it_comes_in(bench: Bench, server: Server) -> None:
    noted: list[int] = []

    async def checkpoint(reached: Checkpoint) -> None:
        noted.append(reached.offset)
        there = (bench.root / "a.part").read_bytes()
        assert there[: reached.offset] == file_bytes(SIZE)[: reached.offset]
        assert len(there) >= reached.offset

    bench.checkpoint = checkpoint  # type: ignore[method-assign]
    result = await bench.perform(task("download", urls=[server.url(f"/file/{SIZE}")], to="a"), "download")
    assert result.outcome is Outcome.NEW
    assert result.saved is not None
    assert result.saved.sha256 == hashlib.sha256(file_bytes(SIZE)).hexdigest()
    assert bench.read("a") == file_bytes(SIZE)
    assert bench.gauge.moved == result.bytes == SIZE
    assert noted == sorted(set(noted))
    assert 1 <= len(noted) <= SIZE // reading.CHECKPOINT_BYTES
    assert bench.names() == ["a"]


async def test_a_cut_large_file_goes_on_where_it_ended(bench: Bench, server: Server) -> None:
    cut = 9_000_003
    wanted = task("download", urls=[server.url(f"/file/{SIZE}?cut_after={cut}")], to="a")
    with pytest.raises(Truncated):
        await bench.perform(wanted, "download")
    at = bench.checkpoints[-1]
    assert at.offset == cut
    assert bench.names() == ["a.part"]
    with pytest.raises(Truncated):
        await bench.perform(reached(wanted, at), "download")
    assert server.log[-1].header("Range") == f"bytes={cut}-"
    assert bench.checkpoints[-1].offset > cut
    assert (bench.root / "a.part").read_bytes() == file_bytes(SIZE)[: bench.checkpoints[-1].offset]


async def test_a_cancelled_large_file_keeps_what_came(bench: Bench, server: Server) -> None:
    url = server.url(f"/file/{SIZE}?throttle=20000000")
    running = asyncio.create_task(bench.perform(task("download", urls=[url], to="a"), "download"))
    while bench.gauge.moved < 3_000_000:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    at = bench.checkpoints[-1].offset
    assert at >= 3_000_000
    assert (bench.root / "a.part").read_bytes()[:at] == file_bytes(SIZE)[:at]


async def test_a_file_over_its_cap_is_refused_before_a_byte_is_saved(bench: Bench, server: Server) -> None:
    wanted = task("download", urls=[server.url(f"/file/{SIZE}")], to="a", max_bytes=SIZE - 1)
    with pytest.raises(TooLarge):
        await bench.perform(wanted, "download")
    assert bench.names() == []
