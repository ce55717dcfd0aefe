"""What tests share: a misbehaving server, and the installed command as a subprocess."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

from tests.server import Server, ThreadedServer
from tests.warm import Warm

# A deadline per example would measure the machine; a fixed seed in CI keeps a red build about the change.
settings.register_profile(
    "here", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class RunCrawler(Protocol):
    """Run ``python -m crawler`` to its end."""

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        stdin: str = "",
    ) -> Ran: ...


def crawler_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command under test: no config of the machine's user, no CRAWLER_* settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRAWLER_")}
    return {**kept, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **(extra or {})}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """The misbehaving server on the test's own loop."""
    async with Server() as running:
        yield running


@pytest.fixture
def threaded_server() -> Iterator[Server]:
    """The misbehaving server on a thread, for tests that block."""
    with ThreadedServer() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder for commands."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cold", action="store_true", help="let every command import all it needs itself")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, or one process would be at it when the others are done."""
    items.sort(key=lambda item: "torture" not in item.path.parts)


@pytest.fixture(scope="session")
def warm(request: pytest.FixtureRequest) -> Iterator[Warm | None]:
    """Starts commands without their imports, unless those are wanted."""
    if request.config.getoption("cold"):
        yield None
        return
    with Warm() as running:
        yield running


@pytest.fixture
def run_cold(tmp_path: Path, home: Path) -> RunCrawler:
    """Run the command in ``tmp_path`` (or ``cwd``) with an empty home, and give how it ended."""

    def run(
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        stdin: str = "",
    ) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "crawler", *map(str, args)],
            cwd=cwd or tmp_path,
            env=crawler_environment(home, env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def run_crawler(tmp_path: Path, home: Path, warm: Warm | None, run_cold: RunCrawler) -> RunCrawler:
    """The same in a fifth of the time: what most tests claim has nothing to do with imports."""
    if warm is None:
        return run_cold

    def run(
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        stdin: str = "",
    ) -> Ran:
        environment = crawler_environment(home, env)
        if stdin or not warm.suits(environment):
            return run_cold(*args, cwd=cwd, env=env, timeout=timeout, stdin=stdin)
        done = warm.run([*map(str, args)], cwd=cwd or tmp_path, env=environment, timeout=timeout)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
