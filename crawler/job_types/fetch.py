"""One attempt at one download: conditional, continued or from the start, into one part file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from crawler.errors import StorageFailed, TaskError
from crawler.job_types import ranges, reading, refresh, resume
from crawler.job_types.one_stream import OneStream
from crawler.job_types.ranges import Gap
from crawler.job_types.saving import finish, kept
from crawler.job_types.segments import OtherVersion, Segments, range_header
from crawler.job_types.tools import Tools
from crawler.job_types.verifying import verify
from crawler.model import Checkpoint, Result
from crawler.net.transport import MovedAway, Response
from crawler.policy import retry
from crawler.policy.retry_after import http_date
from crawler.request import Pairs
from crawler.store.files import PartFile

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask

PARTIAL_CONTENT, NOT_MODIFIED, RANGE_NOT_SATISFIABLE = 206, 304, 416


async def fetch(task: DownloadTask, tools: Tools) -> Result:
    """Fetch the task's file. What can be continued later is kept and checkpointed on the way out."""
    transfer = _Transfer(task, tools)
    try:
        return await transfer.run()
    except (TaskError, MovedAway, asyncio.CancelledError) as error:
        await transfer.leave(keep=transfer.untouched or _may_go_on(error, task))
        raise
    except StorageFailed:
        await transfer.abandon()
        raise
    except BaseException:
        await transfer.leave(keep=False)
        raise


def _may_go_on(error: BaseException, task: DownloadTask) -> bool:
    """Whether a later attempt may continue what is there: after a stop, a redirect, a passing failure."""
    return not isinstance(error, TaskError) or retry.passing(error.failure(), task.retry)


