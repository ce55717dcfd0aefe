"""Whether a file whose last byte has come is the one that the manifest and the server promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.errors import IntegrityFailed
from crawler.job_types import reading
from crawler.job_types.digests import Checksum, sent_digests
from crawler.net.transport import Response
from crawler.store.files import PartFile

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask


async def verify(part: PartFile, task: DownloadTask, response: Response) -> None:
    """Hold the part file against ``min_bytes``, the manifest's checksum and the server's digests.

    Raises ``UnexpectedContent`` or ``IntegrityFailed``.
    """
    reading.refuse_short(part.offset, task.rules.min_bytes)
    if task.checksum is not None:
        await _compare(part, task.checksum, "the manifest's checksum")
    if not response.encoded:
        for digest in sent_digests(response.headers, whole=response.status == 200):
            await _compare(part, digest, "the digest that the server sent")


async def _compare(part: PartFile, wanted: Checksum, whose: str) -> None:
    found = await part.digest(wanted.algorithm)
    if found != wanted.hex:
        raise IntegrityFailed(
            f"the {part.offset} bytes received have {wanted.algorithm} {found}; {whose} is {wanted.hex}",
            sent=True,
            answered=True,
        )
