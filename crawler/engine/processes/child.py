"""A process that makes attempts: told which, it answers how each ended, and keeps nothing.

It asks the engine's process for every commit, so that there is one ledger and one writer to it. When its
input ends, whoever started it is gone: it ends at once, and its part files are what a killed run leaves.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pickle
from functools import partial
from typing import Any

from crawler.engine.attempt import Ended, attempt
from crawler.engine.frames import Frames
from crawler.engine.own_process import loop_factory, settle_memory
from crawler.engine.processes.asking import Asking
from crawler.engine.processes.gauge import ChildGauge, tell
from crawler.engine.processes.messages import (
    Begin,
    Broken,
    Cancel,
    Committed,
    CookiesSet,
    Done,
    LeftHost,
    Settings,
    ToChild,
    ToEngine,
    Up,
)
from crawler.engine.processes.outbox import Outbox
from crawler.job_types.table import JOB_TYPES
from crawler.job_types.tools import Tools
from crawler.net import descriptors
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.traffic import TRAFFIC, Traffic
from crawler.store.output import OutputRoot

TELL_PROGRESS = 0.25  # seconds between two looks at the transfers under way; a bar is drawn as often


def main() -> None:
    """Serve until the input ends."""
    asked, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # whatever a library prints is no answer
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(asked, answers))


async def _serve(asked: int, answers: int) -> None:
    loop = asyncio.get_running_loop()
    writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(answers, "wb", 0))
    outbox: Outbox[ToEngine] = Outbox(loop, writer.write, lambda _, error: _break(outbox, error))
    await loop.connect_read_pipe(lambda: _Input(Child(outbox), outbox), os.fdopen(asked, "rb", 0))
    await asyncio.Event().wait()


class _Input(asyncio.Protocol):
    """What the engine says, until it says no more."""

    def __init__(self, child: Child, outbox: Outbox[ToEngine]) -> None:
        self._child = child
        self._outbox = outbox
        self._frames = Frames()

    def data_received(self, data: bytes) -> None:
        try:
            for _, frame in self._frames.feed(data):
                for message in pickle.loads(frame):
                    self._child.hear(message)
        except Exception as error:
            _break(self._outbox, error)

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(0)


class Child:
    """Makes attempts with a transport and files of its own."""

    def __init__(self, outbox: Outbox[ToEngine]) -> None:
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._asking = Asking(outbox.post, self._loop)
        self._attempts: dict[int, asyncio.Task[Ended]] = {}
        self._gauges: dict[int, ChildGauge] = {}

    def hear(self, message: ToChild) -> None:
        """Do what the engine says."""
        match message:
            case Begin():
                self._begin(message)
            case Committed(asked, refused):
                self._asking.answered(asked, refused)
            case Cancel(number):
                if (task := self._attempts.get(number)) is not None:
                    task.cancel()
            case CookiesSet(url, headers):
                self._transport.take_cookies(url, headers)
            case Settings():
                self._set_up(message)

    def _set_up(self, settings: Settings) -> None:
        descriptors.raise_limit()
        self._chunk_size = settings.chunk_size
        self._files = OutputRoot(
            settings.output,
            durability=settings.durability,
            chunk_size=settings.chunk_size,
            journal=self._asking,
            min_free_disk=settings.min_free_disk,
            alone=False,
        )
        shares = descriptors.share(
            limit=descriptors.limit(),
            taken=descriptors.in_use() + self._files.descriptors,
            workers=settings.workers,
        )
        self._transport = AiohttpTransport(
            dataclasses.replace(
                settings.transport, connections=shares.connections, dns_threads=shares.dns_threads
            )
        )
        self._transport.on_cookies(lambda url, headers: self._outbox.post(CookiesSet(url, headers)))
        self._files.on_shortage(self._transport.close_idle)
        settle_memory()
        self._loop.call_later(TELL_PROGRESS, self._tell)
        self._outbox.post(Up())

    def _begin(self, begin: Begin) -> None:
        number, traffic = begin.number, Traffic()
        gauge = self._gauges[number] = ChildGauge()
        tools = Tools(
            transport=self._transport,
            files=self._files,
            gauge=gauge,
            checkpoint=partial(self._asking.checkpoint, number),
            chunk_size=self._chunk_size,
            leave_host=partial(self._outbox.post, LeftHost(number)),
        )
        TRAFFIC.set(traffic)  # the new task's context is a copy of this one
        task = self._loop.create_task(attempt(partial(_perform, begin.type), begin.task, tools))
        self._attempts[number] = task
        task.add_done_callback(partial(self._ended, number, traffic))

    def _ended(self, number: int, traffic: Traffic, task: asyncio.Task[Ended]) -> None:
        del self._attempts[number]
        tell(number, self._gauges.pop(number), self._outbox.post)
        ended = None if task.cancelled() else task.result()
        self._outbox.post(Done(number, ended, traffic.requests, traffic.head_seconds))

    def _tell(self) -> None:
        for number, gauge in self._gauges.items():
            tell(number, gauge, self._outbox.post)
        self._loop.call_later(TELL_PROGRESS, self._tell)


async def _perform(name: str, task: Any, tools: Tools) -> Any:
    return await JOB_TYPES[name].perform(task, tools)


def _break(outbox: Outbox[ToEngine], error: Exception) -> None:
    """A bug outside of any attempt: nobody can rely on this process any more."""
    outbox.post(Broken(f"{type(error).__name__}: {error}"))
    outbox.flush()
    os._exit(1)
