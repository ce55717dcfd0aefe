"""Whether the file that we have may be asked about instead of asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler.job_types.saving import is_ours
from crawler.request import Pairs
from crawler.store.files import Files

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask


def conditions(task: DownloadTask, files: Files) -> Pairs:
    """What makes the server answer 304 if the file that we still have is the current one.

    Nothing where a 304 could not be believed: the validators are another URL's, the file was touched, or
    the manifest wants other content by now.
    """
    known, wanted = task.known, task.checksum
    if task.rules.refresh != "conditional" or known is None or not is_ours(known, task.target):
        return ()
    other_wanted = wanted is not None and wanted.algorithm == "sha256" and wanted.hex != known.sha256
    if known.url != task.asked.url or other_wanted or not files.is_intact(known):
        return ()
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
    return tuple((name, value) for name, value in pairs if value)
