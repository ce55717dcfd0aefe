"""Make one system call of a run fail and look: ``python -m tests.torture.faults``.

A disk's refusal must end the run with exit 3 and its name, with nothing partial under a final name; the next
run completes. The table counts by call and error: how often it struck the ledger or the output, and what
the run said.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.server import ThreadedServer
from tests.torture import promises, strace
from tests.torture.kills import SCENES, Torturer
from tests.torture.memory import recall
from tests.torture.workload import Workload

REFUSALS = {
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "EDQUOT"),
    "write": ("ENOSPC", "EDQUOT", "EROFS", "EIO"),
    "writev": ("ENOSPC", "EDQUOT", "EROFS", "EIO"),
    "pwritev2": ("ENOSPC", "EIO"),
    "pwrite64": ("ENOSPC", "EDQUOT", "EROFS", "EIO"),
    "renameat2": ("EIO", "ENOSPC"),
    "renameat": ("EIO", "EROFS"),
    "rename": ("EIO", "EROFS"),
    "ftruncate": ("EIO",),
    "mkdirat": ("ENOSPC", "EROFS"),
}
# A disk that is broken stays so; but what goes through these also goes to sockets and the terminal.
_ONCE = ("write", "writev")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One call to fail; ``stays`` if all that follow fail as well, ``folder`` if only that one's count."""

    scene: str
    call: str
    error: str
    number: int
    stays: bool
    folder: str | None = None  # below the output root


@dataclass(frozen=True, slots=True)
class Refused:
    """What came of it: ``place`` is where it struck, ``None`` if nowhere."""

    refusal: Refusal
    place: str | None
    code: int
    said: str
    problems: tuple[str, ...]

    @property
    def named(self) -> bool:
        """Whether the last line says exit 3 and the error's name."""
        return self.code == 3 and self.refusal.error in self.said


def refusals(reach: dict[str, dict[str, int]], numbers: int, chance: random.Random) -> list[Refusal]:
    """Each error of each call at so many numbers: the first, the last, and some between."""
    found = []
    for scene, reached in reach.items():
        for call, most in reached.items():
            for turn, error in enumerate(REFUSALS.get(call, ())):
                tried = {1, most} | {chance.randint(1, most) for _ in range(numbers)}
                for number in sorted(chance.sample(sorted(tried), min(numbers, len(tried)))):
                    stays = call not in _ONCE and (turn + number) % 2 == 0
                    found.append(Refusal(scene, call, error, number, stays))
    return found


def refuse(torturer: Torturer, refusal: Refusal) -> Refused:
    """Let the call fail, then run again without; every promise that was broken on the way."""
    work, log = torturer.work, torturer.folder / "fault.log"
    output = torturer.stage(refusal.scene)
    rounds = recall(output / ".crawler").rounds
    when = f"{refusal.number}{'+' if refusal.stays else ''}"
    wrapper = strace.failing(log, refusal.call, refusal.error, when)
    if refusal.folder is not None:
        folder = output / refusal.folder
        folder.mkdir(parents=True, exist_ok=True)
        wrapper = (*wrapper, "-P", str(folder))
    ended = work.run(output, wrapper=wrapper)
    struck = [call.place(output) for call in strace.read(log) if call.injected]
    places = [place for place in struck if place != "other"]
    place = places[0] if places else "other" if struck else None
    before = recall(output / ".crawler")
    problems = list(promises.after_the_break(work, output, ended, before))
    if ended.code == 0:
        problems += promises.everything_is_there(work, output)
    elif ended.code != 3 and places and "other" not in struck:  # libuv aborts if its own wake-up fails
        problems.append(f"exit {ended.code} after {refusal.error}, expected 3: {ended.last_line}")
    elif ended.code == 3 and refusal.error not in ended.last_line:
        problems.append(f"{refusal.error} is not named: {ended.last_line}")
    if "Traceback" in ended.errors:
        problems.append(f"a traceback: {ended.errors[-600:]}")
    work.server.log.clear()
    following = work.run(output)
    problems += promises.after_the_next(work, output, before, following, rounds)
    if not problems:
        shutil.rmtree(output)
    return Refused(refusal, place, ended.code, ended.last_line, tuple(problems))


def torture(folder: Path, numbers: int, *, seed: int = 0, most: int | None = None) -> Iterator[Refused]:
    """Refuse each call in turn, ``most`` of all if it is given, then a random choice."""
    chance = random.Random(seed)
    with ThreadedServer() as server:
        torturer = Torturer(folder, Workload(server, folder / "work"))
        reach = {scene: torturer.reach(scene) for scene in SCENES}
        chosen = refusals(reach, numbers, chance)
        for refusal in chosen if most is None else chance.sample(chosen, most):
            yield refuse(torturer, refusal)


def table(refused: Sequence[Refused]) -> str:
    """Rows by call and error."""
    rows: list[tuple[str, ...]] = [
        ("call", "error", "runs", "ledger", "output", "other", "missed", "named", "exit 0", "broken")
    ]
    kinds = sorted({(each.refusal.call, each.refusal.error) for each in refused})
    for kind in [*kinds, ("all", "")]:
        ours = [
            each for each in refused if kind[0] == "all" or kind == (each.refusal.call, each.refusal.error)
        ]
        places = Counter(each.place for each in ours)
        numbers = (
            *(len(ours), places["ledger"], places["output"], places["other"], places[None]),
            *(sum(each.named for each in ours), sum(each.code == 0 for each in ours)),
            sum(bool(each.problems) for each in ours),
        )
        rows.append((*kind, *map(str, numbers)))
    return "\n".join(" ".join(f"{cell:>9}" for cell in row) for row in rows)


def main() -> int:
    """Refuse, print the table and every broken promise; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=2, help="of each call and error, in each scene")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, help="so many in all, chosen at random")
    options = parser.parse_args()
    if reason := strace.missing():
        print(reason, file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="crawler-faults."))
    refused: list[Refused] = []
    for each in torture(folder, options.numbers, seed=options.seed, most=options.most):
        refused.append(each)
        for problem in each.problems:
            print(f"{each.refusal}: {problem}", flush=True)
        if each.code == 0 and each.place not in (None, "other"):
            print(f"{each.refusal}: harmless", flush=True)
    print(table(refused))
    if any(each.problems for each in refused):
        print(f"what broken promises left is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
