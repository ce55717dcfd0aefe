"""Manifests in a folder, and the command under test left running so that it can be hurt."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import crawler_environment

QUICK = "retry: {attempts: 2, backoff: 10ms, max_backoff: 20ms}"


def manifest(folder: Path, jobs: str, *, head: str = "", name: str = "test.yaml") -> Path:
    """``jobs`` is the list under ``jobs:``; retries are quick unless the head says otherwise."""
    path = folder / name
    defaults = head if "defaults" in head else f"{head}\ndefaults:\n  {QUICK}"
    path.write_text(f"version: 1\n{defaults}\njobs:\n{jobs}\n")
    return path


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def parts(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*.part")]


def finals(folder: Path) -> dict[str, bytes]:
    """Every file that stands under a final name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".part" and ".crawler" not in path.parts
    }


@contextmanager
def started(
    *args: str | Path,
    cwd: Path,
    wrapper: tuple[str, ...] = (),
    home: Path | None = None,
    stderr: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """The command under way, killed at the end if it still is."""
    home = home or cwd / "home"
    home.mkdir(exist_ok=True)
    with subprocess.Popen(
        [*wrapper, sys.executable, "-m", "crawler", *map(str, args)],
        cwd=cwd,
        env=crawler_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Raises TimeoutError if the condition never holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what the test waits for did not happen")
        time.sleep(0.02)


def helpers(pid: int) -> list[int]:
    """The processes that a run has started to make attempts; none if the run has ended."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            int(each) for each in found if b"processes.child" in Path(f"/proc/{each}/cmdline").read_bytes()
        ]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
