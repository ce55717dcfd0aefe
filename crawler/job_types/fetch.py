"""One attempt at one download: conditional, continued or from the start, into one part file."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from crawler.errors import IntegrityFailed, ProtocolBroken, StorageFailed, TaskError, Truncated
from crawler.job_types import reading, resume
from crawler.job_types.base import Tools
from crawler.job_types.digests import Checksum, sent_digests
from crawler.job_types.saving import finish, is_ours, kept
from crawler.model import Checkpoint, ErrorClass, Pairs, Result
from crawler.net.transport import MovedAway, Response
from crawler.policy.retry_after import http_date
from crawler.store.files import PartFile

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask

# What a crash may cost at most: this many bytes or seconds of a transfer are fetched again.
CHECKPOINT_BYTES = 16 * 1024 * 1024
CHECKPOINT_SECONDS = 5.0

PARTIAL_CONTENT, NOT_MODIFIED, RANGE_NOT_SATISFIABLE = 206, 304, 416


async def fetch(task: DownloadTask, tools: Tools) -> Result:
    """Fetch the task's file. What can be continued later is kept and checkpointed on the way out."""
    transfer = _Transfer(task, tools)
    try:
        return await transfer.run()
    except (TaskError, MovedAway, asyncio.CancelledError) as error:
        await transfer.leave(keep=_may_go_on(error, task))
        raise
    except StorageFailed:
        await transfer.abandon()
        raise
    except BaseException:
        await transfer.leave(keep=False)
        raise


def _may_go_on(error: BaseException, task: DownloadTask) -> bool:
    """Whether a later attempt may continue what is there."""
    if not isinstance(error, TaskError):
        return True  # stopped or redirected: nothing was wrong
    failure = error.failure()
    if failure.kind is ErrorClass.HTTP_STATUS:
        return failure.status in task.retry.statuses
    return failure.retryable


