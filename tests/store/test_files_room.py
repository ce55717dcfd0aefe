"""A part file lends its memory: what is received there is stored, in order, without a copy."""

from __future__ import annotations

import hashlib
import os
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest

from tests.store.outputs import MIB, Diary, output_root


@pytest.mark.parametrize("chunk", [MIB, 100_000])
@pytest.mark.parametrize("step", [10**9, 70_001])
@pytest.mark.parametrize("durability", ["full", "none"])
async def test_what_is_received_into_its_memory_is_the_file(
    tmp_path: Path, chunk: int, step: int, durability: Literal["full", "none"]
) -> None:
    data = os.urandom(12 * MIB + 17)
    async with output_root(tmp_path, durability, Diary(), chunk) as output:
        part = await output.open("f", job="j", key="k")
        saves: list[int] = []
        while part.offset < len(data):
            room = await part.room()
            assert 0 < len(room) <= chunk
            piece = data[part.offset : part.offset + min(step, len(room))]
            room[: len(piece)] = piece
            await part.filled(len(piece))
            if len(saves) < part.offset // (3 * MIB):
                saves.append(await part.save())
        assert saves == sorted(saves)
        assert await part.digest("sha256") == hashlib.sha256(data).hexdigest()
        saved = await part.finish(replace=False)
    assert saved.size == len(data)
    assert (tmp_path / "f").read_bytes() == data


async def test_writing_and_lending_may_take_turns(tmp_path: Path) -> None:
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        for turn in range(40):
            await part.write(bytes([turn]) * 90_000)
            room = await part.room()
            size = min(len(room), 50_000)
            room[:size] = bytes([200 + turn]) * size
            await part.filled(size)
            if turn % 7 == 0:
                assert await part.checkpoint() == part.offset
        reached = part.offset
        saved = await part.finish(replace=False)
    content = (tmp_path / "f").read_bytes()
    assert (saved.size, len(content)) == (reached, reached)
    runs = [content[0]] + [b for a, b in pairwise(content) if a != b]
    assert [run for run in runs if run < 200] == list(range(40))
    assert sorted({run for run in runs if run >= 200}) == list(range(200, 240))


async def test_a_save_never_promises_more_than_the_file_has(tmp_path: Path) -> None:
    data = os.urandom(5 * MIB)
    async with output_root(tmp_path) as output:
        part = await output.open("f", job="j", key="k")
        assert await part.save() == 0
        for start in range(0, len(data), MIB):
            (await part.room())[:] = data[start : start + MIB]
            await part.filled(MIB)
            promised = await part.save()
            assert (tmp_path / "f.part").read_bytes()[:promised] == data[:promised]
            assert promised <= (tmp_path / "f.part").stat().st_size
        assert await part.checkpoint() == len(data)
        assert await part.save() == len(data)
        await part.keep()
        part = await output.open("f", job="j", key="k", resume_at=promised)
        assert part.offset == promised
        assert await part.digest("sha256") == hashlib.sha256(data[:promised]).hexdigest()
        await part.discard()
