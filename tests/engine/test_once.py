from __future__ import annotations

import asyncio

import pytest

from crawler.engine.once import KEPT, Once


async def test_work_is_done_once_while_the_others_wait() -> None:
    once, done = Once(), []

    async def work() -> int:
        await asyncio.sleep(0)
        done.append(1)
        return 7

    assert await asyncio.gather(*(once.get("k", work) for _ in range(5))) == [7] * 5
    assert await once.get("k", work) == 7
    assert len(done) == 1


async def test_a_failure_is_everybodys_and_nobodys_afterwards() -> None:
    once, tries = Once(), []

    async def work() -> int:
        await asyncio.sleep(0)
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no")
        return 7

    found = await asyncio.gather(*(once.get("k", work) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [ValueError] * 3
    assert await once.get("k", work) == 7


async def test_the_next_in_line_takes_over_from_one_that_is_cancelled() -> None:
    once, gate, begun = Once(), asyncio.Event(), []

    async def work() -> int:
        begun.append(1)
        await gate.wait()
        return 7

    first, second = (asyncio.create_task(once.get("k", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 7
    assert len(begun) == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_only_so_much_is_remembered() -> None:
    once, done = Once(), []

    async def work() -> None:
        done.append(1)

    for number in range(KEPT + 1):
        await once.get(str(number), work)
    await once.get(str(KEPT), work)
    assert len(done) == KEPT + 1
    await once.get("0", work)
    assert len(done) == KEPT + 2
