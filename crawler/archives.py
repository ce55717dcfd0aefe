"""The WARC archives that the crawls of one run write."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from crawler import __version__
from crawler.config import Config
from crawler.events import Event, Warned
from crawler.policy.redact import Redactor

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import WarcRules
    from crawler.store.warc.archive import Archive


class Archives:
    """Opens archives that say which manifest and run they are of, and that show no secret."""

    def __init__(
        self,
        config: Config,
        manifest: str,
        run_id: str,
        redactor: Redactor,
        emit: Callable[[Event], None],
    ) -> None:
        self._config = config
        self._manifest = manifest
        self._run_id = run_id
        self._redactor = redactor
        self._emit = emit

    async def open(self, rules: WarcRules) -> Archive:
        """The WARC files of one job, below the output root; tells of those that an earlier run left open.

        Raises ``UnsafePath``, ``StorageFailed``.
        """
        from crawler.store.warc.archive import Archive  # few crawls write one
        from crawler.store.warc.exchange import Provenance

        config = self._config
        archive = await Archive.open(
            config.output_root,
            rules.folder,
            rules.name,
            about=Provenance(
                software=f"crawler/{__version__}",
                manifest=self._manifest,
                run_id=self._run_id,
                robots="obey" if rules.robots else "ignore",
                operator=rules.operator,
            ),
            durability=config.durability,
            max_bytes=rules.max_bytes,
            min_free_disk=config.min_free_disk,
            redact=self._archived_header,
        )
        for each in archive.recovered:
            message = f"{each.name}: an earlier run left it open; it was closed with what is whole of it"
            self._emit(Warned(time=time.time(), message=message))
        return archive

    def _archived_header(self, name: bytes, value: bytes) -> bytes:
        """A request header as an archive may show it."""
        from crawler.store.warc.exchange import hide_credentials

        text = hide_credentials(name, value).decode("latin-1")
        return self._redactor.text(text).encode("latin-1", "replace")
