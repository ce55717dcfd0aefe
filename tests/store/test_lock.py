"""One run a ledger, whoever dies and however."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crawler.errors import LockHeld, StorageFailed
from crawler.store.ledger import Ledger
from crawler.store.lock import Lock

HOLDER = """
import sys
from pathlib import Path
from crawler.store.ledger import Ledger
ledger = Ledger.open(Path(sys.argv[1]), "nightly", durability="none")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_lock_is_refused_by_name_until_the_first_is_released(tmp_path: Path) -> None:
    first = Lock(tmp_path, "nightly")
    with pytest.raises(LockHeld, match=r"manifest 'nightly'.*nightly\.lock"):
        Lock(tmp_path, "nightly")
    first.release()
    first.release()
    Lock(tmp_path, "nightly").release()


def test_two_manifests_share_a_state_folder(tmp_path: Path) -> None:
    nightly, weekly = Lock(tmp_path / "new", "nightly"), Lock(tmp_path / "new", "weekly")
    nightly.release()
    weekly.release()


def test_a_state_folder_that_is_a_file_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StorageFailed, match=r"state"):
        Lock(tmp_path / "state", "nightly")


async def test_a_second_process_is_locked_out_until_the_first_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld):
            Ledger.open(tmp_path, "nightly", durability="none")
    finally:
        holder.kill()
        holder.communicate()
    await Ledger.open(tmp_path, "nightly", durability="none").close()


async def test_a_child_that_outlives_the_run_does_not_keep_the_lock(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "nightly", durability="none")
    child = subprocess.Popen(["sleep", "30"])
    try:
        await ledger.close()
        await Ledger.open(tmp_path, "nightly", durability="none").close()
    finally:
        child.kill()
        child.wait()
