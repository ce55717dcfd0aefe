"""Pure work on another core: one child process that is fed through pipes, once there is enough to do.

What takes most of a crawl's time, reading documents, is Python that holds the interpreter's lock: a thread
would take that time from the loop. The child knows nothing, keeps nothing and may be lost at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from crawler.engine.frames import FRAME, Frames

# The child is started when there is so much to do: the first piece of work may be the only one.
WORTH_IT = 2
# Pieces of work that may wait for the child; beyond that this core helps, which costs its other work more
# than waiting costs these.
MOST_WAITING = 32
MOST_WAITING_BYTES = 8 * 1024 * 1024  # held twice, here and on their way
_PROGRAM = "import sys; sys.path.insert(0, {!r}); from crawler.engine.second_core_child import main; main()"


class SecondCore:
    """Asks the child; belongs to the event loop. With one of ``cores`` there never is a child."""

    def __init__(self, cores: int) -> None:
        self._possible = cores > 1 and bool(sys.executable)
        self._asked = 0
        self._child: _Child | None = None
        self._starting: asyncio.Task[None] | None = None

    def ready(self) -> bool:
        """Whether ``run`` would have its work done elsewhere; to be asked before each piece of work."""
        if self._child is not None:
            return self._child.has_room
        self._asked += 1
        if self._asked == WORTH_IT:
            self.start()
        return False

    def start(self) -> None:
        """Start the child, which takes a while, where there is to be much to do; once."""
        if self._possible and self._starting is None:
            self._starting = asyncio.create_task(self._start())

    async def run(self, work: Callable[..., Any], *arguments: object) -> Any:
        """What ``work(*arguments)`` gives or raises; all of it is pickled, ``work`` itself only once.

        On a thread, if there is no child or it is lost.
        """
        try:
            if self._child is None:
                raise ChildLost
            return await self._child.ask(work, arguments)
        except ChildLost:
            return await asyncio.to_thread(work, *arguments)

    async def close(self) -> None:
        """End the child; nobody may wait for it any more."""
        if self._starting is not None:
            with contextlib.suppress(OSError):
                await self._starting
        if self._child is not None:
            await self._child.end()

    async def _start(self) -> None:
        program = _PROGRAM.format(str(Path(__file__).parents[2]))
        with contextlib.suppress(OSError):  # no process to be had: then it is done here
            transport, child = await asyncio.get_running_loop().subprocess_exec(
                _Child,
                sys.executable,
                *("-P", "-c", program),  # without the working directory: modules that lie there are not ours
                stderr=asyncio.subprocess.DEVNULL,
            )
            self._child = child.on(transport)


class ChildLost(Exception):
    """The child is gone, and what it was asked with it."""


class _Child(asyncio.SubprocessProtocol):
    """The pipes to it, and who waits for which answer."""

    def __init__(self) -> None:
        self.up = False  # it is there and has said so
        self._transport: asyncio.SubprocessTransport | None = None
        self._waiting: dict[int, tuple[asyncio.Future[Any], int]] = {}  # and how many bytes it was asked
        self._size = 0  # of all that waits, in bytes
        self._taught: dict[int, tuple[int, Callable[..., Any]]] = {}  # by id; held, so that it stays the same
        self._number = 0
        self._answers = Frames()
        self._gone = asyncio.Event()

    def on(self, transport: asyncio.SubprocessTransport) -> _Child:
        """Use this transport."""
        self._transport = transport
        return self

    @property
    def has_room(self) -> bool:
        """Whether it is there, and not too much of what it was asked waits for an answer."""
        return self.up and len(self._waiting) < MOST_WAITING and self._size < MOST_WAITING_BYTES

    async def ask(self, work: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        """Have it done. Raises ``ChildLost``, or what the work raises."""
        if not self.up or self._transport is None:
            raise ChildLost
        place, _ = self._taught.get(id(work), (None, None))
        new = None
        if place is None:
            place, new = len(self._taught), work
            self._taught[id(work)] = place, work
        asked = pickle.dumps((place, new, arguments), pickle.HIGHEST_PROTOCOL)
        self._number += 1
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = waiter, len(asked)
        self._size += len(asked)
        pipe = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        pipe.writelines((FRAME.pack(self._number, len(asked)), asked))
        return await waiter

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Give out the answers that are whole."""
        for number, answer in self._answers.feed(data):
            self._answer(number, answer)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It has ended, or is about to."""
        self._lose()

    def process_exited(self) -> None:
        """It has ended."""
        self._lose()
        self._gone.set()

    async def end(self) -> None:
        """Kill it, which harms nothing, and wait until it is gone."""
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()

    def _answer(self, number: int, answer: bytes) -> None:
        if not number:
            self.up = True
            return
        waiter, size = self._waiting.pop(number)
        self._size -= size
        if waiter.done():  # whoever asked was cancelled
            return
        raised, value = pickle.loads(answer)
        if raised:
            waiter.set_exception(value)
        else:
            waiter.set_result(value)

    def _lose(self) -> None:
        self.up = False
        for waiter, _ in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(ChildLost())
        self._waiting.clear()
