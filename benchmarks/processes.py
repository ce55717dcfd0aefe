"""The same files with one process and with several, in turn: what `--processes` is worth on this machine.

    python benchmarks/processes.py [--rounds N] [--processes 2 3 …]

10 000 files of 10 KB with 64 workers, and 8 files of 256 MiB with 8, from nginx on the same cores. Every file
is compared with its source. Prints the time of one process against several; there is no limit to hold.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Cost, median, run
from benchmarks.nginx import nginx
from benchmarks.peers import CRAWLER, manifest, verify

SHAPES = {"small": (10_000, 10_000, 64), "large": (8, 256 << 20, 8)}  # files, bytes of each, workers


def make(folder: Path, count: int, size: int) -> list[Path]:
    folder.mkdir()
    block = os.urandom(min(size, 1 << 20))
    for number in range(count):
        with (folder / f"{number:05}.bin").open("wb") as file:
            file.write(number.to_bytes(8, "big"))
            for start in range(8, size, len(block)):
                file.write(block[: size - start])
    return sorted(folder.iterdir())


def compare(root: Path, work: Path, base: str, shape: str, counts: list[int], rounds: int) -> None:
    files, size, workers = SHAPES[shape]
    sources = make(root / shape, files, size)
    urls = work / "urls.txt"
    urls.write_text("".join(f"{base}/{shape}/{source.name}\n" for source in sources))
    jobs = manifest(work, f"    from: {urls}\n")
    costs: dict[int, list[Cost]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            command = [*CRAWLER, str(jobs), "-o", str(work / "out"), "--workers", str(workers)]
            costs[count].append(run([*command, "--processes", str(count)]))
            verify(root, sources, work / "out")
            shutil.rmtree(work / "out")
    shutil.rmtree(root / shape)
    alone = median(costs[1])
    print(f"{files} files of {size} bytes")
    for count in counts:
        cost = median(costs[count])
        times = f"{cost.wall:6.2f} s wall  {cost.cpu:6.2f} s CPU  {alone.wall / cost.wall:.2f} × as fast"
        print(f"  {count} processes: {times}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 3])
    arguments = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory) as sources, tempfile.TemporaryDirectory(dir=memory) as work:
        root = Path(sources)
        root.chmod(0o755)
        with nginx(root) as base:
            for shape in SHAPES:
                compare(root, Path(work), base, shape, [1, *arguments.processes], arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
