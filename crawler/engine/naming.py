"""Which files and folders of the output a crawl's URLs have: a file here is never a folder there."""

from __future__ import annotations

import posixpath

from crawler.policy.names import apart, fold
from crawler.store.ledger import Ledger

_REMEMBERED = 10_000  # folders whose names are known; the files of a site lie in few
# Folders belong to every job of a run alike.
_NO_JOB, _FOLDER = "", "/"


class Names:
    """The names that one job's files have from earlier runs, and the folders that they lie in now."""

    def __init__(self, job: str, ledger: Ledger) -> None:
        self._job = job
        self._ledger = ledger
        self._earlier = ledger.sites.remembers(job)
        self._folders: dict[str, str] = {"": ""}

    def belongs(self, target: str, fingerprint: int) -> bool:
        """Whether an earlier run gave this name, or a twin of it, to another URL than the fingerprint's."""
        return self._earlier and self._ledger.sites.named(self._job, fold(target), fingerprint)

    def below(self, target: str) -> str:
        """The target, in folders with other names where files have theirs."""
        folder, _, name = target.rpartition("/")
        return posixpath.join(self._folder(folder), name)

    def _folder(self, folder: str) -> str:
        found = self._folders.get(folder)
        if found is None:
            above, _, name = folder.rpartition("/")
            found = posixpath.join(self._folder(above), name)
            if not self._take(found):
                found = apart(found, f"{found}/")
                self._take(found)
            if len(self._folders) >= _REMEMBERED:
                self._folders = {"": ""}
            self._folders[folder] = found
        return found

    def _take(self, folder: str) -> bool:
        if self.belongs(folder, 0):
            return False
        return self._ledger.claim_target(fold(folder), _NO_JOB, _FOLDER, folder) is None
