"""Every test of this room runs on asyncio's own loop and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.net.client import Client
from tests.server import Server


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A transport with default settings but a short rate window."""
    async with Client() as running:
        yield running


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second origin on the same host: another port."""
    async with Server() as running:
        yield running


@pytest.fixture
async def stranger() -> AsyncIterator[Server]:
    """A second host: another loopback address."""
    async with Server("127.0.0.2") as running:
        yield running
