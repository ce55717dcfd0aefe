"""A full disk under the ledger: named, told to everybody, and nothing lost once there is room."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from crawler.errors import StorageFailed
from crawler.store.ledger import Ledger
from tests.store.ledgers import CHECKPOINT, FILE, ended, record, run, settled


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs needs root: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=32m", str(disk)], check=True)


async def test_a_disk_that_fills_up_stops_the_run_and_a_larger_one_continues_it(small_disk: Path) -> None:
    ledger = Ledger.open(small_disk, "nightly", durability="full")
    ledger.begin("one", 1e9, manifest="nightly.yaml")
    told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    ledger.on_failure(told.set_result)
    done: list[str] = []
    for n in range(20_000):
        if ledger.failed is not None:
            break
        ledger.settle(record(str(n), **FILE), partial(done.append, str(n)))
        await asyncio.sleep(0 if n % 100 else 0.002)
    assert await told is ledger.failed
    assert isinstance(ledger.failed, StorageFailed)
    assert "ENOSPC" in str(ledger.failed)
    with pytest.raises(StorageFailed, match="ENOSPC"):
        ledger.settle(record("late"), lambda: None)
    with pytest.raises(StorageFailed, match="ENOSPC"):
        await ledger.checkpoint("images", "late", "", "x", CHECKPOINT)
    with pytest.raises(StorageFailed, match="ENOSPC"):
        await ledger.finish(ended("one"))
    await ledger.close()

    enlarge(small_disk)
    async with run(small_disk, "two") as ledger:
        assert done
        assert all(ledger.find("images", key) for key in done)
        await settled(ledger, *(record(str(n), **FILE) for n in range(3000)))


async def test_a_disk_that_is_full_from_the_start_is_named_and_no_half_ledger_stays(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        sum(file.write(bytes(4096)) for _ in range(1000))
    with pytest.raises(StorageFailed, match="ENOSPC"):
        Ledger.open(small_disk, "nightly", durability="full")
    assert not (small_disk / "nightly.sqlite").exists()
    ballast.unlink()
    async with run(small_disk) as ledger:
        await settled(ledger, record())
