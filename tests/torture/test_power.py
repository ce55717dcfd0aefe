"""What was promised before the power went is there when it comes back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.torture import power
from tests.torture.workload import ROOT

CUTS = 4  # ``python -m tests.torture.power`` does more


def cut(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process and a namespace of its own: its mounts and loop devices end with it."""
    if reason := power.missing():
        pytest.skip(reason)
    return subprocess.run(
        [sys.executable, "-m", "tests.torture.power", *args],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.timeout(300)
def test_a_power_cut_takes_nothing_that_the_ledger_calls_done() -> None:
    done = cut("--cuts", str(CUTS), "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("exit 0") + done.stdout.count("exit 4") == CUTS, done.stdout


@pytest.mark.timeout(300)
def test_the_same_cut_shows_what_is_lost_when_nothing_waits_for_the_disk() -> None:
    done = cut("--cuts", "1", "--durability", "none")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "was reported new and the ledger does not know" in done.stdout or "no version of it" in done.stdout
