"""A list that is being gathered from its pages: the file that grows, and how far a killed run may go on."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from crawler.crawled import MOST_PAGES
from crawler.job_types.paging import Paging, Place, beginning, shown
from crawler.job_types.reading import CHECKPOINT_BYTES, CHECKPOINT_SECONDS
from crawler.job_types.resume import nothing, version_url
from crawler.job_types.saving import finish
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint, Known, Outcome, Result
from crawler.request import FileBody, FormFileBody, MultipartBody, Request
from crawler.store.files import PartFile

if TYPE_CHECKING:
    from crawler.job_types.request import RequestTask


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was answered."""

    status: int
    url: str
    link: str | None  # where its Link header leads
    body: bytes
    content_type: str | None
    verified: bool

    @property
    def received(self) -> int:
        """Bytes of its body."""
        return len(self.body)


class Reached(Struct, frozen=True):
    """What a checkpoint says beside an offset: the next page, and of which list."""

    list: str
    place: Place


class Gathering:
    """Goes from attempt to attempt within a run, and by its checkpoints from run to run.

    A checkpoint's ``etag`` carries ``Reached``: a list has no version but how far it was read.
    """

    def __init__(self, task: RequestTask, paging: Paging, tools: Tools) -> None:
        self.place = beginning(paging, task.request)
        self.continued = False  # whether an earlier run has read the pages before, and this one none yet
        self._task = structs.replace(task, turned=None)  # where the list is from, not its last page
        self._paging = paging
        self._commit = tools.checkpoint
        self._redact = tools.redact
        self._identity = _identity(task.request, paging)
        self._part: PartFile | None = None
        self._offset = 0  # of the part file, where the place's page begins
        self._committed: Place | None = None
        self._committed_offset = 0
        self._committed_at = _now()
        self._bytes = 0
        self._unverified = False
        self._doomed = False
        self._resting = False

    @classmethod
    async def open(cls, task: RequestTask, paging: Paging, tools: Tools) -> Gathering:
        """Where an earlier run of this round has left the same list, or at its beginning."""
        made = cls(task, paging, tools)
        known = task.known
        checkpoint = known.checkpoint if known is not None else None
        place = None if known is None else made._left_at(known)
        at = checkpoint.offset if checkpoint is not None and place is not None else None
        if task.target is not None:
            made._part = await tools.files.open(task.target, job=task.job, key=task.key, resume_at=at)
            if at is not None and made._part.offset != at:
                place = None
        if place is not None:
            made._go_on_from(place)
        elif checkpoint is not None:
            await made._forget()
        return made

    def _left_at(self, known: Known) -> Place | None:
        """Where the round under way has left it; what an earlier round has gathered is of another day."""
        checkpoint = known.checkpoint
        if checkpoint is None or not known.begun or known.part != self._task.target:
            return None
        try:
            reached = msgspec.json.decode(checkpoint.etag or "", type=Reached)
        except ValueError:
            return None
        return reached.place if reached.list == self._identity else None

    def _go_on_from(self, place: Place) -> None:
        self.place = self._committed = place
        self.continued = True
        self._offset = self._committed_offset = 0 if self._part is None else self._part.offset

    async def begin_again(self) -> None:
        """At the first page: what an earlier run has left is of no use."""
        if self._part is not None:
            await self._part.restart()
        self._offset = 0
        self.continued = False
        self.place = beginning(self._paging, self._task.request)
        await self._forget()

    async def _forget(self) -> None:
        """Nothing may be gone on with, whatever the ledger says."""
        self._committed, self._committed_offset = None, 0
        await self._commit(nothing(self._task.url))

    async def take(self, page: Page, lines: bytes) -> None:
        """What a page held."""
        self.continued = False
        self._bytes += page.received
        self._unverified = self._unverified or not page.verified
        if self._part is not None and lines:
            await self._part.write(lines)

    async def turn_to(self, place: Place) -> None:
        """The page before is taken in whole. Now and then it is made durable.

        A page that must not be asked for twice is, each time.
        """
        self.place = place
        self._offset = 0 if self._part is None else self._part.offset
        enough = self._offset - self._committed_offset >= CHECKPOINT_BYTES
        long_ago = _now() - self._committed_at >= CHECKPOINT_SECONDS
        if enough or long_ago or not self._task.request.idempotent:
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        """Commit where the next page begins, unless that holds a secret: the last one stands then."""
        place = self.place
        text = shown(self._paging, place)
        if place == self._committed or (text is not None and self._redact(text) != text):
            return
        if self._part is not None:
            await self._part.checkpoint()
        self._committed, self._committed_offset, self._committed_at = place, self._offset, _now()
        await self._commit(
            Checkpoint(
                offset=self._offset,
                etag=msgspec.json.encode(Reached(self._identity, place)).decode(),
                last_modified=None,
                url=version_url(self._task.url),
                total=None,
            )
        )

    async def finish(self, page: Page, items: int, tools: Tools, *, cut: bool) -> Result:
        """The list under its final name, ``page`` being its last; ``cut`` if it goes on behind that."""
        notes = [f"pages: {self.place.number}"]
        if self._paging.items is not None:
            notes.append(f"items: {self.place.items + items}")
        notes += [MOST_PAGES] if cut else []
        notes += ["unverified_length"] if self._unverified else []
        result = Result(outcome=Outcome.NEW, bytes=self._bytes)
        part, self._part = self._part, None  # ``finish`` gives it up, whatever happens
        tools.carry(None)
        if part is not None:
            result = await finish(part, self._task, tools.files, received=self._bytes)
        return structs.replace(result, status=page.status, note="; ".join(notes))

    async def fail(self) -> None:
        """The list cannot be gone on with."""
        if self._committed is not None:
            await self._forget()
        self._doomed = True

    def doom(self) -> None:
        """See ``Carried.doom``."""
        self._doomed = True

    async def rest(self) -> None:
        """See ``Carried.rest``."""
        part = self._part
        if part is None or self._doomed:
            return
        await part.checkpoint()
        self._part, self._resting = None, True
        await part.keep()

    async def wake(self, tools: Tools) -> bool:
        """Open again what ``rest`` has closed; ``False`` if it was taken away, and the list begins again."""
        if not self._resting:
            return True
        task, self._resting = self._task, False
        assert task.target is not None
        at = self._offset or None
        self._part = await tools.files.open(task.target, job=task.job, key=task.key, resume_at=at)
        if self._part.offset == self._offset:
            return True
        await self.begin_again()
        return False

    async def leave(self) -> None:
        """See ``Carried.leave``."""
        part = self._part
        torn = part is not None and part.offset != self._offset
        begun = self.place.number > 1 and not self._doomed
        try:
            if begun and not torn:
                await self._checkpoint()
        finally:
            self._part = None
            if part is not None:
                await (part.keep() if begun else part.discard())


def _identity(request: Request, paging: Paging) -> str:
    """What the list is told by: URL, parameters and body of its request, and how it is read."""
    body = () if request.body is None else (type(request.body).__name__, astuple(request.body))
    files = [_version(path) for path in _paths(request)]
    told = repr((request.method, request.url, request.params, body, files, astuple(paging)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _version(path: str) -> tuple[int, ...]:
    try:
        status = Path(path).stat()
    except OSError:
        return ()  # whoever sends it will say so
    return status.st_size, status.st_mtime_ns


def _paths(request: Request) -> list[str]:
    match request.body:
        case FileBody(path=path) | FormFileBody(path=path):
            return [path]
        case MultipartBody(parts=parts):
            return [part.path for part in parts if part.path is not None]
        case _:
            return []


def _now() -> float:
    return asyncio.get_running_loop().time()
