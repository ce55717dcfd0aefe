"""The first pages of a site that has a million: memory, and whether the last come as quickly as the first.

    python benchmarks/million_pages.py [--pages N] [--output DIR]

Crawls N pages (200 000) of a generated site, so that five or more times as many are found, keeping each as a
file. Prints resident memory and pages/s for each tenth; exits with 1 if memory passes 200 MB, or if the
rates of the first and the last tenth differ by more than a fifth.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.nginx import free_port, wait_for

SITE_PAGES = 1_000_000
PARTS = 10
PEAK_LIMIT_MB, RATE_LIMIT = 200.0, 0.2
# The budget ends the run with pages left, which is exit code 7.
ENDED_BY_BUDGET = 7
MANIFEST = """version: 1
hosts: {{"127.0.0.1": {{concurrency: 32, delay: 0}}}}
budget: {{max_requests: {pages}}}
jobs:
  - name: pages
    type: crawl
    start: "{base}/0/0"
    robots: false
"""


@contextmanager
def site(times: Path, every: int) -> Iterator[str]:
    """Base URL of the generated site."""
    port = free_port()
    program = Path(__file__).with_name("endless_site.py")
    server = subprocess.Popen([sys.executable, str(program), str(port), str(SITE_PAGES), times, str(every)])
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@dataclass
class Crawl:
    """What one run came to: monotonic times of its tenths, and resident MB at each."""

    began: float = 0.0
    times: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    def rates(self, every: int) -> list[float]:
        """Pages/s of each tenth."""
        edges = [self.began, *self.times]
        return [every / (end - start) for start, end in pairwise(edges)]


def crawl(work: Path, pages: int) -> Crawl:
    """Crawl so many pages and watch it."""
    every, times = pages // PARTS, work / "times"
    ran = Crawl()
    with site(times, every) as base:
        manifest = work / "pages.yaml"
        manifest.write_text(MANIFEST.format(base=base, pages=pages))
        command = [sys.executable, "-m", "crawler", "run", str(manifest), "-o", str(work / "out")]
        flags = ["--progress", "none", "-q", "--workers", "32"]
        ran.began = time.monotonic()
        with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True) as process:
            status = Path("/proc", str(process.pid), "status")
            over = threading.Event()
            watcher = threading.Thread(target=_watch, args=(ran, status, times, over.is_set))
            watcher.start()
            _, said = process.communicate()
            over.set()
            watcher.join()
    if process.returncode != ENDED_BY_BUDGET:
        raise RuntimeError(f"crawler ended with {process.returncode}: {said[-2000:]}")
    ran.times = [float(line) for line in times.read_text().split()]
    return ran


def _watch(ran: Crawl, status: Path, times: Path, over: Callable[[], bool]) -> None:
    while not over():
        try:
            said = dict(line.split(":", 1) for line in status.read_text().splitlines())
            resident, peak = (int(said[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
        except (OSError, KeyError):
            return  # it has just ended
        ran.peak_mb = max(ran.peak_mb, peak)
        if times.exists():
            while len(ran.memory) < times.read_text().count("\n"):
                ran.memory.append(resident)
        time.sleep(0.05)


def judge(ran: Crawl, pages: int) -> bool:
    every = pages // PARTS
    rates = ran.rates(every)
    print("  pages   resident   pages/s")
    memories = [*ran.memory, ran.peak_mb][: len(rates)]  # it ends with its last page, maybe before we look
    for number, (memory, rate) in enumerate(zip(memories, rates, strict=False), 1):
        print(f"{number * every:7} {memory:7.1f} MB {rate:9.0f}")
    apart = abs(rates[-1] / rates[0] - 1)
    print(f"peak {ran.peak_mb:.1f} MB (limit {PEAK_LIMIT_MB:.0f})")
    print(f"the last tenth came at {rates[-1] / rates[0]:.2f} × the rate of the first (0.8 to 1.2 wanted)")
    return ran.peak_mb <= PEAK_LIMIT_MB and apart <= RATE_LIMIT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pages", type=int, default=200_000)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.output) as work:
        well = judge(crawl(Path(work), arguments.pages), arguments.pages)
    print("within the limits" if well else "OVER A LIMIT")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
