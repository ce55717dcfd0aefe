"""The attempts under way, and how they come to rest when the run stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from crawler.engine.admitted import Admitted

# On a stop: seconds that short tasks get to end by themselves, and seconds after which even a request
# that must not be repeated is given up. Contract §6 allows 20 s for the whole.
SOFT_STOP = 2.0
HARD_STOP = 15.0


class Working:
    """Which worker is at which task."""

    def __init__(self) -> None:
        self._attempts: dict[asyncio.Task[Any] | None, Admitted] = {}
        self._idle = asyncio.Event()

    def begin(self, admitted: Admitted) -> None:
        """The running worker begins an attempt."""
        self._attempts[asyncio.current_task()] = admitted

    def end(self) -> None:
        """The running worker's attempt is over."""
        del self._attempts[asyncio.current_task()]
        if not self._attempts:
            self._idle.set()

    async def rest(self, workers: Sequence[asyncio.Task[None]]) -> None:
        """Give running tasks a moment, then cancel: those that may be repeated first."""
        if await self._idle_within(SOFT_STOP):
            return
        for worker, admitted in list(self._attempts.items()):
            if worker is not None and admitted.task.request.idempotent:
                worker.cancel()
        if not await self._idle_within(HARD_STOP - SOFT_STOP):
            await end_all(workers)

    async def _idle_within(self, seconds: float) -> bool:
        self._idle.clear()
        if self._attempts:
            try:
                async with asyncio.timeout(seconds):
                    await self._idle.wait()
            except TimeoutError:
                return False
        return True


async def end_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and return once they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