class _Transfer:
    """The part file of one attempt, and the version of the remote file that its bytes belong to."""

    def __init__(self, task: DownloadTask, tools: Tools) -> None:
        self._task = task
        self._tools = tools
        self._part: PartFile | None = None
        self._version = None if resume.of_another(task) else resume.usable(task.known, task.target)
        checkpoint = task.known.checkpoint if task.known is not None else None
        self._recorded = checkpoint is not None and checkpoint.offset > 0
        self._started = asyncio.get_running_loop().time()
        self._way: OneStream | Segments | None = None
        self._may_split = True
        self._begun = False

    @property
    def untouched(self) -> bool:
        """Whether all that is at stake is what another source gave, which may still go on there."""
        return bool(self._task.mirrors) and self._version is not None and not self._begun

    async def run(self) -> Result:
        """Continue if that is possible, else start at the beginning; once more if the file changes."""
        try:
            return await self._continued() or await self._from_start()
        except OtherVersion:
            self._may_split = False
            self._way = self._version = None
            return await self._from_start()

    async def _continued(self) -> Result | None:
        if self._version is not None:
            self._part = await self._open_part(self._version)
            if self._part.offset == ranges.extent(self._version):
                result = await self._go_on(self._version)
                if result is not None:
                    return result
            self._version = None
        return None

    async def _go_on(self, reached: Checkpoint) -> Result | None:
        """Ask for what is missing; ``None`` if the server's answer does not fit what we have."""
        start, end = (ranges.missing(reached) or [(reached.offset, reached.offset)])[0]
        async with self._send(range_header(reached, start, end if reached.gaps else None)) as response:
            if response.status == PARTIAL_CONTENT:
                fits = resume.holds(reached, start, end, response.url, response.headers)
                surplus = response.length is not None and response.length > end - start
                return await self._receive(response) if fits and not (surplus or response.encoded) else None
            if response.status == RANGE_NOT_SATISFIABLE:
                if resume.already_whole(reached, response.url, response.headers):
                    return await self._complete(response, 0)
                return None
            return await self._whole(response)

    async def _from_start(self) -> Result:
        conditions, known = refresh.conditions(self._task, self._tools.files), self._task.known
        if conditions and known is not None:
            async with self._send(conditions) as response:
                if response.status != NOT_MODIFIED:
                    return await self._whole(response)
                if refresh.confirms(self._task, response):
                    await self.leave(keep=False)
                    return kept(self._task, known, response)
        async with self._send(()) as response:
            return await self._whole(response)

    def _send(self, extra: Pairs) -> AbstractAsyncContextManager[Response]:
        task, request = self._task, self._task.asked
        if extra:
            request = structs.replace(request, headers=request.headers + extra)
        if (total := request.timeouts.total) is not None:  # of the attempt, however many requests it takes
            left = max(0.001, total - (asyncio.get_running_loop().time() - self._started))
            request = structs.replace(request, timeouts=replace(request.timeouts, total=left))
        return self._tools.transport.open(request, slot=task.slot, hop=task.hop)

    async def _whole(self, response: Response) -> Result:
        """An answer that should carry the file from its first byte."""
        reading.refuse_part(response)
        self._task.rules.expect.check_head(response)
        reading.refuse_declared(response, self._task.rules.max_bytes)
        await self._begin(response)
        return await self._receive(response)

    async def _begin(self, response: Response) -> None:
        """An empty part file, and no record anywhere of bytes that are not in it."""
        self._begun = True
        if self._recorded:
            await self._tools.checkpoint(resume.nothing(response.url))
            self._recorded = False
        if self._part is None:
            self._part = await self._open_part(None)
        else:
            await self._part.restart()
        self._version = None
        if response.arrived:
            return  # there is nothing left that could break off and be continued
        self._version = resume.beginning(
            response.url, response.headers, length=response.length, encoded=response.encoded
        )

    async def _open_part(self, version: Checkpoint | None) -> PartFile:
        task = self._task
        wanted = frozenset({task.checksum.algorithm}) if task.checksum is not None else frozenset()
        return await self._tools.files.open(
            task.target,
            job=task.job,
            key=task.key,
            resume_at=None if version is None else ranges.extent(version),
            gaps=version is not None and bool(version.gaps),
            algorithms=wanted,
        )

    async def _receive(self, response: Response) -> Result:
        part, version = self._part, self._version
        assert part is not None
        self._begun = self._recorded = True
        wanted = self._task.rules.segments if self._may_split else 1
        if version is not None and (wanted != 1 or version.gaps):
            todo = ranges.plan(version, wanted, response.headers)
            borrowed = self._tools.borrow(ranges.most(wanted, todo) - 1)
            if borrowed or version.gaps:
                return await self._receive_in_segments(version, response, todo, borrowed)
        self._way = way = OneStream(version, part, self._tools)
        await way.run(response, self._task.rules.max_bytes)
        self._tools.leave_host()
        return await self._complete(response, way.received)

    async def _receive_in_segments(
        self, version: Checkpoint, response: Response, todo: Sequence[Gap], borrowed: int
    ) -> Result:
        part, total = self._part, version.total
        assert part is not None
        assert total is not None
        reading.refuse_length(total, self._task.rules.max_bytes)
        self._tools.gauge.start(total, total - sum(end - start for start, end in todo))
        self._way = way = Segments(version, todo, part, self._tools, self._send)
        await way.run(response, borrowed, open_ended=not version.gaps)
        self._tools.leave_host()
        await way.checkpoint()
        await part.join(total)
        return await self._complete(response, way.received)

    async def _complete(self, response: Response, received: int) -> Result:
        """Every byte is here: verify, then give the file its name."""
        part, task = self._part, self._task
        assert part is not None
        await verify(part, task, response)
        modified = response.headers.get("Last-Modified")
        mtime = http_date(modified) if modified and task.rules.mtime else None
        self._part = None  # ``finish`` gives it up, whatever happens
        return await finish(
            part,
            task,
            self._tools.files,
            received=received,
            response=response,
            overwrite=task.rules.overwrite,
            mtime=mtime,
        )

    async def leave(self, *, keep: bool) -> None:
        """Give the part file up: kept and checkpointed if it can be continued, unlinked if not."""
        part = self._part
        if part is None:
            return
        if keep and self._version is not None:
            if self._way is not None:
                await self._way.checkpoint()
            await part.keep()
        else:
            await part.discard()
        self._part = None

    async def abandon(self) -> None:
        """The disk failed: close, and touch nothing more; what was checkpointed stays good."""
        if self._part is not None:
            await self._part.keep()
            self._part = None
