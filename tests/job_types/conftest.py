from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.store.output import OutputRoot
from tests.job_types.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The real transport and an empty output root."""
    transport = AiohttpTransport(TransportSettings())
    root = tmp_path / "out"
    files = OutputRoot(root, durability="none", chunk_size=64 * 1024, journal=None)
    yield Bench(transport, files, root)
    await transport.close()
    files.close()
