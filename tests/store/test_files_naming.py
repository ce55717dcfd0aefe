"""The final name: atomic, never over a file that may not be replaced, never through a link."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from pathlib import Path
from typing import Literal

import pytest

from crawler.errors import TargetExists, UnsafePath
from crawler.model import Saved
from crawler.store.output import OutputRoot
from tests.store.outputs import MIB, Diary, output_root, tree

MODES: list[tuple[Literal["full", "none"], Diary | None]] = [("full", Diary()), ("none", None)]
every_mode = pytest.mark.parametrize(("durability", "journal"), MODES, ids=["batch", "here"])


async def save(
    output: OutputRoot, target: str, data: bytes, *, replace: bool = False, resume_at: int | None = None
) -> Saved:
    part = await output.open(target, job="j", key=target, resume_at=resume_at)
    await part.write(data)
    return await part.finish(replace=replace)


@every_mode
async def test_a_foreign_file_is_left_alone(
    tmp_path: Path, durability: Literal["full", "none"], journal: Diary | None
) -> None:
    (tmp_path / "f").write_bytes(b"theirs")
    async with output_root(tmp_path, durability, journal) as output:
        for size in (4, 2 * MIB):
            with pytest.raises(TargetExists, match=r"exists already \(-rw.* of 6 bytes\)"):
                await save(output, "f", b"x" * size)
            assert (tmp_path / "f").read_bytes() == b"theirs"
            assert tree(tmp_path) == {"f"}


@every_mode
async def test_a_file_that_is_ours_is_replaced_whole(
    tmp_path: Path, durability: Literal["full", "none"], journal: Diary | None
) -> None:
    async with output_root(tmp_path, durability, journal) as output:
        assert not (await save(output, "f", b"one", replace=True)).replaced
        before = (tmp_path / "f").open("rb")
        assert (await save(output, "f", b"two", replace=True)).replaced
        with before:
            assert before.read() == b"one"  # a reader keeps the version that it opened
    assert (tmp_path / "f").read_bytes() == b"two"
    assert tree(tmp_path) == {"f"}


@every_mode
@pytest.mark.parametrize("replace", [False, True])
async def test_a_folder_at_the_target_is_never_replaced(
    tmp_path: Path, durability: Literal["full", "none"], journal: Diary | None, replace: bool
) -> None:
    (tmp_path / "f").mkdir()
    async with output_root(tmp_path, durability, journal) as output:
        with pytest.raises(TargetExists, match="exists already"):
            await save(output, "f", b"x", replace=replace)
    assert tree(tmp_path) == {"f"}


@every_mode
@pytest.mark.parametrize("links_to", ["victim", "nowhere"])
async def test_a_link_at_the_target_is_only_a_name(
    tmp_path: Path, durability: Literal["full", "none"], journal: Diary | None, links_to: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    root = tmp_path / "root"
    root.mkdir()
    (root / "f").symlink_to(tmp_path / links_to)
    async with output_root(root, durability, journal) as output:
        with pytest.raises(TargetExists):
            await save(output, "f", b"x")
        assert (root / "f").is_symlink()
        await save(output, "f", b"x", replace=True)
    assert not (root / "f").is_symlink()
    assert (root / "f").read_bytes() == b"x"
    assert victim.read_bytes() == b"precious"
    assert tree(tmp_path) == {"victim", "root", "root/f"}


@pytest.mark.parametrize("target", ["link/f", "link/deeper/f", "d/link/f", "file/f"])
async def test_no_link_or_file_is_passed_through_as_a_folder(tmp_path: Path, target: str) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    (root / "file").write_bytes(b"")
    (root / "link").symlink_to(outside)
    (root / "d/link").symlink_to("../../outside")
    async with output_root(root) as output:
        with pytest.raises(UnsafePath, match="symbolic link or a file"):
            await output.open(target, job="j", key="k")
        with pytest.raises(UnsafePath):
            await output.open(target, job="j", key="k", resume_at=5)
    assert list(outside.iterdir()) == []


async def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    async with output_root(root, "none") as output:
        for number in range(100):  # more than the cache keeps
            part = await output.open(f"d{number}/f", job="j", key="k")
            if number == 0:
                first = part
                (root / "d0").rename(root / "moved")
                (root / "d0").symlink_to(outside)
            else:
                await part.discard()
        await first.write(b"x")
        with pytest.raises(UnsafePath, match="symbolic link"):
            await first.finish(replace=True)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("resume_at", [None, 3])
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder", "hard link"])
async def test_what_is_no_part_file_of_ours_is_neither_written_nor_removed(
    tmp_path: Path, kind: str, resume_at: int | None
) -> None:
    victim, root = tmp_path / "victim", tmp_path / "root"
    victim.write_bytes(b"precious")
    root.mkdir()
    trap = root / "f.part"
    match kind:
        case "link":
            trap.symlink_to(victim)
        case "dangling":
            trap.symlink_to(tmp_path / "new")
        case "fifo":
            os.mkfifo(trap)
        case "folder":
            trap.mkdir()
        case _:
            trap.hardlink_to(victim)
            (root / "third").hardlink_to(victim)
    async with output_root(root) as output:
        with pytest.raises(UnsafePath, match=r"f\.part is no part file of ours"):
            await save(output, "f", b"x", replace=True, resume_at=resume_at)
        again = await output.open("g", job="j", key="k")  # the claim on f is gone, and g is free
        await again.discard()
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "new").exists()
    assert os.path.lexists(trap)
    assert not (root / "f").exists()


async def test_a_part_file_that_another_process_writes_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "f.part").open("wb") as other:
        other.write(b"theirs")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        async with output_root(tmp_path) as output:
            with pytest.raises(TargetExists, match="another process is writing"):
                await save(output, "f", b"ours")
            with pytest.raises(TargetExists, match="another process is writing"):
                await output.open("f", job="j", key="k", resume_at=6)
    assert (tmp_path / "f.part").read_bytes() == b"theirs"


async def test_discard_removes_only_the_file_it_wrote(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"x" * 2 * MIB)
        await part.checkpoint()
        (tmp_path / "f.part").unlink()
        (tmp_path / "f.part").write_bytes(b"somebody else's")
        await part.discard()
    assert (tmp_path / "f.part").read_bytes() == b"somebody else's"


@every_mode
async def test_bytes_that_were_exchanged_get_no_final_name(
    tmp_path: Path, durability: Literal["full", "none"], journal: Diary | None
) -> None:
    async with output_root(tmp_path, durability, journal) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"x" * 2 * MIB)
        await part.checkpoint()
        (tmp_path / "f.part").unlink()
        (tmp_path / "f.part").write_bytes(b"foreign")
        with pytest.raises(UnsafePath, match="no longer the file that was written"):
            await part.finish(replace=True)
    assert tree(tmp_path) == {"f.part"}


async def test_of_two_writers_of_one_name_exactly_one_wins(tmp_path: Path) -> None:
    rivals = 200
    won: list[int] = []
    start = threading.Barrier(2)

    def rival() -> None:
        start.wait()
        for number in range(rivals):
            try:
                os.close(os.open(tmp_path / str(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                won.append(number)
            except FileExistsError:
                pass

    thread = threading.Thread(target=rival)
    lost = set()
    async with output_root(tmp_path, "none") as output:
        thread.start()
        start.wait()
        for number in reversed(range(rivals)):
            try:
                await save(output, str(number), b"ours")
            except TargetExists:
                lost.add(number)
        thread.join()
    assert lost == set(won)
    for number in range(rivals):
        assert (tmp_path / str(number)).read_bytes() == (b"" if number in lost else b"ours")
    assert len(tree(tmp_path)) == rivals


async def test_many_files_at_once_keep_their_own_bytes(tmp_path: Path) -> None:
    async with output_root(tmp_path, "full", Diary(), chunk_size=4096) as output:
        sizes = [number * 997 for number in range(64)]
        saved = await asyncio.gather(
            *(save(output, f"d{size % 7}/{size}", b"%d" % (size % 10) * size) for size in sizes)
        )
    for size, each in zip(sizes, saved, strict=True):
        assert each.size == size
        assert (tmp_path / each.target).read_bytes() == b"%d" % (size % 10) * size
