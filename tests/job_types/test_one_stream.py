"""A large file in one stream: whole, saved on the way, and continued from there."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from crawler.errors import ProtocolBroken, TooLarge, Truncated
from crawler.job_types import reading
from crawler.model import Checkpoint, Outcome
from tests.job_types.bench import Bench, reached, task
from tests.server import Offer, Server, file_bytes

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


def framings(surplus: int) -> list[dict[str, object]]:
    """The ways to end a 206's body that many bytes beside its Content-Range."""
    ways: list[dict[str, object]] = [{}, {"chunked": True}, {"close_delimited": True}]
    return [{"surplus": surplus} | way for way in ways]


@pytest.mark.parametrize("size", [1_000_000, 3_000_000], ids=["small", "large"])
@pytest.mark.parametrize("switches", [*framings(-5), *framings(-400_000)], ids=str)
async def test_a_rest_that_is_shorter_than_its_content_range_is_truncated(
    bench: Bench, server: Server, switches: dict[str, object], size: int
) -> None:
    offer, again = await cut_in_the_middle(bench, server, size)
    for switch, value in switches.items():
        setattr(offer, switch, value)
    with pytest.raises(Truncated):
        await bench.perform(again, "download")
    assert bench.names() == ["a.part"]
    for switch in switches:
        setattr(offer, switch, 0)
    result = await bench.perform(reached(again, bench.checkpoints[-1]), "download")
    assert (result.status, bench.read("a")) == (206, file_bytes(size))


@pytest.mark.parametrize("size", [1_000_000, 3_000_000], ids=["small", "large"])
@pytest.mark.parametrize("switches", [*framings(5), *framings(400_000)], ids=str)
async def test_a_rest_that_is_longer_than_its_content_range_is_never_taken(
    bench: Bench, server: Server, switches: dict[str, object], size: int
) -> None:
    offer, again = await cut_in_the_middle(bench, server, size)
    for switch, value in switches.items():
        setattr(offer, switch, value)
    if len(switches) == 1:  # the declared length says it before a byte is taken
        result = await bench.perform(again, "download")
        assert (result.status, bench.read("a")) == (200, file_bytes(size))
        return
    with pytest.raises(ProtocolBroken, match="longer than"):
        await bench.perform(again, "download")
    assert bench.names() == []
    assert all(each.offset <= size for each in bench.checkpoints)


async def test_the_content_range_vouches_for_a_rest_that_has_no_length(bench: Bench, server: Server) -> None:
    offer, again = await cut_in_the_middle(bench, server, 1_000_000)
    offer.close_delimited = True
    result = await bench.perform(again, "download")
    assert (result.status, result.note, bench.read("a")) == (206, None, file_bytes(1_000_000))


async def cut_in_the_middle(bench: Bench, server: Server, size: int) -> tuple[Offer, Any]:
    """The offer, and a task whose first attempt was cut short."""
    offer = server.set_file("a", file_bytes(size), cut_after=size // 2, cuts=1)
    first = task("download", urls=[server.url("/versions/a")], to="a")
    with pytest.raises(Truncated):
        await bench.perform(first, "download")
    return offer, reached(first, bench.checkpoints[-1])


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
