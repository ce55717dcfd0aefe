"""Work on another core: done there, raised here, and never lost with the child."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from crawler.engine.second_core import MOST_WAITING, MOST_WAITING_BYTES, WORTH_IT, SecondCore


@asynccontextmanager
async def second_core(cores: int = 2) -> AsyncIterator[SecondCore]:
    """One that has its child."""
    aside = SecondCore(cores)
    for _ in range(WORTH_IT):
        assert not aside.ready()
    try:
        async with asyncio.timeout(10):
            while cores > 1 and not aside.ready():
                await asyncio.sleep(0.01)
        yield aside
    finally:
        await aside.close()


async def test_work_is_done_in_another_process_that_ends_with_the_run() -> None:
    async with second_core() as aside:
        assert aside.ready()
        child = await aside.run(os.getpid)
        assert child != os.getpid()
        assert await aside.run(os.getpid) == child
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_the_child_may_be_started_before_there_is_work() -> None:
    aside = SecondCore(2)
    aside.start()
    aside.start()
    try:
        async with asyncio.timeout(10):
            while not aside.ready():
                await asyncio.sleep(0.01)
        assert await aside.run(os.getppid) == os.getpid()
    finally:
        await aside.close()


async def test_each_answer_goes_to_whoever_asked_however_large_it_is() -> None:
    async with second_core() as aside:
        asked = [aside.run(operator.mul, b"%d," % number, number * 1000) for number in range(50)]
        answers = await asyncio.gather(*asked)
    assert answers == [b"%d," % number * (number * 1000) for number in range(50)]


async def test_what_the_work_raises_is_raised_with_where_it_was() -> None:
    async with second_core() as aside:
        with pytest.raises(ValueError, match="invalid literal") as caught:
            await aside.run(int, "x")
        assert "second_core_child.py" in caught.value.__notes__[0]
        assert await aside.run(int, "7") == 7


async def test_work_that_cannot_be_pickled_back_is_an_error_of_its_own() -> None:
    async with second_core() as aside:
        with pytest.raises(TypeError, match="pickle"):
            await aside.run(memoryview, b"")


async def test_a_child_that_is_killed_leaves_its_work_to_be_done_here() -> None:
    async with second_core() as aside:
        child = await aside.run(os.getpid)
        waiting = [asyncio.create_task(aside.run(os.getpid)) for _ in range(3)]
        os.kill(child, signal.SIGSTOP)
        await asyncio.sleep(0)
        os.kill(child, signal.SIGKILL)
        here = {await task for task in waiting}
        assert here <= {os.getpid(), child}
        while aside.ready():
            await asyncio.sleep(0.01)
        assert await aside.run(os.getpid) == os.getpid()


async def test_interrupts_are_for_the_parent_alone() -> None:
    async with second_core() as aside:
        child = await aside.run(os.getpid)
        os.kill(child, signal.SIGINT)
        os.kill(child, signal.SIGTERM)
        assert await aside.run(os.getpid) == child


async def test_whoever_gives_up_waiting_leaves_the_others_their_answers() -> None:
    async with second_core() as aside:
        slow = asyncio.create_task(aside.run(time.sleep, 0.05))
        await asyncio.sleep(0)
        slow.cancel()
        with suppress(asyncio.CancelledError):
            await slow
        assert await aside.run(operator.add, 1, 2) == 3


@pytest.mark.parametrize(("pieces", "size"), [(MOST_WAITING, 1), (1, MOST_WAITING_BYTES)])
async def test_what_waits_for_the_child_is_bounded(pieces: int, size: int) -> None:
    async with second_core() as aside:
        waiting = [asyncio.create_task(aside.run(time.sleep, 0.1))]
        await asyncio.sleep(0)
        assert aside.ready()
        waiting += [asyncio.create_task(aside.run(len, bytes(size))) for _ in range(pieces)]
        await asyncio.sleep(0)
        assert not aside.ready()
        assert await asyncio.gather(*waiting) == [None] + [size] * pieces
        assert aside.ready()


async def test_without_another_core_there_is_never_a_child() -> None:
    async with second_core(cores=1) as aside:
        assert not aside.ready()
        assert await aside.run(os.getpid) == os.getpid()


async def test_closing_before_the_child_is_up_leaves_none() -> None:
    aside = SecondCore(2)
    for _ in range(WORTH_IT):
        aside.ready()
    await aside.close()
    assert not aside.ready()


async def test_modules_in_the_working_directory_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("open('imported', 'w')")
    monkeypatch.chdir(tmp_path)
    async with second_core() as aside:
        assert await aside.run(os.getppid) == os.getpid()
    assert not (tmp_path / "imported").exists()
