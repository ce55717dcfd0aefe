"""What was reported done is there after kill -9, whenever it comes."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from crawler.model import Outcome
from crawler.store.ledger import Ledger

WRITER = """
import asyncio, os, sys, threading
from functools import partial
from pathlib import Path
from crawler.model import Checkpoint
from crawler.store.files import Finalizing
from crawler.store.ledger import Ledger
from tests.store.ledgers import FILE, record

def say(*words):
    os.write(1, (" ".join(words) + "\\n").encode())

def finalize(ledger, run_id):
    for n in range(100_000):
        ledger.finalizing([Finalizing("moved", f"{run_id}-{n}-{m}", "t", "ab", 1) for m in range(3)])
        say("moved", f"{run_id}-{n}-2")

JOBS = ("images", "parts", "moved")

async def main(state, run_id):
    ledger = Ledger.open(Path(state), "nightly", durability="full")
    ledger.begin(run_id, 1.0, manifest="nightly.yaml", jobs=JOBS)
    threading.Thread(target=finalize, args=(ledger, run_id), daemon=True).start()
    for n in range(100_000):
        key = f"{run_id}-{n}"
        ledger.settle(record(key, **FILE), partial(say, "images", key))
        if n % 20 == 0:
            await ledger.checkpoint("parts", key, "", "p", Checkpoint(n, None, None, "", None))
            say("parts", key)

asyncio.run(main(*sys.argv[1:]))
"""
KILLS = 10


def killed_run(state: Path, run_id: str, delay: float) -> list[tuple[str, str]]:
    """What a run said was done before it was killed ``delay`` seconds after its first word."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state), run_id], stdout=subprocess.PIPE, text=True, cwd=root
    ) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]
        time.sleep(delay)
        writer.kill()
        lines += writer.stdout.readlines()
    return [(job, key) for job, key in (line.split() for line in lines if line.endswith("\n"))]


async def test_nothing_that_was_reported_is_lost_by_ten_kills(tmp_path: Path) -> None:
    chance = random.Random(0)
    reported: list[tuple[str, str]] = []
    for n in range(KILLS):
        reported += killed_run(tmp_path, f"r{n}", chance.uniform(0, 0.2))
    ledger = Ledger.open(tmp_path, "nightly", durability="full")
    info = ledger.begin("last", 1.0, manifest="nightly.yaml", jobs=("images", "parts", "moved"))
    assert (info.number, info.round, info.continues) == (KILLS + 1, 1, True)
    moved = {(each.job, each.key) for each in ledger.unfinished()}
    for job, key in reported:
        known = ledger.find(job, key)
        assert known is not None, f"{job} {key} was reported and is gone"
        assert known.current
        assert (known.outcome is Outcome.NEW) == (job == "images")
        assert (known.checkpoint is not None) == (job == "parts")
        assert ((job, key) in moved) == (job == "moved")
    await ledger.close()
    assert {job for job, _ in reported} == {"images", "parts", "moved"}
    with sqlite3.connect(tmp_path / "nightly.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
