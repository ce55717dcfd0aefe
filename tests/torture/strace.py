"""System calls of a run: counted, killed at, or made to fail, by strace."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

# What the program may use to change the disk: by itself, through SQLite, or for a person's eyes.
CALLS = (
    *("write", "pwrite64", "writev", "pwritev2", "fsync", "fdatasync", "ftruncate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdirat"),
)
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of one thread; ``number`` counts that thread's calls of this name from 1."""

    thread: int
    name: str
    number: int
    arguments: str
    injected: bool

    def place(self, output: Path) -> str:
        """``ledger``, ``output``, or ``other``: a socket, the event file, a person's terminal."""
        if f"{output}/.crawler" in self.arguments:
            return "ledger"
        return "output" if str(output) in self.arguments else "other"


def missing() -> str | None:
    """Why strace cannot be used here, or ``None``."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[-200:]}"


def recording(log: Path, *calls: str) -> tuple[str, ...]:
    """The command prefix that writes down these calls, with the paths behind descriptors."""
    return ("strace", "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace={','.join(calls)}")


def killing(log: Path, call: str, number: int) -> tuple[str, ...]:
    """The same, and SIGKILL when a thread comes to its ``number``-th call, which is then not made.

    strace counts for each thread by itself, so whichever comes to that number first. Without
    ``--seccomp-bpf``, with which strace 6.1 loses most of the signals that it is told to send.
    """
    return (*recording(log, call), "-e", f"inject={call}:signal=KILL:when={number}")


def failing(log: Path, call: str, error: str, when: str) -> tuple[str, ...]:
    """The same for an error, in every thread that comes so far; ``"3+"`` is the third and all after it."""
    return (*recording(log, call), "--seccomp-bpf", "-e", f"inject={call}:error={error}:when={when}")


def read(log: Path) -> list[Call]:
    """The calls in order; of one that was interrupted in the log, its beginning."""
    counts: Counter[tuple[int, str]] = Counter()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None or " resumed>" in line.split("(")[0]:
            continue
        thread, name, arguments = int(match[1]), match[2], match[3]
        counts[thread, name] += 1
        calls.append(Call(thread, name, counts[thread, name], arguments, "(INJECTED)" in line))
    return calls


def reach(calls: list[Call]) -> dict[str, int]:
    """By call, the highest number that some thread comes to."""
    found: dict[str, int] = {}
    for call in calls:
        found[call.name] = max(found.get(call.name, 0), call.number)
    return found
