"""What tests share: a made-up site, its server and the command run against it, and a server with a door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.crawls import Crawls
from tests.cli.members import Members
from tests.conftest import RunCrawler
from tests.serving.arrivals import Arrivals
from tests.serving.lists import Lists
from tests.serving.site import Site


@pytest.fixture
def site() -> Site:
    """An empty site."""
    return Site()


@pytest.fixture
def web(site: Site) -> Iterator[Arrivals]:
    """The site, on every loopback address."""
    with Arrivals(site) as running:
        yield running


@pytest.fixture
def crawls(tmp_path: Path, run_crawler: RunCrawler, web: Arrivals) -> Crawls:
    """The command, run in an empty folder."""
    return Crawls(tmp_path, run_crawler, web)


@pytest.fixture
def lists() -> Lists:
    """A list of 25 items in pages of five."""
    return Lists()


@pytest.fixture
def shop(lists: Lists) -> Iterator[Arrivals]:
    """Serves the list."""
    with Arrivals(lists) as running:
        yield running


@pytest.fixture
def members() -> Members:
    """A script that lets in who has a token."""
    return Members()


@pytest.fixture
def door(members: Members) -> Iterator[Arrivals]:
    """That script, on every loopback address."""
    with Arrivals(members) as running:
        yield running
