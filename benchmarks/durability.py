"""What `durability: full` costs against `none`: 10 000 small files from nginx onto a real disk.

    python benchmarks/durability.py --output DIR [--files N] [--rounds N]

DIR must be on the disk to be measured; on tmpfs nothing is ever synced and the ratio means nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Cost, median, run
from benchmarks.nginx import nginx

SIZE = 10_000
FACTOR_LIMIT = 10.0  # "a factor and not an order of magnitude"


def fetch(durability: str, number: int, base: str, work: Path, files: int) -> Cost:
    """One run into a fresh folder: file systems slow down where many files were just deleted."""
    output = work / f"{durability}{number}"
    jobs = work / "bench.yaml"
    (work / "urls.txt").write_text("".join(f"{base}/{each:05}.bin\n" for each in range(files)))
    jobs.write_text(
        'version: 1\nhosts: {"127.0.0.1": {concurrency: 64}}\njobs:\n'
        "  - {name: files, type: download, from: urls.txt, to: '${name}'}\n"
    )
    config = work / f"{durability}.yaml"
    config.write_text(f"durability: {durability}\n")
    program = [sys.executable, "-m", "crawler", "run", "--workers", "64", "--progress", "none", "-q"]
    return run([*program, jobs, "-c", config, "-o", output])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    costs: dict[str, list[Cost]] = {"full": [], "none": []}
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        root = Path(sources)
        root.chmod(0o755)
        for each in range(arguments.files):
            (root / f"{each:05}.bin").write_bytes(os.urandom(SIZE))
        with nginx(root) as base:
            for number in range(arguments.rounds):
                for durability, found in costs.items():
                    found.append(fetch(durability, number, base, Path(work), arguments.files))
    full, none = median(costs["full"]), median(costs["none"])
    print(f"full {full.wall:6.2f} s   none {none.wall:6.2f} s   full/none: {full.wall / none.wall:.2f}")
    return 0 if full.wall / none.wall < FACTOR_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
