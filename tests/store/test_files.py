"""A part file: what is written is what stands at the target, whole, hashed and with its time."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from crawler.errors import TargetExists, UnsafePath
from crawler.model import Known
from tests.store.outputs import MIB, Diary, open_descriptors, output_root, tree

Durability = Literal["full", "none"]
MODES: list[tuple[Durability, Diary | None]] = [("full", Diary()), ("none", Diary()), ("none", None)]
every_mode = pytest.mark.parametrize(("durability", "journal"), MODES, ids=["full", "none", "none-here"])


@every_mode
@pytest.mark.parametrize("size", [0, 1, 10_240, 64 * 1024, 64 * 1024 + 1, MIB - 1, MIB, 3 * MIB + 17])
async def test_a_file_of_any_size_arrives_whole(
    tmp_path: Path, durability: Durability, journal: Diary | None, size: int
) -> None:
    data = os.urandom(size)
    async with output_root(tmp_path, durability, journal) as output:
        part = await output.open("a/b/file.bin", job="j", key="k")
        for start in range(0, size, 70_001):
            await part.write(data[start : start + 70_001])
        assert part.offset == size
        saved = await part.finish(replace=False, mtime=1_700_000_000)
    file = tmp_path / "a/b/file.bin"
    assert file.read_bytes() == data
    assert saved.sha256 == hashlib.sha256(data).hexdigest()
    assert (saved.target, saved.size, saved.replaced) == ("a/b/file.bin", size, False)
    assert saved.mtime_ns == file.stat().st_mtime_ns == 1_700_000_000_000_000_000
    assert tree(tmp_path) == {"a", "a/b", "a/b/file.bin"}


async def test_single_bytes_are_coalesced(tmp_path: Path) -> None:
    async with output_root(tmp_path, "none") as output:
        part = await output.open("drip", job="j", key="k")
        for _ in range(200_000):
            await part.write(b"x")
        saved = await part.finish(replace=False)
    assert saved.size == 200_000
    assert (tmp_path / "drip").read_bytes() == b"x" * 200_000


async def test_a_new_file_gets_the_mode_that_umask_leaves(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        async with output_root(tmp_path, "none") as output:
            part = await output.open("f", job="j", key="k")
            await part.finish(replace=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


@pytest.mark.parametrize("size", [100, 300_000, 2 * MIB + 5])
async def test_every_digest_is_the_one_hashlib_gives(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k", algorithms=frozenset({"md5"}))
        await part.write(data[: size // 2])
        assert await part.digest("sha256") == hashlib.sha256(data[: size // 2]).hexdigest()
        await part.write(data[size // 2 :])
        for algorithm in ("sha256", "md5", "sha1", "sha512", "blake2b"):
            assert await part.digest(algorithm) == hashlib.new(algorithm, data).hexdigest()
        saved = await part.finish(replace=False)
    assert saved.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [100, 2 * MIB + 5])
async def test_restart_leaves_no_byte_of_the_old_version(tmp_path: Path, size: int) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k", algorithms=frozenset({"md5"}))
        await part.write(b"1" * size)
        await part.checkpoint()
        await part.write(b"1" * size)
        await part.restart()
        assert part.offset == 0
        await part.write(b"two")
        assert await part.digest("md5") == hashlib.md5(b"two").hexdigest()
        saved = await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == b"two"
    assert saved.sha256 == hashlib.sha256(b"two").hexdigest()


@pytest.mark.parametrize("durability", ["full", "none"])
async def test_a_checkpoint_is_on_the_disk_and_can_be_resumed(tmp_path: Path, durability: Durability) -> None:
    data = os.urandom(3 * MIB)
    async with output_root(tmp_path, durability) as output:
        part = await output.open("d/f", job="j", key="k")
        await part.write(data[: MIB + 100])
        assert await part.checkpoint() == MIB + 100
        assert (tmp_path / "d/f.part").read_bytes() == data[: MIB + 100]
        await part.write(b"never recorded" * 100_000)
        await part.keep()
        assert tree(tmp_path) == {"d", "d/f.part"}
        part = await output.open("d/f", job="j", key="k", resume_at=MIB + 100, algorithms=frozenset({"sha1"}))
        assert part.offset == MIB + 100
        await part.write(data[MIB + 100 :])
        assert await part.digest("sha1") == hashlib.sha1(data).hexdigest()
        saved = await part.finish(replace=False)
    assert (tmp_path / "d/f").read_bytes() == data
    assert saved.sha256 == hashlib.sha256(data).hexdigest()


async def test_resume_starts_over_where_fewer_bytes_are_left(tmp_path: Path) -> None:
    (tmp_path / "short.part").write_bytes(b"12345")
    async with output_root(tmp_path) as output:
        for target in ("short", "missing"):
            part = await output.open(target, job="j", key="k", resume_at=6)
            assert part.offset == 0
            await part.write(b"new")
            await part.finish(replace=False)
            assert (tmp_path / target).read_bytes() == b"new"


async def test_a_stale_part_file_is_replaced_when_nothing_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"old bytes of a longer file")
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"new")
        await part.finish(replace=False)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert tree(tmp_path) == {"f"}


async def test_discard_removes_what_was_written_and_keep_leaves_it(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        for ending in ("keep", "discard"):
            part = await output.open(ending, job="j", key="k")
            await part.write(b"x" * 2 * MIB)
            await part.checkpoint()
            await getattr(part, ending)()
            await getattr(part, ending)()
    assert tree(tmp_path) == {"keep.part"}


async def test_a_small_file_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"half")
        await part.keep()
    assert tree(tmp_path) == set()


async def test_a_closed_part_file_takes_no_more_bytes(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        await part.finish(replace=False)
        with pytest.raises(ValueError, match=r"f\.part is closed"):
            await part.write(b"late")


@pytest.mark.parametrize("other", ["dir/File", "dir/FILE", "DIR/file", "dir/ﬁle"])
async def test_two_tasks_never_write_one_target_or_its_twin(tmp_path: Path, other: str) -> None:
    async with output_root(tmp_path) as output:
        first = await output.open("dir/file", job="j", key="1")
        with pytest.raises(TargetExists, match="another task is writing"):
            await output.open(other, job="j", key="2")
        await first.discard()
        second = await output.open(other, job="j", key="2")
        await second.discard()


async def test_targets_are_checked_once_more_at_the_door(tmp_path: Path) -> None:
    async with output_root(tmp_path / "root") as output:
        for target in ("../x", "a/../../x", "/etc/x", "a//b", "", ".", "a/\0"):
            with pytest.raises(UnsafePath):
                await output.open(target, job="j", key="k")
    assert tree(tmp_path) == {"root"}


async def test_a_file_is_intact_only_with_its_recorded_size_and_time(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("d/f", job="j", key="k")
        await part.write(b"12345")
        saved = await part.finish(replace=False)
        known = Known(outcome=None, target="d/f", size=saved.size, mtime_ns=saved.mtime_ns)
        assert output.is_intact(known)
        assert not output.is_intact(Known(outcome=None, target="d/f", size=4, mtime_ns=saved.mtime_ns))
        assert not output.is_intact(Known(outcome=None, target="d/f", size=5, mtime_ns=saved.mtime_ns + 1))
        assert not output.is_intact(Known(outcome=None, target="nowhere/f", size=5, mtime_ns=0))
        assert not output.is_intact(Known(outcome=None))
        (tmp_path / "d/link").symlink_to("f")
        assert not output.is_intact(Known(outcome=None, target="d/link", size=5, mtime_ns=saved.mtime_ns))
        (tmp_path / "d/f").unlink()
        assert not output.is_intact(known)


@pytest.mark.parametrize("year", [1, 1600, 1969, 2300, 9999])
async def test_a_time_that_the_ledger_cannot_hold_becomes_the_nearest_one(tmp_path: Path, year: int) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        await part.write(b"12345")
        mtime = datetime(year, 1, 1, tzinfo=UTC).timestamp()
        saved = await part.finish(replace=False, mtime=mtime)
        assert abs(saved.mtime_ns) < 2**63
        assert output.is_intact(Known(outcome=None, target="f", size=5, mtime_ns=saved.mtime_ns))


async def test_exists_counts_folders_and_dangling_links_too(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    async with output_root(tmp_path) as output:
        assert output.exists("dangling")
        assert output.exists("folder")
        assert not output.exists("file")
        assert not output.exists("no/such/folder/file")


async def test_hundreds_of_folders_need_few_descriptors_and_none_is_left(tmp_path: Path) -> None:
    before = open_descriptors()
    async with output_root(tmp_path, "full", Diary()) as output:

        async def save(number: int) -> None:
            part = await output.open(f"d{number}/sub/f", job="j", key=str(number))
            await part.write(b"%d" % number)
            await part.finish(replace=False)

        await asyncio.gather(*map(save, range(300)))
        assert len(open_descriptors() - before) < 100
    assert all((tmp_path / f"d{number}/sub/f").read_bytes() == b"%d" % number for number in range(300))
    assert not [path for path in open_descriptors() - before if str(tmp_path) in path]


async def test_missing_roots_are_made(tmp_path: Path) -> None:
    async with output_root(tmp_path / "x/y/z") as output:
        assert not output.exists("f")
    assert (tmp_path / "x/y/z").is_dir()
