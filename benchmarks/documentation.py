"""The documentation of Python 3.11 and PostgreSQL 15, as Debian installs it, on a throw-away web server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.nginx import nginx

SOURCES = {
    "python": Path("/usr/share/doc/python3.11/html"),  # python3.11-doc
    "postgresql": Path("/usr/share/doc/postgresql-doc-15/html"),  # postgresql-doc-15
}
TYPES = "include /etc/nginx/mime.types;"
# Both have a link or two that lead nowhere, which is "failed for good" in exit code 4.
LEAD_NOWHERE = 4
MANIFEST = """version: 1
hosts: {{"127.0.0.1": {{concurrency: {connections}, delay: 0}}}}
jobs:
  - name: docs
    type: crawl
    start: [{start}]
    scope: {{below: true}}
"""


@contextmanager
def documentation(root: Path, statuses: Path | None = None) -> Iterator[list[str]]:
    """Copies both below ``root`` and serves them: the URLs of their first folders.

    Raises FileNotFoundError where one is not installed. ``statuses`` is as for ``nginx``.
    """
    for name, source in SOURCES.items():
        if not source.is_dir():
            raise FileNotFoundError(f"{source} is not there; install python3.11-doc and postgresql-doc-15")
        shutil.copytree(source, root / name, symlinks=False)
    root.chmod(0o755)
    with nginx(root, statuses=statuses, locations=TYPES) as base:
        yield [f"{base}/{name}/" for name in SOURCES]


def manifest(work: Path, start: list[str], *, connections: int = 16, more: str = "") -> Path:
    """A manifest that crawls them; ``more`` are further lines of its job."""
    path = work / "docs.yaml"
    path.write_text(MANIFEST.format(start=", ".join(start), connections=connections) + more)
    return path


def crawler(manifest: Path, output: Path, *flags: str) -> list[str]:
    """The command that runs it."""
    command = [sys.executable, "-m", "crawler", "run", str(manifest), "-o", str(output)]
    return [*command, "--progress", "none", "-q", *flags]


def as_installed(work: Path) -> dict[str, str]:
    """An environment in which our modules are compiled once, as pip does for every installed package."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(work / "bytecode")}
