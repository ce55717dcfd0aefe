"""The same files with crawler, aria2c and curl, side by side, from nginx over loopback.

    python benchmarks/peers.py [--output DIR] [--rounds N] [--settle SECONDS]

Small: 10 000 files of 10 KB with 64 workers against `aria2c -j 64`. Large: one file of 2 GiB against
`curl`. Every file is compared with its source by sha256. Prints ratios, and exits with 1 if one is
over its limit. What is measured is the program, so the output goes to memory unless --output says
otherwise: on a disk, crawler waits for the disk (`durability: full`) and the peers do not. A virtual machine
may give freed memory back to its host some seconds later (Linux: free page reporting), and whatever runs just
then pays for it; with --settle each run begins after such a pause, and both pay for every page.
"""

from __future__ import annotations

import argparse
import hashlib
import mmap
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Cost, median, run
from benchmarks.nginx import nginx

SMALL_FILES, SMALL_SIZE = 10_000, 10_000
LARGE_SIZE = 2 << 30
SMALL_LIMIT, LARGE_LIMIT, MEMORY_LIMIT_MB = 2.5, 1.5, 120.0

CRAWLER = [sys.executable, "-m", "crawler", "run", "--progress", "none", "-q"]


def make_sources(root: Path) -> None:
    small = root / "small"
    small.mkdir()
    for number in range(SMALL_FILES):
        (small / f"{number:05}.bin").write_bytes(os.urandom(SMALL_SIZE))
    block = os.urandom(1 << 20)
    with (root / "large.bin").open("wb") as large:
        for number in range(LARGE_SIZE >> 20):
            large.write(number.to_bytes(8, "big") + block[8:])


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashing(path: Path) -> float:
    """Seconds that sha256 of the file takes by itself, as it lies in memory: the best of three."""
    times = []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for _ in range(3):
            began = time.perf_counter()
            hashlib.sha256(content)
            times.append(time.perf_counter() - began)
    return min(times)


def verify(root: Path, sources: Iterable[Path], output: Path) -> None:
    for source in sources:
        copy = output / source.name
        if not copy.exists() or sha256(copy) != sha256(source):
            raise RuntimeError(f"{copy} differs from {source.relative_to(root)}")


def manifest(work: Path, body: str) -> Path:
    path = work / "bench.yaml"
    hosts = 'hosts: {"127.0.0.1": {concurrency: 64}}'  # aria2c -j 64 opens as many to the one host
    path.write_text(
        f"version: 1\n{hosts}\njobs:\n  - name: files\n    type: download\n{body}    to: ${{name}}\n"
    )
    return path


class Bench:
    """One corpus, one server, any number of tools."""

    def __init__(self, root: Path, work: Path, base: str, rounds: int, settle: float) -> None:
        self.root, self.work, self.base = root, work, base
        self.rounds, self.settle = rounds, settle

    def small(self) -> dict[str, Cost]:
        urls = self.work / "urls.txt"
        sources = sorted((self.root / "small").iterdir())
        urls.write_text("".join(f"{self.base}/small/{source.name}\n" for source in sources))
        jobs = manifest(self.work, f"    from: {urls}\n")
        return self._compare(
            sources,
            {
                "crawler": lambda out: run([*CRAWLER, jobs, "-o", out, "--workers", "64"]),
                "aria2c": lambda out: run(["aria2c", "-j", "64", "-i", urls, "-d", out]),
            },
        )

    def large(self) -> dict[str, Cost]:
        url = f"{self.base}/large.bin"
        jobs = manifest(self.work, f"    urls: [{url}]\n")
        return self._compare(
            [self.root / "large.bin"],
            {
                "crawler": lambda out: run([*CRAWLER, jobs, "-o", out, "--workers", "64"]),
                "curl": lambda out: run(["curl", "-sS", "-f", "--create-dirs", "-o", out / "large.bin", url]),
            },
        )

    def _compare(self, sources: list[Path], tools: dict[str, Callable[[Path], Cost]]) -> dict[str, Cost]:
        costs: dict[str, list[Cost]] = {name: [] for name in tools}
        for _ in range(self.rounds):
            for name, tool in tools.items():  # in turn, so that a busy minute hits both
                time.sleep(self.settle)
                output = self.work / "out"
                output.mkdir()
                costs[name].append(tool(output))
                verify(self.root, sources, output)
                shutil.rmtree(output)
        return {name: median(found) for name, found in costs.items()}


def show(title: str, costs: dict[str, Cost], limit: float) -> bool:
    (ours, us), (theirs, them) = costs.items()
    ratio = us.wall / them.wall
    print(f"{title}")
    for name, cost in costs.items():
        print(f"  {name:8} {cost.wall:7.2f} s wall  {cost.cpu:7.2f} s CPU  {cost.peak_mb:7.1f} MB peak")
    print(f"  {ours}/{theirs}: {ratio:.2f} (limit {limit}); memory limit {MEMORY_LIMIT_MB:.0f} MB")
    return ratio <= limit and us.peak_mb <= MEMORY_LIMIT_MB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settle", type=float, default=0.0, help="seconds of rest before each run")
    arguments = parser.parse_args()
    for tool in ("aria2c", "curl"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed", file=sys.stderr)
            return 2
    with (
        tempfile.TemporaryDirectory(dir=arguments.output) as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        root = Path(sources)
        root.chmod(0o755)
        make_sources(root)
        with nginx(root) as base:
            bench = Bench(root, Path(work), base, arguments.rounds, arguments.settle)
            well = show("10 000 files of 10 KB, 64 workers", bench.small(), SMALL_LIMIT)
            large = bench.large()
            well &= show("one file of 2 GiB", large, LARGE_LIMIT)
            alone = hashing(root / "large.bin")
            share = alone / large["curl"].wall
            print(f"  sha256 of it alone, which every event has: {alone:.2f} s, {share:.2f} × curl")
    print("within the limits" if well else "OVER A LIMIT")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
