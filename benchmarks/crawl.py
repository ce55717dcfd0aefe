"""Two documentations mirrored by crawler, wget2 and Scrapy, side by side, and by crawler a second time.

    python benchmarks/crawl.py [--output DIR] [--rounds N] [--scrapy PYTHON]

Each tool has 16 connections and no delay; --scrapy is a Python that has Scrapy. Lists how crawler's files
differ from wget2's, which differ in nothing but what is explained here, and exits with 1 if they do in
anything else, if crawler takes more than 4 times as long as wget2 or more than a fifteenth of Scrapy's time,
or if the second crawl asks for anything without a condition, or is not twice as fast as the first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.documentation import LEAD_NOWHERE, as_installed, crawler, documentation, manifest
from benchmarks.measure import Cost, median, run

CONNECTIONS = 16
WGET2_LIMIT, SCRAPY_LIMIT, AGAIN_LIMIT = 4.0, 15.0, 2.0
SERVER_ERROR_RESPONSE = 8  # wget2's exit code where a link leads nowhere; now and then it is 0 all the same
# wget2 writes ``/`` and ``/index.html``, two URLs, to one file. Here the second has a name of its own.
TWO_URLS = "index~"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files(folder: Path) -> dict[str, str]:
    """The sha256 of each file by its path below the host's folder, with ``@`` where wget2 writes ``?``."""
    [host] = [path for path in folder.iterdir() if path.is_dir() and path.name.startswith("127.0.0.1")]
    return {
        path.relative_to(host).as_posix().replace("?", "@"): sha256(path)
        for path in host.rglob("*")
        if path.is_file()
    }


def compare(ours: dict[str, str], theirs: dict[str, str]) -> bool:
    """Whether both are the same, up to what is explained; prints every difference."""
    same = ours.keys() & theirs.keys()
    differ = [name for name in same if ours[name] != theirs[name]]
    explained = {name for name in ours.keys() - theirs.keys() if TWO_URLS in name}
    explained = {name for name in explained if ours[name] == theirs[f"{name.partition('~')[0]}.html"]}
    print(f"{len(same)} files are in both mirrors, {len(same) - len(differ)} of them byte for byte the same")
    for name in sorted(ours.keys() ^ theirs.keys()) + sorted(differ):
        why = "two URLs, one file at wget2" if name in explained else "UNEXPLAINED"
        print(f"  {'-+'[name in ours]}{'+-'[name in ours] if name in same else ' '} {name}: {why}")
    return not differ and ours.keys() - explained == theirs.keys()


class Bench:
    """Both documentations on one server, and any number of tools."""

    def __init__(self, work: Path, start: list[str], statuses: Path, rounds: int) -> None:
        self._work, self._start, self._statuses, self._rounds = work, start, statuses, rounds
        self._manifest = manifest(work, start, connections=CONNECTIONS)
        self._env = as_installed(work)

    def crawler(self, output: Path) -> Cost:
        command = crawler(self._manifest, output, "--report", str(self._work / "report.json"))
        return run(command, env=self._env, well=[LEAD_NOWHERE])

    def wget2(self, output: Path) -> Cost:
        flags = ["-q", "-r", "-l", "0", "-p", "--no-parent", f"--max-threads={CONNECTIONS}"]
        return run(["wget2", *flags, "-P", output, *self._start], well=[0, SERVER_ERROR_RESPONSE])

    def scrapy(self, python: str) -> Callable[[Path], Cost]:
        program = Path(__file__).with_name("scrapy_site.py")
        return lambda output: run([python, program, output, str(CONNECTIONS), *self._start])

    def compare(self) -> bool:
        """The same files as wget2's; also has every module compiled."""
        ours, theirs = self._work / "ours", self._work / "theirs"
        self.crawler(ours)
        self.wget2(theirs)
        well = compare(files(ours), files(theirs))
        shutil.rmtree(ours)
        shutil.rmtree(theirs)
        return well

    def race(self, tools: dict[str, Callable[[Path], Cost]]) -> dict[str, Cost]:
        costs: dict[str, list[Cost]] = {name: [] for name in tools}
        for _ in range(self._rounds):
            for name, tool in tools.items():  # in turn, so that a busy minute hits all
                output = self._work / "out"
                output.mkdir()
                costs[name].append(tool(output))
                shutil.rmtree(output)
        return {name: median(found) for name, found in costs.items()}

    def again(self) -> bool:
        """The second crawl of what has not changed, against the first."""
        first, second = [], []
        for _ in range(self._rounds):
            output = self._work / "out"
            first.append(self.crawler(output))
            seen = self._statuses.stat().st_size
            second.append(self.crawler(output))
            with self._statuses.open() as log:
                log.seek(seen)
                answers = Counter(int(line) for line in log)
            totals = json.loads((self._work / "report.json").read_text())["totals"]
            shutil.rmtree(output)
        ratio = median(first).wall / median(second).wall
        show("first crawl", median(first))
        show("second crawl", median(second))
        told = ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
        print(f"  {ratio:.2f} × as fast (at least {AGAIN_LIMIT} wanted); the second was answered {told};")
        print(f"  {totals['unchanged']} unchanged, {totals['failed']} failed, {totals['bytes']} body bytes")
        conditional = answers[304] == totals["unchanged"] and answers[404] == totals["failed"]
        return conditional and answers.keys() <= {304, 404} and not totals["bytes"] and ratio >= AGAIN_LIMIT


def show(title: str, cost: Cost) -> None:
    print(f"  {title:12} {cost.wall:6.2f} s wall {cost.cpu:6.2f} s CPU {cost.peak_mb:6.1f} MB peak")


def judge(costs: dict[str, Cost]) -> bool:
    for name, cost in costs.items():
        show(name, cost)
    ours = costs["crawler"].wall
    ratio = ours / costs["wget2"].wall
    print(f"  crawler/wget2: {ratio:.2f} (limit {WGET2_LIMIT})")
    well = ratio <= WGET2_LIMIT
    if "scrapy" in costs:
        ratio = costs["scrapy"].wall / ours
        print(f"  scrapy/crawler: {ratio:.2f} (at least {SCRAPY_LIMIT})")
        well &= ratio >= SCRAPY_LIMIT
    return well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("/dev/shm"), help="where files are written")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scrapy", help="a Python that has Scrapy; without it there is no such comparison")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=arguments.output) as sources,
        tempfile.TemporaryDirectory(dir=arguments.output) as work,
    ):
        statuses = Path(work) / "statuses"
        with documentation(Path(sources), statuses) as start:
            bench = Bench(Path(work), start, statuses, arguments.rounds)
            well = bench.compare()
            tools: dict[str, Callable[[Path], Cost]] = {"crawler": bench.crawler, "wget2": bench.wget2}
            if arguments.scrapy:
                tools["scrapy"] = bench.scrapy(arguments.scrapy)
            well &= judge(bench.race(tools))
            well &= bench.again()
    print("within the limits" if well else "OVER A LIMIT")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
