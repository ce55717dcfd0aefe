"""Which task holds how much of its host: one slot for its attempt, and what it borrowed beside it."""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.admitted import Admitted
from crawler.policy.frontier import Frontier


class Holding:
    """Takes from the frontier and gives back exactly once; ``freed`` is called after each giving back."""

    def __init__(
        self, frontier: Frontier[Admitted], monotonic: Callable[[], float], freed: Callable[[], None]
    ) -> None:
        self._frontier = frontier
        self._monotonic = monotonic
        self._freed = freed

    def leave(self, admitted: Admitted) -> None:
        """Free the task's slot and all it borrowed: at the latest when the attempt has ended."""
        if admitted.on_host:
            self.give_back(admitted, admitted.borrowed)
            admitted.on_host = False
            self._frontier.release(admitted, self._monotonic())
            self._freed()

    def borrow(self, admitted: Admitted, wanted: int) -> int:
        """More of the task's host, as far as nobody else waits for it; how much was granted."""
        granted = self._frontier.borrow(admitted, wanted) if admitted.on_host and wanted > 0 else 0
        admitted.borrowed += granted
        return granted

    def give_back(self, admitted: Admitted, count: int) -> None:
        """Free some of what the attempt borrowed."""
        for _ in range(min(count, admitted.borrowed)):
            admitted.borrowed -= 1
            self._frontier.give_back(admitted)
            self._freed()
