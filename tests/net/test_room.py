"""Places for connections: never more than allowed, in order, and none is lost."""

from __future__ import annotations

import asyncio

from crawler.net.room import Room


async def begun(*rooms: Room, number: int = 1) -> list[asyncio.Task[None]]:
    """Tasks that wait for a place, in the order of the list."""
    waiting = [asyncio.create_task(room.enter()) for room in rooms for _ in range(number)]
    await asyncio.sleep(0)
    return waiting


async def test_there_is_always_room_without_a_limit() -> None:
    room = Room(None, lambda: None)
    for _ in range(1000):
        await room.enter()
    assert room.taken == 1000
    assert not room.wanted


async def test_places_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    room = Room(1, lambda: None)
    await room.enter()
    served: list[int] = []

    async def one(number: int) -> None:
        await room.enter()
        served.append(number)
        room.leave()

    tasks = [asyncio.create_task(one(number)) for number in range(20)]
    await asyncio.sleep(0)
    assert served == []
    room.leave()
    await asyncio.gather(*tasks)
    assert served == list(range(20))
    assert room.taken == 0


async def test_a_newcomer_does_not_overtake_who_waits() -> None:
    room = Room(1, lambda: None)
    await room.enter()
    first, second = await begun(room, number=2)
    room.leave()
    newcomer = (await begun(room))[0]
    assert (first.done(), second.done(), newcomer.done()) == (True, False, False)
    room.leave()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (second.done(), newcomer.done()) == (True, False)
    newcomer.cancel()


async def test_whoever_waits_has_something_closed() -> None:
    asked: list[None] = []
    room = Room(2, lambda: asked.append(None))
    await room.enter()
    await room.enter()
    assert not asked
    (waiting,) = await begun(room)
    assert len(asked) == 1
    waiting.cancel()


async def test_a_place_given_to_a_cancelled_waiter_goes_on_to_the_next() -> None:
    room = Room(1, lambda: None)
    await room.enter()
    first, second = await begun(room, number=2)
    room.leave()
    first.cancel()  # the place has been given, but the task has not run since
    await asyncio.wait((first, second), timeout=1)
    assert first.cancelled()
    assert second.done()
    assert room.taken == 1
    room.leave()
    assert room.taken == 0


async def test_cancelled_waiters_leave_nothing_behind() -> None:
    room = Room(1, lambda: None)
    await room.enter()
    waiting = await begun(room, number=50)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert not room.wanted
    room.leave()
    assert room.taken == 0
    await room.enter()
    assert room.taken == 1
