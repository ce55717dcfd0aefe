"""Kill a run at its Nth system call, run it again, and look: ``python -m tests.torture.kills --kills 200``.

Each kill happens to a fresh run or to one that replaces every file by its second version, alternately.
The table counts, by system call: kills, where they struck, and how the next run ended.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.server import ThreadedServer
from tests.torture import promises, strace
from tests.torture.memory import recall
from tests.torture.workload import Workload
from tests.warm import Warm

# How many kills each of them gets, relatively, where it occurs often enough.
WEIGHTS = {
    "write": 4,
    "pwrite64": 4,
    "fdatasync": 4,
    "fsync": 4,
    "renameat": 3,
    "writev": 2,
    "pwritev2": 2,
    "renameat2": 3,
    "unlinkat": 2,
    "unlink": 1,
    "rename": 1,
    "ftruncate": 1,
}
SCENES = ("new", "changed")


@dataclass(frozen=True, slots=True)
class Plan:
    """One kill: in which scene, at which thread's which call."""

    scene: str
    call: str
    number: int


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of it. ``place`` is ``None`` if the run ended before it came to that call."""

    plan: Plan
    place: str | None
    code: int
    continued: bool  # the next run went on in the same round
    problems: tuple[str, ...]


@dataclass(slots=True)
class Torturer:
    """One server, one manifest, and a finished first version to start from."""

    folder: Path
    work: Workload
    finished: Path = field(init=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        self.finished = self.folder / "finished"
        self.work.offer(1)
        ended = self.work.run(self.finished)
        if ended.code != 0:
            raise RuntimeError(f"the work does not even end well undisturbed: {ended.errors}")

    def reach(self, scene: str) -> dict[str, int]:
        """What ``strace.reach`` says of a run that nobody disturbs."""
        output, log = self.stage(scene), self.folder / "calls.log"
        ended = self.work.run(output, wrapper=(*strace.recording(log, *strace.CALLS), "--seccomp-bpf"))
        if ended.code != 0:
            raise RuntimeError(f"the {scene} run fails under strace: {ended.errors}")
        return strace.reach(strace.read(log))

    def kill(self, plan: Plan) -> Struck:
        """Kill, continue, and run once more; every promise that was broken on the way."""
        output, log = self.stage(plan.scene), self.folder / "kill.log"
        rounds = recall(output / ".crawler").rounds
        killed = self.work.run(output, wrapper=strace.killing(log, plan.call, plan.number))
        if killed.code == 0:  # calls that are shared by many files vary in number: an earlier one, then
            shutil.rmtree(output)
            if plan.number == 1:
                return Struck(plan, None, 0, False, ())
            return self.kill(replace(plan, number=plan.number * 3 // 4))
        if killed.code != -signal.SIGKILL:
            problem = f"exit {killed.code} instead of a death by SIGKILL: {killed.errors[-300:]}"
            return Struck(plan, "other", killed.code, False, (problem,))
        before = recall(output / ".crawler")
        problems = list(promises.after_the_break(self.work, output, killed, before))
        self.work.server.log.clear()
        following = self.work.run(output)
        problems += promises.after_the_next(self.work, output, before, following, rounds)
        self.work.server.log.clear()
        problems += promises.after_the_last(self.work, output, self.work.run(output))
        if not problems:
            shutil.rmtree(output)
        calls = strace.read(log)
        place = calls[-1].place(output) if calls else "other"
        return Struck(plan, place, following.code, not before.over, tuple(problems))

    def stage(self, scene: str) -> Path:
        """A fresh output for one run, and the server's files as that scene has them."""
        self._turn += 1
        output = self.folder / f"out{self._turn}"
        if scene == "changed":
            shutil.copytree(self.finished, output, symlinks=True)
        self.work.offer(2 if scene == "changed" else 1)
        return output


