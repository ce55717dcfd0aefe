"""Peak memory of a run over 1 000, over 25 000 and over 100 000 rows: it must not grow with the rows.

    python benchmarks/rows.py [--many N]

Up to some 20 000 rows bounded queues and the ledger's caches fill, which is no growth with the rows; from a
quarter of the rows to all of them, 40 bytes a row are the most.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Cost, run
from benchmarks.nginx import nginx

MANIFEST = """version: 1
jobs:
  - name: rows
    type: request
    from: rows.csv
    url: ${{row.url}}
"""
BYTES_A_ROW = 40.0


def over(rows: int, base: str, work: Path) -> Cost:
    with (work / "rows.csv").open("w") as file:
        file.write("id,url\n")
        for number in range(rows):
            file.write(f"{number},{base}/one?row={number}\n")
    (work / "rows.yaml").write_text(MANIFEST.format())
    state = work / f"state{rows}"
    flags = ("--progress", "none", "-q", "--workers", "64")
    command = (sys.executable, "-m", "crawler", "run", work / "rows.yaml", *flags)
    return run((*command, "-o", work / "out", "--state", state))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--many", type=int, default=100_000)
    many = parser.parse_args().many
    with tempfile.TemporaryDirectory() as sources, tempfile.TemporaryDirectory() as folder:
        root = Path(sources)
        root.chmod(0o755)
        (root / "one").write_bytes(b"x" * 100)
        with nginx(root) as base:
            costs = {rows: over(rows, base, Path(folder)) for rows in (1_000, many // 4, many)}
    for rows, cost in costs.items():
        print(
            f"{rows:>9} rows: {cost.peak_mb:6.1f} MB peak, {cost.wall:6.1f} s ({rows / cost.wall:.0f} rows/s)"
        )
    a_row = (costs[many].peak_mb - costs[many // 4].peak_mb) * 2**20 / (many - many // 4)
    print(f"{a_row:.1f} bytes a row from {many // 4} to {many} rows (limit {BYTES_A_ROW:.0f})")
    return 0 if a_row <= BYTES_A_ROW else 1


if __name__ == "__main__":
    sys.exit(main())
