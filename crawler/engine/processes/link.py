"""The engine's end of one child: the pipes to it, which attempts it makes, and what it asks for."""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from crawler.engine.frames import Frames
from crawler.engine.processes.gauge import Follower
from crawler.engine.processes.messages import (
    Begin,
    Broken,
    Committed,
    CookiesSet,
    Done,
    Finalize,
    LeftHost,
    Progress,
    Reached,
    ToChild,
    ToEngine,
    Up,
)
from crawler.engine.processes.outbox import Outbox
from crawler.job_types.tools import Tools
from crawler.model import Task
from crawler.store.files import Finalizing, Journal

_ITS_VOICE = 1  # its standard output
# What a terminal or a service manager sends is for us, who end it; at once, since to import takes a while.
_DEAF_TO = (int(signal.SIGHUP), int(signal.SIGINT), int(signal.SIGTERM))
_PROGRAM = (
    "import signal, sys; [signal.signal(number, signal.SIG_IGN) for number in {!r}]; "
    "sys.path.insert(0, {!r}); from crawler.engine.processes.child import main; main()"
)


class ChildLost(Exception):
    """The child ended in the middle of the attempt; ``intent`` if its file was about to get its name."""

    def __init__(self, intent: Finalizing | None) -> None:
        super().__init__()
        self.intent = intent


@dataclass(slots=True, eq=False)
class Away:
    """One attempt that a child makes."""

    task: Task
    tools: Tools
    waiter: asyncio.Future[Done]
    follower: Follower
    intent: Finalizing | None = None


class Link(asyncio.SubprocessProtocol):
    """``lost`` is called once, with why, when the child has ended before ``kill``."""

    def __init__(
        self, journal: Journal, cookies: Callable[[Link, CookiesSet], None], lost: Callable[[Link, str], None]
    ) -> None:
        self.up = False  # it is ready, and there
        self.begun = asyncio.Event()  # it was ready, or is lost
        self.gone = asyncio.Event()  # it has ended
        self._journal = journal
        self._cookies = cookies
        self._lost = lost
        self._frames = Frames()
        self._away: dict[int, Away] = {}
        self._numbers: dict[tuple[str, str], int] = {}  # of those, by the task's job and key
        self._loop = asyncio.get_running_loop()
        self._committing: set[asyncio.Task[None]] = set()
        self._broken: str | None = None
        self._ending = False
        self._exited = self._silent = False

    async def start(self, keep_open: tuple[int, ...]) -> None:
        """Start the child, which keeps these descriptors open as long as it lives. Raises OSError."""
        program = _PROGRAM.format(_DEAF_TO, str(Path(__file__).parents[3]))
        await self._loop.subprocess_exec(
            lambda: self,
            sys.executable,
            *("-P", "-c", program),  # without the working directory: modules that lie there are not ours
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=keep_open,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The child was started."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._outbox: Outbox[ToChild] = Outbox(self._loop, self._write, self._refuse)

    @property
    def busy(self) -> int:
        """How many attempts it makes."""
        return len(self._away)

    def tell(self, message: ToChild) -> None:
        """Tell it something, behind all that it was told before."""
        if not self.gone.is_set():
            self._outbox.post(message)

    def begin(self, begin: Begin, tools: Tools) -> asyncio.Future[Done]:
        """Have an attempt made; what is returned may raise ``ChildLost``, or why it could not be told."""
        waiter: asyncio.Future[Done] = self._loop.create_future()
        self._away[begin.number] = Away(begin.task, tools, waiter, Follower(tools.gauge))
        self._numbers[begin.task.job, begin.task.key] = begin.number
        self.tell(begin)
        return waiter

    def kill(self) -> None:
        """End it, which harms what is under way no more than any kill does; ``gone`` says when it has."""
        self._ending = True
        for task in list(self._committing):
            task.cancel()
        if not self.gone.is_set():
            self._transport.kill()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It says something."""
        for _, frame in self._frames.feed(data):
            for message in pickle.loads(frame):
                self._hear(message)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It says nothing more, or hears nothing more."""
        if fd == _ITS_VOICE:
            self._silent = True
            self._look()

    def process_exited(self) -> None:
        """It has ended, whoever ended it; what it said before that may still be on its way."""
        self.up, self._exited = False, True
        self._look()

    def _look(self) -> None:
        if self._exited and self._silent:
            self._over()

    def _over(self) -> None:
        self.gone.set()
        self.begun.set()
        self._transport.close()
        code = self._transport.get_returncode()
        self._leaving = asyncio.ensure_future(self._leave())
        if not self._ending:
            why = self._broken or (
                f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            )
            self._lost(self, why)

    async def _leave(self) -> None:
        """Tell whoever waits for its attempts; nothing that it asked for is committed after that."""
        await asyncio.gather(*self._committing, return_exceptions=True)
        left, self._away = self._away, {}
        self._numbers.clear()
        for away in left.values():
            if not away.waiter.done():
                away.waiter.set_exception(ChildLost(away.intent))

    def _hear(self, message: ToEngine) -> None:
        match message:
            case Done(number):
                waiter = self._take(number).waiter
                if not waiter.done():  # else whoever waited has given it up
                    waiter.set_result(message)
            case LeftHost(number):
                self._away[number].tools.leave_host()
            case Progress(number):
                self._away[number].follower.follow(message)
            case Finalize(asked, batch):
                self._commit(asked, self._intend(batch))
            case Reached(asked, number, checkpoint):
                self._commit(asked, self._away[number].tools.checkpoint(checkpoint))
            case CookiesSet():
                self._cookies(self, message)
            case Up():
                self.up = True
                self.begun.set()
            case Broken(error):
                self._broken = error

    def _take(self, number: int) -> Away:
        away = self._away.pop(number)
        del self._numbers[away.task.job, away.task.key]
        return away

    async def _intend(self, batch: Sequence[Finalizing]) -> None:
        await asyncio.to_thread(self._journal.finalizing, batch)
        for intent in batch:
            if (number := self._numbers.get((intent.job, intent.key))) is not None:
                self._away[number].intent = intent

    def _commit(self, asked: int, work: Awaitable[None]) -> None:
        async def commit() -> None:
            refused = None
            try:
                await work
            except Exception as error:  # the ledger's own trouble stops the run by itself
                refused = str(error) or type(error).__name__
            self.tell(Committed(asked, refused))

        task = asyncio.ensure_future(commit())
        self._committing.add(task)
        task.add_done_callback(self._committing.discard)

    def _write(self, data: bytes) -> None:
        pipe = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        if not pipe.is_closing():  # else it has died, and ``process_exited`` is on its way
            pipe.write(data)

    def _refuse(self, message: ToChild, error: Exception) -> None:
        """A message that cannot be pickled: its attempt ends so."""
        if not isinstance(message, Begin):
            raise error
        self._take(message.number).waiter.set_exception(error)
