"""Work that several attempts need: done once, while the others wait, and remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

KEPT = 16  # outcomes; each may be a checksum file of some MiB


class Once:
    """A bounded cache whose misses are filled by one caller at a time for each key.

    Failures are not kept: those who waited get the same one, the next to ask tries again. If the one
    who does the work is cancelled, the next in line takes over.
    """

    def __init__(self) -> None:
        self._done: OrderedDict[str, Any] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def get(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What ``work`` came to for this key, now or before. Raises what it raises."""
        while (under_way := self._under_way.get(key)) is not None:
            await asyncio.wait((under_way,))
            if not under_way.cancelled():
                return under_way.result()
        if key in self._done:
            self._done.move_to_end(key)
            return self._done[key]
        return await self._do(key, work)

    async def _do(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        future = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            outcome = await work()
        except Exception as error:
            future.set_exception(error)
            future.exception()  # seen: perhaps nobody waited
            raise
        except BaseException:
            future.cancel()
            raise
        finally:
            del self._under_way[key]
        future.set_result(outcome)
        self._done[key] = outcome
        if len(self._done) > KEPT:
            self._done.popitem(last=False)
        return outcome
