"""How many connections may be open at once, idle ones included, and who waits until one is closed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Room:
    """Places for ``most`` connections (``None``: any number), given in the order in which they are asked for.

    ``make_room`` is called whenever somebody begins to wait, to close what nobody needs. No operation
    depends on how many wait.
    """

    def __init__(self, most: int | None, make_room: Callable[[], object]) -> None:
        self.taken = 0
        self._most = most
        self._make_room = make_room
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiting)

    async def enter(self) -> None:
        """Take a place, waiting for one if need be; ``leave`` gives it back."""
        if self._most is None or (self.taken < self._most and not self._waiting):
            self.taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._make_room()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget_cancelled()
            else:
                self.leave()  # the place came in the same moment
            raise

    def leave(self) -> None:
        """Give a place back: to who has waited longest, if anybody has."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.taken -= 1

    def _forget_cancelled(self) -> None:
        """So that ``wanted`` is about those who still wait; others in the middle go when their turn comes."""
        while self._waiting and self._waiting[0].cancelled():
            self._waiting.popleft()
