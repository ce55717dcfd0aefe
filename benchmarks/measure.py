"""Run a command and say what it cost."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process and those it waited for: seconds, CPU seconds, peak resident MB."""

    wall: float
    cpu: float
    peak_mb: float


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    well: Sequence[int] = (0,),
) -> Cost:
    """Run to the end; raises RuntimeError with the output's tail unless the exit code is among ``well``."""
    began = time.perf_counter()
    with subprocess.Popen(
        [str(word) for word in command], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in well:
        tail = output.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{tail}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    """The run with the median wall time, its memory the highest seen."""
    middle = sorted(costs, key=lambda cost: cost.wall)[len(costs) // 2]
    return Cost(middle.wall, middle.cpu, max(cost.peak_mb for cost in costs))