class _Transfer:
    """The part file of one attempt, and the version of the remote file that its bytes belong to."""

    def __init__(self, task: DownloadTask, tools: Tools) -> None:
        self._task = task
        self._tools = tools
        self._part: PartFile | None = None
        self._version = resume.usable(task.known, task.target)
        self._committed = self._version.offset if self._version else 0
        self._committed_at = 0.0
        self._received = 0

    async def run(self) -> Result:
        """Continue if that is possible, else start at the beginning."""
        if self._version is not None:
            self._part = await self._open_part(self._version.offset)
            if self._part.offset == self._version.offset:
                result = await self._go_on(self._version)
                if result is not None:
                    return result
            self._version = None
        return await self._from_start()

    async def _go_on(self, reached: Checkpoint) -> Result | None:
        """Ask for the rest of the file; ``None`` if the server's answer does not fit what we have."""
        condition = resume.if_range(reached) or ""
        asked = (("Range", f"bytes={reached.offset}-"), ("If-Range", condition))
        async with self._send(asked) as response:
            if response.status == PARTIAL_CONTENT:
                if resume.continues(reached, response.url, response.headers) and not response.encoded:
                    return await self._receive(response)
                return None
            if response.status == RANGE_NOT_SATISFIABLE:
                if resume.already_whole(reached, response.url, response.headers):
                    return await self._complete(response)
                return None
            return await self._whole(response)

    async def _from_start(self) -> Result:
        conditions = self._conditions()
        async with self._send(conditions) as response:
            if response.status == NOT_MODIFIED and conditions and self._task.known is not None:
                await self.leave(keep=False)
                return kept(self._task.known, response)
            return await self._whole(response)

    def _send(self, extra: Pairs) -> AbstractAsyncContextManager[Response]:
        task, request = self._task, self._task.request
        if extra:
            request = replace(request, headers=request.headers + extra)
        return self._tools.transport.open(request, slot=task.slot, hop=task.hop)

    def _conditions(self) -> Pairs:
        """What makes the server answer 304 if the file that we still have is the current one."""
        task, known = self._task, self._task.known
        if task.rules.refresh != "conditional" or known is None or not is_ours(known, task.target):
            return ()
        wanted = task.checksum
        other_wanted = wanted is not None and wanted.algorithm == "sha256" and wanted.hex != known.sha256
        if known.url != task.url or other_wanted or not self._tools.files.is_intact(known):
            return ()
        conditions = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
        return tuple((name, value) for name, value in conditions if value)

    async def _whole(self, response: Response) -> Result:
        """An answer that should carry the file from its first byte."""
        if response.status == PARTIAL_CONTENT:
            span = response.headers.get("Content-Range")
            raise ProtocolBroken(
                f"the server answered 206 with Content-Range {span!r} to a request without Range; "
                "expected 200 and the whole file",
                sent=True,
                answered=True,
            )
        self._task.rules.expect.check_head(response)
        reading.refuse_declared(response, self._task.rules.max_bytes)
        await self._begin(response)
        return await self._receive(response)

    async def _begin(self, response: Response) -> None:
        """An empty part file, and no record anywhere of bytes that are not in it."""
        known = self._task.known
        if known is not None and known.checkpoint is not None and known.checkpoint.offset:
            await self._tools.checkpoint(resume.nothing(response.url))
        if self._part is None:
            self._part = await self._open_part(None)
        elif self._part.offset:
            await self._part.restart()
        self._committed = 0
        self._version = resume.beginning(
            response.url, response.headers, length=response.length, encoded=response.encoded
        )

    async def _open_part(self, resume_at: int | None) -> PartFile:
        task = self._task
        wanted = frozenset({task.checksum.algorithm}) if task.checksum is not None else frozenset()
        return await self._tools.files.open(
            task.target, job=task.job, key=task.key, resume_at=resume_at, algorithms=wanted
        )

    async def _receive(self, response: Response) -> Result:
        part, gauge = self._part, self._tools.gauge
        assert part is not None
        start = part.offset
        declared = None if response.encoded or response.length is None else start + response.length
        gauge.start(declared, start)
        self._committed_at = asyncio.get_running_loop().time()
        self._received = await reading.pour(
            response, gauge, self._task.rules.max_bytes, self._take, done=start
        )
        if declared is not None and part.offset != declared:
            raise Truncated(
                f"the body ended after {part.offset} of {declared} bytes", sent=True, answered=True
            )
        self._tools.leave_host()
        return await self._complete(response)

    async def _take(self, piece: bytes) -> None:
        assert self._part is not None
        await self._part.write(piece)
        if self._version is None:
            return
        now = asyncio.get_running_loop().time()
        enough = self._part.offset - self._committed >= CHECKPOINT_BYTES
        if enough or now - self._committed_at >= CHECKPOINT_SECONDS:
            await self._checkpoint()
            self._committed_at = now

    async def _checkpoint(self) -> None:
        if self._part is None or self._version is None or self._part.offset == self._committed:
            return
        self._committed = await self._part.checkpoint()
        await self._tools.checkpoint(replace(self._version, offset=self._committed))

    async def _complete(self, response: Response) -> Result:
        """Every byte is here: verify, then give the file its name."""
        part, task = self._part, self._task
        assert part is not None
        reading.refuse_short(part.offset, task.rules.min_bytes)
        if task.checksum is not None:
            await self._verify(part, task.checksum, "the manifest's checksum")
        if not response.encoded:
            for digest in sent_digests(response.headers, whole=response.status == 200):
                await self._verify(part, digest, "the digest that the server sent")
        modified = response.headers.get("Last-Modified")
        mtime = http_date(modified) if modified and task.rules.mtime else None
        self._part = None  # ``finish`` gives it up, whatever happens
        return await finish(
            part,
            task,
            self._tools.files,
            received=self._received,
            response=response,
            overwrite=task.rules.overwrite,
            mtime=mtime,
        )

    async def _verify(self, part: PartFile, wanted: Checksum, whose: str) -> None:
        found = await part.digest(wanted.algorithm)
        if found != wanted.hex:
            raise IntegrityFailed(
                f"the {part.offset} bytes received have {wanted.algorithm} {found}; {whose} is {wanted.hex}",
                sent=True,
                answered=True,
            )

    async def leave(self, *, keep: bool) -> None:
        """Give the part file up: kept and checkpointed if it can be continued, unlinked if not."""
        part = self._part
        if part is None:
            return
        if keep and self._version is not None:
            await self._checkpoint()
            await part.keep()
        else:
            await part.discard()
        self._part = None

    async def abandon(self) -> None:
        """The disk failed: close, and touch nothing more; what was checkpointed stays good."""
        if self._part is not None:
            await self._part.keep()
            self._part = None
