"""Attempts made by children, one a core: which attempts, by which child, and what if it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crawler.engine.attempt import Moved
from crawler.engine.processes.link import ChildLost, Link
from crawler.engine.processes.messages import Begin, Cancel, CookiesSet, Done, Settings
from crawler.errors import Truncated
from crawler.job_types.base import Portable
from crawler.job_types.saving import news
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result, Task
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.traffic import Traffic, current
from crawler.net.transport import MovedAway
from crawler.policy.hosts import HostRules
from crawler.request import JsonBody
from crawler.store.files import Finalizing, Journal
from crawler.store.output import OutputRoot

STARTING = 10.0  # seconds that children may take to be ready; it takes half a second

# A host that takes so many requests at once gets them from every child; below that all come from one, so that
# there are no more idle connections to it than it may have requests.
SPREAD = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """What children have to do with: the files and the transport of this process, and its ledger."""

    settings: Settings
    files: OutputRoot
    transport: AiohttpTransport
    journal: Journal
    hosts: HostRules
    keep_open: tuple[int, ...]  # descriptors that say, by being open, that the run is still at work
    own_json: bool  # JSON bodies are made by a function of the program that we are part of
    warn: Callable[[str], None]


class Processes:
    """``count`` children at most; while none is ready, nothing is taken."""

    def __init__(self, count: int, company: Company) -> None:
        self._count = count
        self._company = company
        self._links: list[Link] = []
        self._number = 0
        self._starting: asyncio.Task[None] | None = None
        self._portable: dict[type[Any], bool] = {}  # by job type: to ask a protocol costs as much as a task

    async def start(self) -> None:
        """Start them; ``ready`` says when they are."""
        company = self._company
        for _ in range(self._count):
            link = Link(company.journal, self._spread, self._lost)
            try:
                await link.start(company.keep_open)
            except OSError as error:
                company.warn(
                    f"no further process can be started ({error.strerror}): {len(self._links) + 1} are used"
                )
                break
            link.tell(company.settings)
            self._links.append(link)
        self._starting = asyncio.create_task(self._all_begun())
        company.transport.on_cookies(lambda url, headers: self._spread(None, CookiesSet(url, headers)))

    async def ready(self) -> None:
        """Return once each is ready or lost, or too slow to be waited for."""
        if self._starting is not None:
            await asyncio.shield(self._starting)

    async def _all_begun(self) -> None:
        try:
            async with asyncio.timeout(STARTING):
                for link in list(self._links):
                    await link.begun.wait()
        except TimeoutError:
            self._company.warn(
                f"not all processes are ready after {STARTING:g} s; the run begins without them"
            )

    def take(self, job_type: Any, task: Task, traffic: Traffic) -> bool:
        """Whether ``perform`` is to make this attempt: not where it must be paced or counted byte by byte."""
        if traffic.pace is not None or traffic.on_sent is not None:
            return False
        if self._company.own_json and isinstance(task.asked.body, JsonBody):
            return False
        kind = type(job_type)
        if kind not in self._portable:
            self._portable[kind] = isinstance(job_type, Portable)
        return self._portable[kind] and job_type.portable(task) and any(link.up for link in self._links)

    async def perform(self, type_name: str, task: Task, tools: Tools) -> Result:
        """One attempt as the job type makes it; raises ``MovedAway`` and ``TaskError``."""
        with (
            self._company.files.reserved(task.target) if task.target is not None else contextlib.nullcontext()
        ):
            self._number += 1
            link = self._chosen(task)
            waiter = link.begin(Begin(self._number, type_name, task), tools)
            try:
                done = await self._ended(link, self._number, waiter)
            except ChildLost as lost:
                return await self._left_behind(task, lost.intent)
        if isinstance(done.ended, Moved):
            raise MovedAway(done.ended.hop, done.ended.slot)
        if not isinstance(done.ended, Result):
            raise RuntimeError("the attempt was broken off or goes on, and nobody had asked for that")
        return done.ended

    async def close(self) -> None:
        """End all of them."""
        if self._starting is not None:
            self._starting.cancel()
        links, self._links = self._links, []
        for link in links:  # all at once: whoever is cancelled while waiting for them leaves none alive
            link.kill()
        for link in links:
            await link.gone.wait()

    def _chosen(self, task: Task) -> Link:
        up = [link for link in self._links if link.up]
        if self._company.hosts.limits(task.slot, gentle=task.gentle).concurrency < SPREAD:
            return up[zlib.crc32(self._company.hosts.key(task.slot).encode()) % len(up)]
        return min(up, key=lambda link: link.busy)

    async def _ended(self, link: Link, number: int, waiter: asyncio.Future[Done]) -> Done:
        """How the attempt ended. Broken off here, it is broken off there, and waited for once."""
        traffic = current()
        try:
            done = await asyncio.shield(waiter)
        except asyncio.CancelledError:
            link.tell(Cancel(number))
            traffic.requests += 1  # it may have left: until the child says otherwise
            with contextlib.suppress(ChildLost):
                done = await waiter
                traffic.requests += done.requests - 1
            raise
        traffic.requests += done.requests
        traffic.head_seconds = done.head_seconds
        return done

    async def _left_behind(self, task: Task, intent: Finalizing | None) -> Result:
        """What the attempt of a lost child came to: its file is whole if it was about to get its name."""
        current().requests += 1
        known = task.known
        if intent is not None:
            ours = known is not None and known.target == intent.target and known.sha256 is not None
            saved = await self._company.files.recover(
                intent.target, sha256=intent.sha256, size=intent.size, replace=ours
            )
            if saved is not None:
                same = known is not None and known.sha256 == saved.sha256
                return Result(
                    outcome=news(known, same) if ours and known is not None else Outcome.NEW,
                    bytes=saved.size,
                    saved=saved,
                    etag=intent.origin.etag,
                    last_modified=intent.origin.last_modified,
                    source=intent.origin.url if task.source else None,
                )
        raise Truncated("the process that made the transfer was lost in the middle of it", sent=True)

    def _spread(self, origin: Link | None, cookies: CookiesSet) -> None:
        """Every process is to send the cookies that one of them was given."""
        if origin is not None:
            self._company.transport.take_cookies(cookies.url, cookies.headers)
        for link in self._links:
            if link is not origin:
                link.tell(cookies)

    def _lost(self, link: Link, why: str) -> None:
        if link in self._links:
            self._links.remove(link)
            left = len(self._links)
            self._company.warn(
                f"a process that made transfers was lost ({why}); what it had under way is tried again, "
                f"and {left or 'none'} of them {'is' if left == 1 else 'are'} left"
            )
