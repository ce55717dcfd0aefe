"""Where a crawled page's file goes, and what becomes of it once every byte is there."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import structs

from crawler.crawled import Page
from crawler.job_types.crawling.media import Media
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.saving import is_ours, news, refuse_foreign
from crawler.job_types.tools import Site
from crawler.model import Known, Outcome, Result, Saved
from crawler.net.transport import Response
from crawler.policy.layout import with_extension
from crawler.policy.names import safe_target
from crawler.policy.retry_after import http_date
from crawler.store.files import Files, Origin, PartFile


@dataclass(slots=True)
class PageFile:
    """The part file of one page, under the name that it will have."""

    target: str
    part: PartFile
    task: CrawlTask  # with that target

    @classmethod
    async def open(cls, task: CrawlTask, media: Media, site: Site, files: Files) -> PageFile:
        """Choose a name that no other URL has and begin its file.

        The name that an earlier run chose stays, unless the document has become another kind. Raises
        ``TargetExists`` where a file stands that no earlier run made, ``UnsafePath`` or ``StorageFailed``.
        """
        known, found = task.known, task.found
        before = known.target if known is not None else None
        owner = Page(fingerprint=found.fingerprint, key=task.key, url=found.url, target=before)
        target = site.claim(layout(task, media), owner)
        placed = structs.replace(task, target=target)
        refuse_foreign(files, placed, overwrite=task.rules.overwrite)
        return cls(target, await files.open(target, job=task.job, key=task.key), placed)

    def standing(self, same: bool, files: Files) -> Saved | None:
        """The file that stands there, if it was made of the ``same`` body and is intact."""
        known = self.task.known
        return _intact(known, self.target, files) if same and known is not None else None

    async def finish(self, same: bool, standing: Saved | None, response: Response) -> Result:
        """Give the file its name, or leave the one that is ``standing``. The part file is given up."""
        task, known = self.task, self.task.known
        origin = Origin(task.url, response.headers.get("ETag"), response.headers.get("Last-Modified"))
        size = self.part.offset
        saved = standing
        if saved is not None:
            await self.part.discard()
            outcome = Outcome.UNCHANGED
        else:
            ours = is_ours(known, self.target)
            modified = response.headers.get("Last-Modified")
            saved = await self.part.finish(
                replace=task.rules.overwrite or ours,
                mtime=http_date(modified) if modified else None,
                origin=origin,
            )
            told = known is not None and known.sha256 is not None and (ours or not same)
            outcome = news(known, same) if told and known is not None else Outcome.NEW
        return Result(
            outcome=outcome,
            status=response.status,
            bytes=size,
            saved=saved,
            etag=origin.etag,
            last_modified=origin.last_modified,
            note=None if response.verified_length else "unverified_length",
        )


def layout(task: CrawlTask, media: Media) -> str:
    """Where the file of a document of this kind belongs, if nobody else is there."""
    assert task.layout is not None
    if task.rules.convert_links:
        return safe_target(with_extension(task.layout, media.type))
    return task.layout


def _intact(known: Known, target: str, files: Files) -> Saved | None:
    """The file that we have, if it is where it belongs and as it was recorded."""
    if known.target != target or known.size is None or known.mtime_ns is None or known.sha256 is None:
        return None
    if not files.is_intact(known):
        return None
    return Saved(target=target, size=known.size, sha256=known.sha256, mtime_ns=known.mtime_ns, replaced=False)
