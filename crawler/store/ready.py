"""A whole file on its way to its final name: who may still take it back, and the answer waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from crawler.model import Saved
from crawler.store.files import Origin
from crawler.store.sink import Sink
from crawler.store.where import Where


def _nobody_waits(_: Saved | BaseException | None) -> None:
    """The answer of a file that is named before its ``finish`` returns."""


@dataclass(slots=True, eq=False, kw_only=True)
class Ready:
    """A file whose bytes are all here and verified, on its way to its final name."""

    where: Where
    job: str
    key: str
    store: Callable[[int], Sink]  # in the folder of that descriptor: part file made, every byte written
    replace: bool
    mtime: float | None  # seconds since the epoch
    origin: Origin
    answer: Callable[[Saved | BaseException | None], None] = _nobody_waits  # on the loop; None: withdrawn
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def pass_gate(self) -> bool:
        """True for whoever comes first: the one who names the file, or the one who takes it back."""
        return self._gate.acquire(blocking=False)


async def named(ready: Ready, submit: Callable[[Ready], None], answered: Callable[[object], None]) -> Saved:
    """Hand the file to a committer by its ``submit`` and wait for the answer. Raises what that came to.

    From here on the committer's thread has the file; ``answered`` is called when its answer comes. A
    cancellation takes the file back or, where it has its final name by then, is raised after the answer.
    """
    future: asyncio.Future[Saved] = asyncio.get_running_loop().create_future()
    future.add_done_callback(answered)
    ready.answer = lambda outcome: _answer(future, outcome)
    submit(ready)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not future.done() and not ready.pass_gate():
            await asyncio.wait((future,))
        raise


def _answer(future: asyncio.Future[Saved], outcome: Saved | BaseException | None) -> None:
    if future.done():
        return
    if outcome is None:
        future.cancel()
    elif isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
