"""Cut the power of a run's disk and look at what is left: ``python -m tests.torture.power --cuts 30``.

Output and ledger lie on ext4, on a loop device over a file that ``recorder`` serves: it sees each write and
flush of the disk in the order in which they arrive. A cut takes that log up to a random entry. What was
written before the last flush has reached the disk; of what came later, the cut keeps everything (the copy of
an image taken without sync), nothing (a disk whose cache was lost), or any part of it.
The copy is mounted, its journal replayed by the kernel, and held against every promise. Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.server import Server, ThreadedServer
from tests.torture import promises
from tests.torture.memory import recall
from tests.torture.recorder import Entry
from tests.torture.workload import ROOT, Ended, Workload, parse_events

IMAGE_BYTES = 160 << 20
SMALL_FILES = 300
SCENES = ("new", "changed")
CACHES = ("kept", "lost", "partly")  # what becomes of writes after the last flush
_PRIVATE = "CRAWLER_TORTURE_PRIVATE"  # set once every mount of ours is invisible to others, and goes with us


@dataclass(frozen=True, slots=True)
class Recording:
    """A run on a recorded disk: what was on it before, everything that came, and what was said outside."""

    scene: str
    before: bytes
    log: list[Entry]
    ended: float  # monotonic: when the run had ended, with everything promised
    events: bytes
    delivered: dict[str, list[float]]  # by job, when a request that must not be repeated arrived

    @property
    def entries(self) -> int:
        """How many there were when the run had ended."""
        return sum(each.time <= self.ended for each in self.log)


@dataclass(frozen=True, slots=True)
class Cut:
    """What one cut left: ``done`` files in the ledger, of all; ``told`` of them had been reported."""

    scene: str
    cache: str
    entry: int
    done: int
    told: int
    unflushed: int
    code: int
    problems: tuple[str, ...]


def missing() -> str | None:
    """Why no power can be cut here, or ``None``."""
    if os.geteuid() != 0:
        return "mounting a disk image needs root"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not Path(path).exists():
            return f"there is no {path} here"
    for tool in ("mkfs.ext4", "mount", "umount", "unshare"):
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            return f"{tool} is not installed"
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no namespace of our own: {tried.stderr.strip()}"


def empty_disk(folder: Path) -> bytes:
    """An ext4 file system with nothing on it, its tables written out so that nobody does it later."""
    image = folder / "empty.img"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    lazy = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
    tool = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "mkfs.ext4"
    subprocess.run([tool, "-q", "-F", "-E", lazy, str(image)], check=True)
    return image.read_bytes()


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The image's file system at ``folder``; its loop device goes with the mount."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", "-o", "loop", str(image), str(folder)], check=True)
    try:
        yield folder
    finally:
        if subprocess.run(["umount", str(folder)], check=False).returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def recorded(before: bytes, watched: Path, log: Path, folder: Path) -> Iterator[Path]:
    """A mounted disk that begins as ``before``; ``log`` is written once it is unmounted."""
    image, fuse = folder / "before.img", folder / "fuse"
    image.write_bytes(before)
    fuse.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.torture.recorder", str(image), str(fuse), str(watched), str(log)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}) as recorder:
        try:
            _wait_for(fuse / "disk")
            with mounted(fuse / "disk", folder / "disk") as disk:
                yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(fuse)], check=False)
            try:
                recorder.wait(30)
            finally:
                recorder.kill()


def _wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.02)
    raise TimeoutError(f"{path} did not appear: the recorder did not mount")


def record(scene: str, before: bytes, work: Workload, folder: Path, durability: str) -> Recording:
    """Run the work once, undisturbed, on a recorded disk."""
    work.offer(SCENES.index(scene) + 1)
    delivered: dict[str, list[float]] = {job: [] for job in promises.ANSWERED_ONCE}
    with recorded(before, work.events, folder / "log", folder) as disk:
        ended = work.run(disk / "out", CRAWLER_DURABILITY=durability)
        now = time.monotonic()
    if ended.code != 0:
        raise RuntimeError(f"the work does not even end well undisturbed: {ended.errors}")
    for job, times in delivered.items():
        times += [request.time for request in work.server.requests(f"/counter/{job}")]
    with (folder / "log").open("rb") as file:
        log = [Entry(*entry) for entry in pickle.load(file)]
    return Recording(scene, before, log, now, work.events.read_bytes(), delivered)


def image_at(recording: Recording, entry: int, cache: str, chance: random.Random) -> tuple[bytearray, int]:
    """What the disk holds after a cut behind the first ``entry`` entries; also how many were not flushed."""
    image = bytearray(recording.before)
    passed = recording.log[:entry]
    flushed = max((n for n, each in enumerate(passed) if each.data is None), default=0)
    for number, each in enumerate(passed):
        if each.data is None:
            continue
        safe = number < flushed or cache == "kept" or (cache == "partly" and chance.random() < 0.5)
        if safe:
            image[each.offset : each.offset + len(each.data)] = each.data
    return image, sum(each.data is not None for each in passed[flushed:])


def examine(
    recording: Recording, entry: int, cache: str, work: Workload, folder: Path, chance: random.Random
) -> Cut:
    """Cut there, mount what is left, look, and let the next run continue."""
    image, unflushed = image_at(recording, entry, cache, chance)
    copy = folder / "copy.img"
    copy.write_bytes(image)
    at = recording.log[entry - 1]
    # Behind its last entry the run has ended and said everything.
    over = entry == recording.entries
    told = Ended(0, "", parse_events(recording.events[: None if over else at.said]))
    work.offer(SCENES.index(recording.scene) + 1)
    for job, times in recording.delivered.items():
        work.server.state.counters[job] = sum(arrived < at.time for arrived in times)
    with mounted(copy, folder / "copy") as disk:
        output = disk / "out"
        before = recall(output / ".crawler")
        problems = list(promises.after_the_break(work, output, told, before))
        following = work.run(output)
        rounds = SCENES.index(recording.scene)
        problems += promises.after_the_next(work, output, before, following, rounds)
    copy.unlink()
    done = sum(each.current for each in before.done.values())
    return Cut(
        recording.scene, cache, entry, done, len(told.told), unflushed, following.code, tuple(problems)
    )


def cuts(server: Server, folder: Path, number: int, seed: int, durability: str) -> Iterator[Cut]:
    """Record a run of each scene, then cut so often: once as it ended, the other times anywhere."""
    chance = random.Random(seed)
    work = Workload(server, folder / "work", small=SMALL_FILES)
    disk = empty_disk(folder)
    for turn, scene in enumerate(SCENES):
        share = number // len(SCENES) + (turn < number % len(SCENES))
        if not share:
            return
        recording = record(scene, disk, work, folder, durability)
        last = recording.entries
        flushes = sum(each.data is None for each in recording.log[:last])
        print(f"{scene}: {last} entries up to the end of the run, {flushes} of them flushes", file=sys.stderr)
        for count in range(share):
            entry = last if count == 0 else chance.randint(1, last)
            cache = "lost" if count == 0 else CACHES[count % len(CACHES)]
            yield examine(recording, entry, cache, work, folder, chance)
        whole, _ = image_at(recording, len(recording.log), "kept", chance)
        disk = bytes(whole)


def table(made: Sequence[Cut]) -> str:
    """A row a cut."""
    head = ("scene", "cache", "entry", "unflushed", "told", "done", "then", "broken")
    rows = [head] + [
        (
            *(each.scene, each.cache, str(each.entry), str(each.unflushed), str(each.told), str(each.done)),
            *(f"exit {each.code}", str(len(each.problems))),
        )
        for each in made
    ]
    return "\n".join(" ".join(f"{cell:>9}" for cell in row) for row in rows)


def main() -> int:
    """Cut, print the table and every broken promise; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--durability", default="full", help="'none' shows what would be lost without it")
    options = parser.parse_args()
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    if _PRIVATE not in os.environ:
        os.environ[_PRIVATE] = "1"
        again = ["unshare", "-m", "--propagation", "private", sys.executable, "-m", "tests.torture.power"]
        os.execvp("unshare", [*again, *sys.argv[1:]])
    made: list[Cut] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crawler-power.")))
        server = stack.enter_context(ThreadedServer())
        for each in cuts(server, folder, options.cuts, options.seed, options.durability):
            made.append(each)
            for problem in each.problems:
                print(f"{each.scene}, entry {each.entry}, cache {each.cache}: {problem}", flush=True)
    print(table(made))
    return 1 if any(each.problems for each in made) else 0


if __name__ == "__main__":
    sys.exit(main())
