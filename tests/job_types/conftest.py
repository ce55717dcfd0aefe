from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crawler.engine.growth import JobSite
from crawler.job_types.crawling.rules import WarcRules
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.warc.archive import Archive
from tests.job_types.bench import Bench


def _site(ledger: Ledger, files: OutputRoot) -> JobSite:
    """What a job named ``j`` remembers; nobody reads on as it grows, and it has no secrets and no archive."""

    async def no_archive(rules: WarcRules) -> Archive:
        raise AssertionError(f"no job of these tests writes {rules.name}")

    return JobSite(
        "j", ledger, files, lambda text: False, lambda text: text, lambda: None, open_archive=no_archive
    )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The real transport and an empty output root."""
    transport = AiohttpTransport(TransportSettings())
    root = tmp_path / "out"
    files = OutputRoot(root, durability="none", chunk_size=64 * 1024, journal=None)
    ledger = Ledger.open(tmp_path / "state", "bench", durability="none")
    ledger.begin("r1", 0.0, manifest="bench.yaml")
    yield Bench(transport, files, root, site=_site(ledger, files))
    await transport.close()
    await ledger.close()
    files.close()
