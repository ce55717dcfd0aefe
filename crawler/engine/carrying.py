"""What tasks carry from one attempt to the next: in good hands until the task, or the run, has ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from crawler.engine.admitted import Admitted
from crawler.errors import StorageFailed
from crawler.job_types.tools import Carried


class Carrying:
    """Knows each task that carries something. ``told`` is called with those that the run leaves undone.

    More than ``most`` of them do not keep it open while they wait: of lists on slow hosts there may be as
    many as the frontier has room for.
    """

    def __init__(self, most: int, told: Callable[[Admitted], None]) -> None:
        self._most = most
        self._told = told
        self._laden: dict[Admitted, None] = {}  # in the order in which they began

    def take(self, admitted: Admitted, carried: Carried | None) -> None:
        """The next attempt goes on with this, or with nothing."""
        admitted.carried = carried
        if carried is None:
            self._laden.pop(admitted, None)
        else:
            self._laden[admitted] = None

    async def rest(self, admitted: Admitted) -> None:
        """The task will wait for its next attempt. Raises ``StorageFailed``."""
        if admitted.carried is not None and len(self._laden) > self._most:
            await admitted.carried.rest()

    async def leave(self, admitted: Admitted) -> None:
        """The task has no more attempts in this run. Raises ``StorageFailed``."""
        if admitted.carried is not None:
            await admitted.carried.leave()
            self.take(admitted, None)

    async def close(self) -> None:
        """The run is over: let go of everything. What a disk refuses now is begun again by the next run."""
        for admitted in list(self._laden):
            if not admitted.over:
                self._told(admitted)
            with suppress(StorageFailed):
                await self.leave(admitted)
