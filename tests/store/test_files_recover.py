"""What a run that died while naming a file left behind is finished, or fetched again: never guessed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.store.outputs import output_root, tree

DATA = b"the whole file" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    return tmp_path / "d"


async def recovered(folder: Path, *, replace: bool = False) -> bool:
    async with output_root(folder.parent) as output:
        saved = await output.recover("d/f", sha256=SHA256, size=len(DATA), replace=replace)
    if saved is None:
        return False
    assert (folder / "f").read_bytes() == DATA
    assert (saved.target, saved.size, saved.sha256) == ("d/f", len(DATA), SHA256)
    assert saved.mtime_ns == (folder / "f").stat().st_mtime_ns
    return True


async def test_a_whole_target_is_done(folder: Path) -> None:
    (folder / "f").write_bytes(DATA)
    assert await recovered(folder)


async def test_a_file_of_a_time_that_the_ledger_cannot_hold_is_done_too(folder: Path) -> None:
    (folder / "f").write_bytes(DATA)
    os.utime(folder / "f", ns=(2**63 + 5, 2**63 + 5))
    async with output_root(folder.parent) as output:
        saved = await output.recover("d/f", sha256=SHA256, size=len(DATA))
    assert saved is not None
    assert saved.mtime_ns == 2**63 - 1


async def test_a_kill_between_link_and_unlink_leaves_one_name(folder: Path) -> None:
    (folder / "f").write_bytes(DATA)
    (folder / "f.part").hardlink_to(folder / "f")
    assert await recovered(folder)
    assert tree(folder) == {"f"}


async def test_a_whole_part_file_gets_its_name(folder: Path) -> None:
    (folder / "f.part").write_bytes(DATA)
    assert await recovered(folder)
    assert tree(folder) == {"f"}


@pytest.mark.parametrize("left", [DATA[:-1], DATA + b"x", b"x" * len(DATA), b""])
async def test_a_part_file_with_other_bytes_is_fetched_again(folder: Path, left: bytes) -> None:
    (folder / "f.part").write_bytes(left)
    assert not await recovered(folder)
    assert tree(folder) == {"f.part"}


@pytest.mark.parametrize("folder_is_there", [True, False])
async def test_nothing_there_is_fetched_again(tmp_path: Path, folder_is_there: bool) -> None:
    if folder_is_there:
        (tmp_path / "d").mkdir()
    assert not await recovered(tmp_path / "d")


async def test_a_foreign_file_at_the_target_is_replaced_only_when_told_so(folder: Path) -> None:
    (folder / "f").write_bytes(b"theirs")
    (folder / "f.part").write_bytes(DATA)
    assert not await recovered(folder)
    assert (folder / "f").read_bytes() == b"theirs"
    (folder / "f.part").write_bytes(DATA)
    assert await recovered(folder, replace=True)


async def test_our_own_empty_claim_is_filled(folder: Path) -> None:
    (folder / "f").touch()
    (folder / "f.part").write_bytes(DATA)
    assert await recovered(folder)


@pytest.mark.parametrize("name", ["f", "f.part"])
async def test_links_and_pipes_are_not_taken_for_files(folder: Path, name: str) -> None:
    (folder / "elsewhere").write_bytes(DATA)
    (folder / name).symlink_to("elsewhere")
    assert not await recovered(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert not await recovered(folder)
