"""The same manifest a second time: every file asked for, no body received, and how much faster that is.

    python benchmarks/refetch.py [--files N] [--output DIR]

Runs a manifest of 10 000 files of 10 KB twice against nginx over loopback with 64 workers, then deletes three
files, changes two and has the server change five, and runs it a third time. Prints what nginx saw and what
the reports say; exits with 1 unless the second run received nothing, took at most half as long as the first,
and the third fetched exactly those ten. The output goes to memory unless --output says otherwise: a disk
makes the first run slower and so the comparison easier.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Cost, run
from benchmarks.nginx import nginx

SIZE = 10_000  # bytes a file
SPEEDUP = 2.0  # how much faster than the first the second run must be


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what it cost, what its report counts, and what the server answered, by status."""

    cost: Cost
    totals: dict[str, int]
    statuses: Counter[int]

    def show(self, title: str) -> None:
        outcomes = ", ".join(
            f"{self.totals[name]} {name}"
            for name in ("new", "changed", "unchanged", "failed")
            if self.totals[name]
        )
        answers = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        cost = self.cost
        print(
            f"{title:8} {cost.wall:6.2f} s wall {cost.cpu:6.2f} s CPU {cost.peak_mb:6.1f} MB peak;"
            f" {self.totals['requests']} requests ({answers}), {self.totals['bytes']} body bytes; {outcomes}"
        )


class Bench:
    """One corpus on one server, fetched again and again into one folder."""

    def __init__(self, root: Path, work: Path, base: str, files: int, log: Path) -> None:
        self.root, self.out = root, work / "out"
        self._work, self._log = work, log
        for number in range(files):
            (root / f"{number:05}.bin").write_bytes(os.urandom(SIZE))
        (work / "urls.txt").write_text("".join(f"{base}/{number:05}.bin\n" for number in range(files)))
        (work / "refetch.yaml").write_text(
            "version: 1\njobs:\n  - {name: files, type: download, from: urls.txt, to: '${name}'}\n"
        )

    def run(self) -> Ran:
        seen = self._log.stat().st_size
        report = self._work / "report.json"
        flags = ("--workers", "64", "--progress", "none", "-q")
        command = (sys.executable, "-m", "crawler", "run", self._work / "refetch.yaml", *flags)
        cost = run((*command, "-o", self.out, "--report", report))
        with self._log.open() as log:
            log.seek(seen)
            statuses = Counter(int(line) for line in log)
        return Ran(cost, json.loads(report.read_text())["totals"], statuses)

    def disturb(self) -> int:
        """Delete three files, change two here and five at the server; how many that makes."""
        names = sorted(path.name for path in self.root.iterdir())
        for name in names[:3]:
            (self.out / name).unlink()
        for name in names[3:5]:
            (self.out / name).write_bytes(b"changed here")
        for name in names[5:10]:
            (self.root / name).write_bytes(os.urandom(SIZE + 1))
        return 10


def judge(files: int, first: Ran, second: Ran, third: Ran, disturbed: int) -> bool:
    ratio = first.cost.wall / second.cost.wall
    print(f"the second run is {ratio:.2f} × as fast as the first (at least {SPEEDUP} wanted)")
    return (
        first.totals["new"] == files
        and second.totals["unchanged"] == second.totals["requests"] == second.statuses[304] == files
        and second.totals["bytes"] == 0
        and third.totals["new"] + third.totals["changed"] == third.statuses[200] == disturbed
        and third.statuses[304] == files - disturbed
        and ratio >= SPEEDUP
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=arguments.output) as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        root = Path(sources)
        root.chmod(0o755)
        log = Path(work) / "statuses"
        with nginx(root, statuses=log) as base:
            bench = Bench(root, Path(work), base, arguments.files, log)
            first, second = bench.run(), bench.run()
            disturbed = bench.disturb()
            third = bench.run()
    for title, ran in (("first", first), ("second", second), ("third", third)):
        ran.show(title)
    well = judge(arguments.files, first, second, third, disturbed)
    print("as promised" if well else "NOT AS PROMISED")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
