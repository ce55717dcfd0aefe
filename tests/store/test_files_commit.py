"""Contract §6's order for one file, for many at once, and for one that is cancelled on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from crawler.errors import StorageFailed
from crawler.store.files import Finalizing
from crawler.store.output import OutputRoot
from tests.store.outputs import MIB, Diary, open_descriptors, output_root, tree


class Gatekeeper:
    """A journal that waits to be let through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        self.reached.set()
        assert self.go_on.wait(10)


async def reached(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def test_the_intent_is_committed_while_only_the_whole_part_file_stands(tmp_path: Path) -> None:
    def look(intent: Finalizing) -> object:
        part = tmp_path / f"{intent.target}.part"
        return (tmp_path / intent.target).exists(), hashlib.sha256(part.read_bytes()).hexdigest()

    data = os.urandom(100)
    diary = Diary(look)
    async with output_root(tmp_path, "full", diary) as output:
        part = await output.open("f", job="job", key="key")
        await part.write(data)
        saved = await part.finish(replace=False)
    digest = hashlib.sha256(data).hexdigest()
    assert diary.intents == [Finalizing(job="job", key="key", target="f", sha256=digest, size=100)]
    assert diary.seen == [(False, digest)]
    assert saved.sha256 == digest


async def test_files_that_end_while_a_batch_waits_share_the_next_one(tmp_path: Path) -> None:
    class Slow(Diary):
        def finalizing(self, batch: Sequence[Finalizing]) -> None:
            super().finalizing(batch)
            if len(self.batches) == 1:
                assert submitted.wait(10)

    submitted = threading.Event()
    diary = Slow()
    async with output_root(tmp_path, "full", diary) as output:
        parts = [await output.open(str(number), job="j", key=str(number)) for number in range(50)]
        tasks = [asyncio.create_task(part.finish(replace=False)) for part in parts]
        await asyncio.sleep(0)
        submitted.set()
        await asyncio.gather(*tasks)
    assert len(diary.intents) == 50
    assert len(diary.batches) <= 3
    assert len(tree(tmp_path)) == 50


async def test_no_file_gets_its_name_if_the_intent_cannot_be_committed(tmp_path: Path) -> None:
    class Refusing:
        def finalizing(self, batch: Sequence[Finalizing]) -> None:
            raise StorageFailed("the ledger's disk is full")

    async with output_root(tmp_path, "full", Refusing()) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"x")
        with pytest.raises(StorageFailed, match="the ledger's disk is full"):
            await part.finish(replace=True)
    assert tree(tmp_path) == {"f.part"}


async def test_a_batch_goes_on_without_the_file_that_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"theirs")
    async with output_root(tmp_path, "full", Diary()) as output:
        parts = [await output.open(name, job="j", key=name) for name in ("one", "taken", "two")]
        for part in parts:
            await part.write(b"ours")
        results = await asyncio.gather(
            *(part.finish(replace=False) for part in parts), return_exceptions=True
        )
    assert [type(result).__name__ for result in results] == ["Saved", "TargetExists", "Saved"]
    assert tree(tmp_path) == {"one", "two", "taken"}
    assert (tmp_path / "taken").read_bytes() == b"theirs"


async def test_a_cancelled_file_is_taken_back_before_it_is_named(tmp_path: Path) -> None:
    gate = Gatekeeper()
    async with output_root(tmp_path, "full", gate) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"x")
        task = asyncio.create_task(part.finish(replace=False))
        await reached(gate.reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.go_on.set()
    assert tree(tmp_path) == {"f.part"}


async def test_a_file_cancelled_in_the_queue_frees_its_target(tmp_path: Path) -> None:
    gate = Gatekeeper()
    async with output_root(tmp_path, "full", gate) as output:
        first = asyncio.create_task((await output.open("first", job="j", key="1")).finish(replace=False))
        await reached(gate.reached)
        second = asyncio.create_task((await output.open("second", job="j", key="2")).finish(replace=False))
        await asyncio.sleep(0)
        second.cancel()
        gate.go_on.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        await (await output.open("third", job="j", key="3")).finish(replace=False)
        again = await output.open("second", job="j", key="2")
        await again.finish(replace=False)
    assert tree(tmp_path) == {"first", "second", "third"}


@pytest.mark.parametrize("durability", ["full", "none"])
@pytest.mark.parametrize("size", [10, 3 * MIB])
async def test_cancelled_anywhere_a_file_is_whole_or_not_there(
    tmp_path: Path, durability: Literal["full", "none"], size: int
) -> None:
    data = os.urandom(size)
    before = open_descriptors()

    async def fetch(output: OutputRoot, target: str) -> None:
        part = await output.open(target, job="j", key=target, resume_at=2)
        try:
            for start in range(0, size, MIB // 4):
                await part.write(data[start : start + MIB // 4])
            await part.checkpoint()
            await part.digest("sha1")
            await part.restart()
            await part.write(data)
        except asyncio.CancelledError:
            await part.keep()
            raise
        await part.finish(replace=True)

    ended = set()
    async with output_root(tmp_path, durability, Diary(), chunk_size=MIB // 2) as output:
        for steps in range(40):
            target = str(steps)
            (tmp_path / f"{target}.part").write_bytes(b"old")
            task = asyncio.create_task(fetch(output, target))
            for _ in range(steps):
                await asyncio.sleep(0.0002 if steps % 2 else 0)
            task.cancel()
            try:
                await task
                ended.add("finished")
            except asyncio.CancelledError:
                ended.add("cancelled")
            final = tmp_path / target
            assert not final.exists() or final.read_bytes() == data
    assert "cancelled" in ended
    for steps in range(40):
        final = tmp_path / str(steps)
        assert not final.exists() or final.read_bytes() == data
    assert not [path for path in open_descriptors() - before if str(tmp_path) in path]


async def test_a_target_is_free_again_once_a_cancelled_writer_has_kept_it(tmp_path: Path) -> None:
    async with output_root(tmp_path, chunk_size=1024) as output:
        for _ in range(50):
            part = await output.open("f", job="j", key="k")
            task = asyncio.create_task(part.write(b"x" * 100_000))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await part.keep()
        part = await output.open("f", job="j", key="k")
        await part.write(b"done")
        await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == b"done"


async def test_close_finishes_what_was_handed_in(tmp_path: Path) -> None:
    gate = Gatekeeper()
    output = OutputRoot(tmp_path, durability="full", chunk_size=MIB, journal=gate)
    part = await output.open("f", job="j", key="k")
    task = asyncio.create_task(part.finish(replace=False))
    await reached(gate.reached)
    gate.go_on.set()
    output.close()
    assert (await task).target == "f"
