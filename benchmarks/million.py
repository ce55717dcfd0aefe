"""A million rows over 50 hosts: memory, first request and second run, beside aria2c on the same list.

    python benchmarks/million.py [--rows N] [--aria2-rows N] [--durability full|none] [--output DIR]

The rows are a CSV, the hosts loopback aliases of one nginx with tiny answers. Prints the resident memory by
requests made, and exits with 1 if the peak is above 150 MB or grows by more than a tenth from 100 000 rows
on, if the first request comes later than a second after the start, or if the second run (everything there,
`refresh: never`) takes more than 30 us a row. aria2c holds its list in memory: it gets fewer rows.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.nginx import nginx

HOSTS = 50
IN_ONE_FOLDER = 1_000
LOCATIONS = 'location / { return 200 "tiny\\n"; } location = /seen { stub_status; }'
PEAK_LIMIT_MB, GROWTH_LIMIT, FIRST_LIMIT_S, SECOND_LIMIT_US = 150.0, 1.1, 1.0, 30.0
FLAT_FROM = 100_000  # rows
MANIFEST = """version: 1
jobs:
  - name: rows
    type: download
    from: rows.csv
    to: "${row.folder}/${row.id}"
    refresh: never
"""


@dataclass
class Watched:
    """One command while it ran: seconds to the first request and to the end, memory by requests made."""

    wall: float = 0.0
    cpu: float = 0.0
    first: float | None = None
    peak_mb: float = 0.0
    by_requests: list[tuple[int, float]] = field(default_factory=list)  # requests, resident MB


class Seen:
    """How many requests nginx has answered, without the questions."""

    def __init__(self, base: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base).netloc)
        self._asked = 0

    def __call__(self) -> int:
        self._asked += 1
        self._connection.request("GET", "/seen")
        lines = self._connection.getresponse().read().decode().splitlines()
        return int(lines[2].split()[2]) - self._asked


def address(number: int) -> str:
    return f"127.0.{1 + number // 10}.{1 + number % 10}"


def write_rows(path: Path, rows: int, port: int) -> None:
    with path.open("w") as file:
        file.write("id,folder,url\n")
        for row in range(rows):
            url = f"http://{address(row % HOSTS)}:{port}/{row}"
            file.write(f"{row},{row // IN_ONE_FOLDER},{url}\n")


def write_aria2(path: Path, rows: int, port: int) -> None:
    with path.open("w") as file:
        for row in range(rows):
            folder = row // IN_ONE_FOLDER
            file.write(f"http://{address(row % HOSTS)}:{port}/{row}\n  out={folder}/{row}\n")


def watch(command: Sequence[str | Path], seen: Seen, log: Path) -> Watched:
    """Run to the end, looking at memory and requests; raises RuntimeError unless the exit code is 0."""
    watched, before = Watched(), seen()
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output)
        while True:
            pid, status, usage = _ended(process)
            if pid:
                break
            requests = seen() - before
            if requests and watched.first is None:
                watched.first = time.perf_counter() - began
            watched.by_requests.append((requests, _resident_mb(process.pid)))
            time.sleep(0.01 if watched.first is None else 0.2)
    watched.wall = time.perf_counter() - began
    watched.cpu = usage.ru_utime + usage.ru_stime
    watched.peak_mb = usage.ru_maxrss / 1024
    if status:
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with status {status}:\n{tail}")
    return watched


def _ended(process: subprocess.Popen[bytes]) -> tuple[int, int, resource.struct_rusage]:
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if pid:
        process.returncode = os.waitstatus_to_exitcode(status)
    return pid, status, usage


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / (1 << 20)


def table(watched: Watched, rows: int) -> float:
    """Print the highest memory in each tenth of the rows; by how much it grew after ``FLAT_FROM``."""
    print(f"{'requests':>12} {'resident':>10}")
    step = max(1, rows // 10)
    highest: dict[int, float] = {}
    for requests, resident in watched.by_requests:
        highest[requests // step] = max(highest.get(requests // step, 0.0), resident)
    for tenth, resident in sorted(highest.items()):
        print(f"{tenth * step:>12,} {resident:>7.1f} MB")
    early = max((mb for made, mb in watched.by_requests if made <= FLAT_FROM), default=0.0)
    late = max((mb for made, mb in watched.by_requests if made > FLAT_FROM), default=early)
    return late / early if early else 1.0


def crawler(work: Path, rows: int, durability: str, seen: Seen) -> list[str]:
    """Both runs; what is above its limit."""
    (work / "rows.yaml").write_text(MANIFEST)
    (work / "config.yaml").write_text(f"durability: {durability}\nworkers: 32\n")
    flags = ("-q", "--progress", "none", "-c", work / "config.yaml", "-o", work / "out")
    report = work / "report.json"
    command = (sys.executable, "-m", "crawler", "run", work / "rows.yaml", *flags, "--report", report)
    over = []
    first = watch(command, seen, work / "log")
    totals = json.loads(report.read_text())["totals"]
    if totals["new"] != rows:
        over.append(f"{totals['new']} of {rows} files are new")
    growth = table(first, rows)
    print(
        f"first run   {first.wall:7.1f} s ({rows / first.wall:,.0f} rows/s, {first.cpu:.1f} s CPU),"
        f" peak {first.peak_mb:.1f} MB, × {growth:.2f} after {FLAT_FROM:,} rows,"
        f" first request after {first.first or 0:.2f} s"
    )
    second = watch(command, seen, work / "log")
    totals = json.loads(report.read_text())["totals"]
    if totals["unchanged"] != rows or totals["requests"]:
        over.append(f"the second run made {totals['requests']} requests, {totals['unchanged']} unchanged")
    a_row = second.wall / rows * 1e6
    print(
        f"second run  {second.wall:7.1f} s ({a_row:.1f} us a row, {second.cpu:.1f} s CPU),"
        f" peak {second.peak_mb:.1f} MB"
    )
    peak = max(first.peak_mb, second.peak_mb)
    over += [f"peak {peak:.1f} MB > {PEAK_LIMIT_MB:.0f} MB"] if peak > PEAK_LIMIT_MB else []
    over += [f"memory grew × {growth:.2f}"] if growth > GROWTH_LIMIT else []
    if first.first is None or first.first > FIRST_LIMIT_S:
        over.append(f"first request after {first.first} s > {FIRST_LIMIT_S} s")
    start = 0.5  # seconds that do not depend on the rows
    if second.wall - start > rows * SECOND_LIMIT_US / 1e6:
        over.append(f"second run {a_row:.1f} us a row > {SECOND_LIMIT_US:.0f} us")
    return over


def aria2(work: Path, rows: int, port: int, seen: Seen) -> None:
    if shutil.which("aria2c") is None:
        print("aria2c is not installed")
        return
    write_aria2(work / "rows.txt", rows, port)
    flags = ("-q", "-j", "32", "-x", "1", "--file-allocation=none", "--allow-overwrite=true")
    peer = watch(("aria2c", *flags, "-i", work / "rows.txt", "-d", work / "aria2"), seen, work / "log")
    print(
        f"aria2c      {peer.wall:7.1f} s for {rows:,} rows ({rows / peer.wall:,.0f} rows/s,"
        f" {peer.cpu:.1f} s CPU), peak {peer.peak_mb:.1f} MB, first request after {peer.first or 0:.2f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--aria2-rows", type=int, default=200_000)
    parser.add_argument("--durability", choices=("full", "none"), default="full")
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.output) as folder:
        work = Path(folder)
        work.chmod(0o755)
        with nginx(work, address="0.0.0.0", locations=LOCATIONS, connections=8192) as base:
            port = urlsplit(base).port or 80
            seen = Seen(base)
            write_rows(work / "rows.csv", given.rows, port)
            over = crawler(work, given.rows, given.durability, seen)
            shutil.rmtree(work / "out")
            if given.aria2_rows:
                aria2(work, min(given.rows, given.aria2_rows), port, seen)
    print(*(f"OVER: {each}" for each in over), sep="\n", end="" if not over else "\n")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
