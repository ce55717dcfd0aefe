"""Whether the file that we have is still wanted, and may be asked about instead of asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.job_types import match
from crawler.job_types.saving import is_ours
from crawler.model import Known
from crawler.net.transport import Response
from crawler.request import Pairs
from crawler.store.files import Files

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask


def still_fits(task: DownloadTask, known: Known) -> bool:
    """Whether the file is one that the manifest would take by now, as far as the ledger can tell."""
    wanted, rules, size = task.checksum, task.rules, known.size
    if wanted is not None and wanted.algorithm == "sha256" and wanted.hex != known.sha256:
        return False
    if size is None:
        return True
    return (rules.min_bytes or 0) <= size and (rules.max_bytes is None or size <= rules.max_bytes)


def confirms(task: DownloadTask, response: Response) -> bool:
    """Whether a 304 says nothing of the file that the manifest would not take: it may name its type."""
    types, named = task.rules.expect.content_types, response.headers.get("Content-Type")
    return not types or named is None or match.media_type_fits(named, types)


def conditions(task: DownloadTask, files: Files) -> Pairs:
    """What makes the server answer 304 if the file that we still have is the current one.

    Nothing where a 304 could not be believed: the validators are another URL's, the file was touched, or
    the manifest wants other content by now.
    """
    known = task.known
    if task.rules.refresh != "conditional" or known is None or not is_ours(known, task.target):
        return ()
    if known.url != task.asked.url or not still_fits(task, known) or not files.is_intact(known):
        return ()
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
    return tuple((name, value) for name, value in pairs if value)