def plans(reach: dict[str, dict[str, int]], kills: int, chance: random.Random) -> list[Plan]:
    """So many kills, spread over scenes and calls by weight and evenly over each call's numbers.

    Each call comes once, in one scene or the other, before any comes a second time.
    """
    slots = [(scene, call) for scene in reach for call in reach[scene] if call in WEIGHTS]
    total = sum(WEIGHTS[call] for _, call in slots)
    found: list[Plan] = []
    for scene, call in slots:
        most = reach[scene][call]
        share = max(1, round(kills * WEIGHTS[call] / total))
        if share == 1:
            found.append(Plan(scene, call, chance.randint(1, most)))
            continue
        numbers = {1 + round((most - 1) * step / (share - 1)) for step in range(share)}
        found += [Plan(scene, call, number) for number in sorted(numbers)]
    chance.shuffle(found)
    first = {plan.call: plan for plan in reversed(found)}
    found.sort(key=lambda plan: plan is not first[plan.call])
    while len(found) < kills:  # some calls are too few: the others get more, anywhere
        scene, call = chance.choice(slots)
        found.append(Plan(scene, call, chance.randint(1, reach[scene][call])))
    return found[:kills]


def torture(
    folder: Path, kills: int, *, seed: int = 0, side_by_side: int = 1, warm: Warm | None = None
) -> Iterator[Struck]:
    """Kill so many runs, in no particular order. Raises RuntimeError if undisturbed runs fail already.

    ``warm``, which serves one at a time, starts the runs that nobody kills.
    """
    chance = random.Random(seed)
    own = threading.local()
    servers: list[ThreadedServer] = []

    def torturer() -> Torturer:
        if not hasattr(own, "torturer"):
            server = ThreadedServer()
            servers.append(server)
            place = folder / f"thread{threading.get_ident()}"
            place.mkdir()
            own.torturer = Torturer(place, Workload(server.__enter__(), place / "work", warm=warm))
        found: Torturer = own.torturer
        return found

    try:
        with ThreadPoolExecutor(side_by_side) as pool:
            reach = pool.submit(lambda: {scene: torturer().reach(scene) for scene in SCENES}).result()
            chosen = plans(reach, kills, chance)
            yield from pool.map(lambda plan: torturer().kill(plan), chosen)
    finally:
        for server in servers:
            server.__exit__(None, None, None)


def table(struck: Sequence[Struck]) -> str:
    """Rows by call; columns: kills, where, and how the next run ended."""
    rows: list[tuple[str, ...]] = [
        ("call", "kills", "ledger", "output", "other", "exit 0", "unknown", "continued", "missed", "broken")
    ]
    calls = sorted({each.plan.call for each in struck})
    for call in [*calls, "all"]:
        ours = [each for each in struck if call in ("all", each.plan.call)]
        hit = [each for each in ours if each.place is not None]
        places = Counter(each.place for each in hit)
        numbers = (
            *(len(hit), places["ledger"], places["output"], places["other"]),
            *(sum(each.code == 0 for each in hit), sum(each.code == 4 for each in hit)),
            *(sum(each.continued for each in hit), len(ours) - len(hit)),
            sum(bool(each.problems) for each in hit),
        )
        rows.append((call, *map(str, numbers)))
    return "\n".join(" ".join(f"{cell:>10}" for cell in row) for row in rows)


def main() -> int:
    """Kill, print the table and every broken promise; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side-by-side", type=int, default=2)
    options = parser.parse_args()
    if reason := strace.missing():
        print(reason, file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="crawler-kills."))
    struck: list[Struck] = []
    for each in torture(folder, options.kills, seed=options.seed, side_by_side=options.side_by_side):
        struck.append(each)
        for problem in each.problems:
            print(f"{each.plan}: {problem}", flush=True)
        if len(struck) % 20 == 0:
            print(f"{len(struck)} of {options.kills}", file=sys.stderr, flush=True)
    print(table(struck))
    if any(each.problems for each in struck):
        print(f"what broken promises left is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
