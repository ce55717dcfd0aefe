"""Ranges of one version of a file, fetched side by side into one part file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

from crawler.errors import StorageFailed, TaskError, Truncated
from crawler.job_types import ranges, reading, resume
from crawler.job_types.ranges import Gap
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint
from crawler.net.transport import MovedAway, Response
from crawler.request import Pairs
from crawler.store.files import PartFile

Send = Callable[[Pairs], AbstractAsyncContextManager[Response]]

PARTIAL_CONTENT = 206
# Answers that say that the file is not what it was; any other error is about this one request.
CHANGED = frozenset({412, 416})


class OtherVersion(Exception):
    """A range cannot be had of the version that the others belong to: the file starts over."""


@dataclass(slots=True, eq=False)
class _Range:
    at: int  # the next byte to come
    end: int


def range_header(version: Checkpoint, start: int, end: int | None) -> Pairs:
    """Ask for ``start`` to before ``end`` (``None``: to the last byte), if it still is that version."""
    last = "" if end is None else end - 1
    return (("Range", f"bytes={start}-{last}"), ("If-Range", resume.if_range(version) or ""))


class Segments:
    """Fetches ``todo`` with one worker for the attempt's own slot and one for each borrowed one.

    An answer that was not asked for a last byte (``open_ended``) reads on into the ranges behind its own
    that nobody has begun. So a server that refuses more requests, or ranges altogether, still gives the
    file in one stream.
    """

    def __init__(
        self, version: Checkpoint, todo: Sequence[Gap], part: PartFile, tools: Tools, send: Send
    ) -> None:
        self.received = 0  # bytes
        self._version = version
        self._ranges = [_Range(start, end) for start, end in todo]
        self._pending = list(self._ranges)  # in the order of the file
        self._part = part
        self._tools = tools
        self._send = send
        self._workers = 0
        self._saved = self.left()
        self._saved_bytes = 0
        self._saved_at = 0.0
        self._saving = False

    def left(self) -> tuple[Gap, ...]:
        """What is still missing."""
        return tuple((each.at, each.end) for each in self._ranges if each.at < each.end)

    async def run(self, first: Response, borrowed: int, *, open_ended: bool) -> None:
        """Return when every range is full, with ``first`` as the answer for the first of them.

        Raises ``OtherVersion``, ``StorageFailed`` and what reading raises; what came in then stands in
        the part file and is recorded by ``checkpoint``.
        """
        self._saved_at = asyncio.get_running_loop().time()
        self._workers = 1 + borrowed
        with _one_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lead(first, self._pending.pop(0), open_ended))
                for _ in range(borrowed):
                    group.create_task(self._help())

    async def checkpoint(self) -> None:
        """Make what came in durable and record it, if there is anything new."""
        left = self.left()
        if left == self._saved:
            return
        received = self.received
        await self._part.checkpoint()
        await self._tools.checkpoint(ranges.reached(self._version, left))
        self._saved, self._saved_bytes = left, received
        self._saved_at = asyncio.get_running_loop().time()

    async def _lead(self, response: Response, own: _Range, open_ended: bool) -> None:
        await self._take(response, own, open_ended)
        await response.close()
        await self._work()

    async def _help(self) -> None:
        try:
            await self._work()
        finally:
            self._tools.give_back(1)

    async def _work(self) -> None:
        try:
            while self._pending:
                # From the end, so that the open-ended answer can read on as far as possible.
                if not await self._fetch(self._pending.pop()):
                    return
        finally:
            self._workers -= 1

    async def _fetch(self, each: _Range) -> bool:
        """Whether the server gave the range; if not, it is left to another worker."""
        version = self._version
        try:
            async with self._send(range_header(version, each.at, each.end)) as response:
                refused = self._refused(response, each)
                if refused is None:
                    await self._take(response, each)
                    return True
        except MovedAway as moved:
            raise OtherVersion("the URL leads elsewhere by now") from moved
        if self._workers == 1:
            raise refused
        self._pending.append(each)
        self._pending.sort(key=lambda each: each.at)
        return False

    def _refused(self, response: Response, each: _Range) -> Exception | None:
        """Why the answer is not the range, if somebody else may still get it. Raises ``OtherVersion``."""
        version, status = self._version, response.status
        if status >= 400 and status not in CHANGED:
            return reading.bad_status(response)
        if status == PARTIAL_CONTENT:
            if not response.encoded and resume.holds(
                version, each.at, each.end, response.url, response.headers
            ):
                return None
        elif response.length == version.total and resume.same_version(version, response.headers):
            return OtherVersion("the server gives no ranges")
        raise OtherVersion(f"the answer {status} is not the rest of the version that was begun")

    async def _take(self, response: Response, own: _Range, open_ended: bool = False) -> None:
        span = self._part.span(own.at)
        async for chunk in response.chunks():
            while chunk:
                piece, chunk = chunk[: own.end - own.at], chunk[own.end - own.at :]
                own.at += len(piece)
                self.received += len(piece)
                self._tools.gauge.add(len(piece))
                await span.write(piece)
                if own.at == own.end and not (open_ended and self._read_on(own)):
                    return
            await self._checkpoint_if_due()
        raise Truncated(f"the range ended {own.end - own.at} bytes early", sent=True, answered=True)

    def _read_on(self, own: _Range) -> bool:
        """Take over the range behind, if nobody has begun it."""
        if not self._pending or self._pending[0].at != own.end:
            return False
        behind = self._pending.pop(0)
        self._ranges.remove(behind)
        own.end = behind.end
        return True

    async def _checkpoint_if_due(self) -> None:
        much = self.received - self._saved_bytes >= reading.CHECKPOINT_BYTES
        long = asyncio.get_running_loop().time() - self._saved_at >= reading.CHECKPOINT_SECONDS
        if (much or long) and not self._saving:
            self._saving = True
            try:
                await self.checkpoint()
            finally:
                self._saving = False


@contextmanager
def _one_error() -> Iterator[None]:
    """Of the errors that ended a group, the one that decides what becomes of the attempt."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise min(group.exceptions, key=_weight) from None


def _weight(error: BaseException) -> int:
    if isinstance(error, StorageFailed):
        return 0
    if isinstance(error, OtherVersion):
        return 2
    return 3 if isinstance(error, TaskError) else 1
