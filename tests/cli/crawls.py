"""A crawl of a made-up site by the real command, and what it left."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.running import QUICK, events, manifest, started
from tests.conftest import Ran, RunCrawler
from tests.serving.arrivals import Arrival, Arrivals

EAGER = '"*": {delay: 0}'


@dataclass
class Crawled:
    """One finished run."""

    ran: Ran
    report: dict[str, Any]
    events: list[dict[str, Any]]
    asked: list[Arrival]  # in order of arrival

    @property
    def paths(self) -> list[str]:
        """What was asked for, robots.txt aside."""
        return [each.path for each in self.asked if each.path != "/robots.txt"]

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcomes by path and query."""
        return {"/" + each["url"].split("/", 3)[3]: each["outcome"] for each in self.events}

    @property
    def notes(self) -> str:
        """What the job's end tells."""
        return "\n".join(self.report["jobs"][0].get("notes", ()))

    @property
    def counts(self) -> Counter[str]:
        return Counter(each["outcome"] for each in self.events)

    def error(self, path: str) -> dict[str, Any]:
        """Why a URL failed."""
        (found,) = [each for each in self.events if each["url"].endswith(path) and each.get("error")]
        error: dict[str, Any] = found["error"]
        return error


def crawl_manifest(
    folder: Path, server: Arrivals, keys: str = "", *, start: str = "/", hosts: str = EAGER, head: str = ""
) -> Path:
    """One crawl job named ``site``; ``keys`` are more of its keys, in flow or block form."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    job = f"  - name: site\n    type: crawl\n    start: {server.url(start)}\n{lines}"
    return manifest(folder, job, head=f"{head}\nhosts: {{{hosts}}}\ndefaults: {{{QUICK}}}")


class Crawls:
    """Runs the command in one folder."""

    def __init__(self, folder: Path, run: RunCrawler, server: Arrivals) -> None:
        self.folder = folder
        self.output = folder / "data"
        self.reports = ("--report", folder / "report.json", "--events", folder / "events.jsonl")
        self._run = run
        self._server = server

    def run(
        self, path: Path, *flags: str | Path, timeout: float = 60.0, env: Mapping[str, str] | None = None
    ) -> Crawled:
        """Run it; only what this run asked for is in ``asked``."""
        self._server.log.clear()
        (self.folder / "events.jsonl").unlink(missing_ok=True)
        ran = self._run("run", path, *self.reports, *flags, timeout=timeout, env=env)
        return self.ended(ran)

    def measured(self, path: Path) -> tuple[Crawled, int]:
        """Run it, and its largest resident set in bytes.

        As the kernel's own account of a child begins with what its parent had, this is looked up again and
        again until the end.
        """
        self._server.log.clear()
        peak = 0
        with started("run", path, *self.reports, cwd=self.folder) as process:
            while process.poll() is None:
                status = Path(f"/proc/{process.pid}/status").read_text()
                if found := status.partition("VmHWM:")[2]:  # a process that has just ended has none
                    peak = int(found.split()[0]) * 1024
                time.sleep(0.005)
            assert process.stderr is not None
            said = process.stderr.read()
        return self.ended(Ran(process.returncode, "", said)), peak

    def ended(self, ran: Ran) -> Crawled:
        """What a run left."""
        report = json.loads((self.folder / "report.json").read_text())
        asked = sorted(self._server.log, key=lambda each: each.arrived)
        return Crawled(ran, report, events(self.folder / "events.jsonl"), asked)
