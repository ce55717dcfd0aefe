"""How fast rows come out of a file: ``python -m benchmarks.row_sources [ROWS]``."""

from __future__ import annotations

import gzip
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from crawler.manifest.rows.gunzip import seen_through
from crawler.manifest.rows.table import FORMATS


def write(folder: Path, count: int) -> None:
    """The same URLs in every format that this can write itself."""
    urls = [f"http://127.0.{number % 50}.1:8000/files/{number}.bin" for number in range(count)]
    (folder / "rows.csv").write_text(
        "id,url,title\n" + "".join(f"{number},{url},No. {number}\n" for number, url in enumerate(urls))
    )
    (folder / "rows.txt").write_text("\n".join(urls))
    (folder / "rows.jsonl").write_text("".join(f'{{"url": "{url}"}}\n' for url in urls))
    (folder / "rows.aria2").write_text("".join(f"{url}\n out=x\n" for url in urls))
    (folder / "rows.xml").write_text(
        f"<urlset>{''.join(f'<url><loc>{url}</loc></url>' for url in urls)}</urlset>"
    )
    (folder / "rows.csv.gz").write_bytes(gzip.compress((folder / "rows.csv").read_bytes(), 1))


def main(count: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        files = {"rows.csv": "csv", "rows.csv.gz": "csv", "rows.txt": "lines", "rows.jsonl": "jsonl"}
        for file, form in (files | {"rows.aria2": "aria2", "rows.xml": "sitemap"}).items():
            before, cpu = time.perf_counter(), time.process_time()
            with (folder / file).open("rb") as stream:
                found = sum(1 for _ in FORMATS[form].rows(seen_through(stream), file))
            wall, cpu = time.perf_counter() - before, time.process_time() - cpu
            assert found == count
            print(f"{file:12} {found / wall:>10,.0f} rows/s, {found / cpu:>10,.0f} a second of CPU")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB, the writing included")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
