"""Peak memory of a run over 1 000 and over 100 000 rows: it must not grow with the rows.

python benchmarks/rows.py [--many N]
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
GROWTH_LIMIT_MB = 10.0


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
            few = over(1_000, base, Path(folder))
            lots = over(many, base, Path(folder))
    growth = lots.peak_mb - few.peak_mb
    print(f"{1_000:>9} rows: {few.peak_mb:6.1f} MB peak, {few.wall:6.1f} s")
    print(f"{many:>9} rows: {lots.peak_mb:6.1f} MB peak, {lots.wall:6.1f} s ({many / lots.wall:.0f} rows/s)")
    print(f"growth: {growth:.1f} MB (limit {GROWTH_LIMIT_MB:.0f} MB)")
    return 0 if growth <= GROWTH_LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
