"""Limits of hosts, measured at a server: rates over 30 s, a paused host's neighbours, bandwidth.

    python benchmarks/polite.py [--seconds N]

Exits with 1 if a rate is off by more than 2 %, if nine hosts take more than 1.1 times as long beside one
that answers 429 with `Retry-After: 5` as without it, if that one is asked again within the 5 s, or if a
bandwidth is off by more than 5 %.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import run
from tests.serving.arrivals import Arrival, Arrivals, Reply

RATE, RATE_LIMIT = 50, 0.02  # requests a second
BANDWIDTH, BANDWIDTH_LIMIT = 10_000_000, 0.05  # bytes a second
TRANSFERS, TRANSFER = 8, 12_500_000  # ten seconds' worth
PAUSE, NEIGHBOURS, NEIGHBOUR_LIMIT = 5, 9, 1.1
BUSY = "127.0.0.1"


class Place:
    """A folder for one run: manifest, config, output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.out.mkdir()

    def run(self, hosts: str, jobs: str, config: str = "") -> None:
        (self.folder / "it.yaml").write_text(f"version: 1\nhosts: {{{hosts}}}\njobs:\n{jobs}\n")
        (self.folder / "config.yaml").write_text(f"durability: none\n{config}\n")
        command = (sys.executable, "-m", "crawler", "run", "it.yaml", "-q", "-c", "config.yaml", "-o", "out")
        run(command, cwd=self.folder)

    def rows(self, urls: list[str]) -> str:
        (self.folder / "rows.txt").write_text("\n".join(urls))
        return "from: rows.txt"

    def files(self, count: int, size: int) -> str:
        folder = self.out / "up"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:05}").write_bytes(bytes(size))
        return "files: up/*"


def rate(kind: str, seconds: int) -> float:
    """Requests a second at the server, by the first and the last of them."""
    count = RATE * seconds
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, Arrivals() as server:
        place = Place(Path(folder))
        if kind == "upload":
            what = f"url: {server.url('/in')}, method: PUT, as: raw, {place.files(count, 100)}"
        else:
            what = place.rows([server.url(f"/{number}") for number in range(count)])
        place.run(f'"*": {{rate: {RATE}/s}}', f"  - {{name: it, type: {kind}, {what}}}")
        arrivals = server.of()
    return (len(arrivals) - 1) / (arrivals[-1].arrived - arrivals[0].arrived)


def neighbours(*, busy: bool) -> float:
    """Seconds that nine hosts take; raises RuntimeError if the tenth is asked within its pause."""

    def script(arrival: Arrival) -> Reply:
        if arrival.host == BUSY and arrival.order < 4:
            return Reply(429, headers=(("Retry-After", str(PAUSE)),), hold=0.05)
        return Reply(hold=0.03)

    hosts = [f"127.0.1.{number + 1}" for number in range(NEIGHBOURS)]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, Arrivals(script) as server:
        place = Place(Path(folder))
        asked = [BUSY, *hosts] if busy else hosts
        urls = [server.url(f"/{number}", host) for number in range(300) for host in asked]
        if busy:
            urls = urls[: 20 * len(asked)] + [url for url in urls[20 * len(asked) :] if BUSY not in url]
        place.run("", f"  - {{name: it, type: request, {place.rows(urls)}}}", "workers: 40")
        times = sorted(each.arrived for host in hosts for each in server.of(host))
        paused = server.of(BUSY)
    if busy:
        until = max(each.answered or 0.0 for each in paused[:4]) + PAUSE
        if min(each.arrived for each in paused[4:]) < until:
            raise RuntimeError(f"a request came {until - paused[4].arrived:.3f} s before the pause was over")
    return times[-1] - times[0]


def bandwidth(kind: str, *, total: bool) -> float:
    """Bytes a second of eight transfers side by side, from their beginning to the end of the run."""
    body = bytes(TRANSFER)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        with Arrivals(lambda arrival: Reply(body=b"" if kind == "upload" else body)) as server:
            place = Place(Path(folder))
            if kind == "upload":
                what = f"url: {server.url('/in')}, method: PUT, as: raw, {place.files(TRANSFERS, TRANSFER)}"
            else:
                what = place.rows([server.url(f"/{number}") for number in range(TRANSFERS)])
            config = "connections: {per_host: 8}\n" + (f"bandwidth: {BANDWIDTH}" if total else "")
            rule = "" if total else f'"*": {{bandwidth: {BANDWIDTH}}}'
            place.run(rule, f"  - {{name: it, type: {kind}, {what}}}", config)
            arrivals = server.of()
        ended = max(each.answered or 0.0 for each in arrivals)
        if kind != "upload":
            ended = max(
                file.stat().st_ctime for file in place.out.rglob("*") if file.stat().st_size == TRANSFER
            )
    return TRANSFERS * TRANSFER / (ended - arrivals[0].arrived)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=30)
    seconds = parser.parse_args().seconds
    well = True
    for kind in ("download", "request", "upload"):
        measured = rate(kind, seconds)
        off = measured / RATE - 1
        well &= abs(off) <= RATE_LIMIT
        print(f"rate of {kind:10} {measured:8.2f}/s of {RATE}/s over {seconds} s: {off:+.2%}", flush=True)
    ratios = [neighbours(busy=True) / neighbours(busy=False) for _ in range(3)]
    ratio = statistics.median(ratios)
    well &= ratio <= NEIGHBOUR_LIMIT
    print(f"nine hosts beside one that pauses: × {ratio:.3f} (limit {NEIGHBOUR_LIMIT})", flush=True)
    for kind in ("download", "upload"):
        for total in (True, False):
            measured = bandwidth(kind, total=total)
            off = measured / BANDWIDTH - 1
            well &= abs(off) <= BANDWIDTH_LIMIT
            name = "total" if total else "host"
            print(
                f"bandwidth, {kind:8} {name:5} {measured / 1e6:8.2f} MB/s of 10 MB/s: {off:+.2%}", flush=True
            )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
