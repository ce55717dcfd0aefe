"""What the engine costs a task over 10 000 hosts, against 10 hosts with as many tasks.

    python benchmarks/hosts.py [--hosts N] [--tasks N]

The job type does nothing, the ledger is real and on disk in memory. CPU seconds of the process, the
median of interleaved rounds; exits with 1 if many hosts cost more than twice as much a task as few.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crawler.job_types.base import Job
from crawler.model import Task
from tests.engine.bench import fine, running, task

LIMIT = 2.0  # times the cost a task of few hosts
FEW = 10
ROUNDS = 3


async def cost(hosts: int, tasks: int) -> float:
    """CPU microseconds a task; the hosts take turns in the list, as they do in a shuffled one."""

    def items(job: Job) -> Iterator[Task]:
        return (task(number, slot=f"h{number % hosts}.example:80") for number in range(tasks))

    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        async with running(Path(folder), fine, items, workers=16, queue=1000) as run:
            began = time.process_time()
            await run.engine.run()
            spent = time.process_time() - began
            if len(run.finished) != tasks:
                raise RuntimeError(f"{len(run.finished)} of {tasks} tasks ended")
    return spent / tasks * 1e6


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=100_000)
    given = parser.parse_args()
    asyncio.run(cost(FEW, given.tasks // 10))  # imports, caches
    rounds = [[asyncio.run(cost(hosts, given.tasks)) for hosts in (FEW, given.hosts)] for _ in range(ROUNDS)]
    few, many = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{'hosts':>8} {'tasks each':>12} {'us a task':>10}")
    print(f"{FEW:>8,} {given.tasks // FEW:>12,} {few:>10.1f}")
    print(f"{given.hosts:>8,} {given.tasks // given.hosts:>12,} {many:>10.1f}")
    print(f"ratio {many / few:.2f} (limit {LIMIT:.1f})")
    return 0 if many / few <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
