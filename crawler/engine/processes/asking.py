"""What a child must have committed before it goes on: intents of its files, and how far they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from crawler.engine.processes.messages import Finalize, Reached, ToEngine
from crawler.errors import StorageFailed
from crawler.model import Checkpoint
from crawler.store.files import Finalizing


class Asking:
    """Asks the engine's process, which has the ledger; implements ``Journal``."""

    def __init__(self, post: Callable[[ToEngine], None], loop: asyncio.AbstractEventLoop) -> None:
        self._post = post
        self._loop = loop
        self._asked = 0
        self._waiting: dict[int, Future[None]] = {}

    def finalizing(self, batch: Sequence[Finalizing]) -> None:
        """Return once the batch is committed; called on the committer's thread. Raises ``StorageFailed``."""
        answer: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._ask, answer, lambda asked: Finalize(asked, batch))
        answer.result()

    async def checkpoint(self, number: int, reached: Checkpoint) -> None:
        """Return once this is committed of the attempt's part file. Raises ``StorageFailed``."""
        answer: Future[None] = Future()
        self._ask(answer, lambda asked: Reached(asked, number, reached))
        await asyncio.wrap_future(answer)

    def answered(self, asked: int, refused: str | None) -> None:
        """The engine's answer."""
        answer = self._waiting.pop(asked)
        if not answer.set_running_or_notify_cancel():
            return  # whoever asked was broken off
        if refused is None:
            answer.set_result(None)
        else:
            answer.set_exception(StorageFailed(refused))

    def _ask(self, answer: Future[None], message: Callable[[int], ToEngine]) -> None:
        self._asked += 1
        self._waiting[self._asked] = answer
        self._post(message(self._asked))
