"""Kill a process of a run that has several, whenever: ``python -m tests.torture.process_kills --kills 99``.

A child that dies must cost nothing but an attempt; where the engine dies, or all of them, the next run goes
on as after any kill.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cli.running import alive, helpers
from tests.server import ThreadedServer
from tests.torture import promises
from tests.torture.memory import recall
from tests.torture.workload import Ended, Workload

VICTIMS = ("child", "engine", "all")
PROCESSES = ("--processes", "3")


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of one kill: ``code`` is how the run ended that it happened to."""

    victims: str
    after: float  # seconds
    code: int
    problems: tuple[str, ...]


class Torturer:
    """One server, one manifest, and how long its work takes undisturbed."""

    def __init__(self, folder: Path, work: Workload) -> None:
        self.folder = folder
        self.work = work
        began = time.monotonic()
        ended = work.run(folder / "finished", *PROCESSES)
        if ended.code != 0:
            raise RuntimeError(f"the work does not even end well undisturbed: {ended.errors}")
        self.seconds = time.monotonic() - began
        self._turn = 0

    def kill(self, victims: str, after: float) -> Struck:
        """Kill them so many seconds after the start, and look; every promise that was broken on the way."""
        self._turn += 1
        output = self.folder / f"out{self._turn}"
        self.work.server.log.clear()
        self.work.server.state.counters.clear()
        hurt = self._hurt(output, victims, after)
        if victims == "child" or hurt.code == 0:
            problems = list(self._outlived(output, hurt))
        else:
            problems = list(self._continued(output, hurt))
        if not problems:
            shutil.rmtree(output, ignore_errors=True)  # it may have died before it made one
        return Struck(victims, after, hurt.code, tuple(problems))

    def _hurt(self, output: Path, victims: str, after: float) -> Ended:
        work = self.work
        work.events.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-m", "crawler", *work.arguments(output, *PROCESSES)],
            cwd=work.folder,
            env=work.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as run:
            time.sleep(after)
            children = helpers(run.pid)
            chosen = {
                "child": children[:1],
                "engine": [run.pid],
                "all": [run.pid, *children],
            }
            for pid in chosen[victims]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            _, errors = run.communicate(timeout=120)
        while any(map(alive, children)):
            time.sleep(0.01)
        return Ended(run.returncode, errors, work.told())

    def _outlived(self, output: Path, hurt: Ended) -> Iterator[str]:
        """The run went on: nothing is lost, except for an answer to what must not be sent again."""
        unknown = {event["job"] for event in hurt.told if event["outcome"] == "unknown"}
        failed = {event["job"] for event in hurt.told if event["outcome"] == "failed"}
        if not unknown <= set(promises.ANSWERED_ONCE) or failed:
            yield f"unknown {sorted(unknown)}, failed {sorted(failed)}: {hurt.errors[-400:]}"
        if hurt.code != (4 if unknown else 0):
            yield f"exit {hurt.code}: {hurt.errors[-400:]}"
        yield from promises.after_the_break(self.work, output, hurt, recall(output / ".crawler"))
        yield from promises.everything_is_there(self.work, output)
        for job in promises.ANSWERED_ONCE:
            if self.work.server.count(job) > 1:
                yield f"{job}: {self.work.server.count(job)} deliveries"

    def _continued(self, output: Path, hurt: Ended) -> Iterator[str]:
        if hurt.code != -signal.SIGKILL:
            yield f"exit {hurt.code} instead of a death by SIGKILL: {hurt.errors[-400:]}"
        if not (output / ".crawler" / "torture.sqlite").exists():
            return  # it died before it had begun
        before = recall(output / ".crawler")
        yield from promises.after_the_break(self.work, output, hurt, before)
        self.work.server.log.clear()
        following = self.work.run(output, *PROCESSES)
        yield from promises.after_the_next(self.work, output, before, following, 0)
        self.work.server.log.clear()
        yield from promises.after_the_last(self.work, output, self.work.run(output))


def torture(folder: Path, kills: int, *, seed: int = 0) -> Iterator[Struck]:
    """So many kills, of each kind of victim in turn, at moments spread over the whole run."""
    chance = random.Random(seed)
    with ThreadedServer() as server:
        torturer = Torturer(folder, Workload(server, folder / "work"))
        for number in range(kills):
            yield torturer.kill(VICTIMS[number % len(VICTIMS)], chance.random() * torturer.seconds)


def main() -> int:
    """Kill, print what came of it and every broken promise; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=99)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="crawler-process-kills."))
    codes: Counter[tuple[str, int]] = Counter()
    broken = 0
    for each in torture(folder, options.kills, seed=options.seed):
        codes[each.victims, each.code] += 1
        broken += bool(each.problems)
        for problem in each.problems:
            print(f"{each.victims} after {each.after:.3f} s: {problem}", flush=True)
    for (victims, code), count in sorted(codes.items()):
        print(f"{victims:>10} exit {code:>4}: {count}")
    print(f"{broken} of {options.kills} broke a promise")
    if not broken:
        shutil.rmtree(folder)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
