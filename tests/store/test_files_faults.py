"""The disk refuses: errno is named, nothing stands under the final name, the rest can go on later."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.store.outputs import MIB, output_root, tree

REPOSITORY = Path(__file__).parents[2]


@cache
def works(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(
    not works("strace", "-f", "-o", "/dev/null", "true"), reason="strace is missing or may not trace"
)
needs_mount = pytest.mark.skipif(
    not works("unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt"),
    reason="no right to mount a tmpfs in a namespace of our own",
)


def program(
    root: Path, *args: str | int, inject: str | None = None, path: Path | None = None, ends: int = 0
) -> str:
    command = [sys.executable, "-m", "tests.store.files_program", str(root), *map(str, args)]
    if inject is not None:
        only = ["-P", str(path)] if path else []
        command = ["strace", "-f", "-qq", "-o", "/dev/null", *only, *_injections(inject), *command]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ends, done.stderr
    return done.stdout.strip()


def _injections(inject: str) -> list[str]:
    return [argument for each in inject.split() for argument in ("-e", f"inject={each}")]


@pytest.mark.parametrize("options", [(), ("none",), ("checkpoint",), ("spans",), ("spans", "none")])
def test_a_file_too_large_for_the_limit_leaves_only_its_part(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    told = program(tmp_path, "d/f", 3 * MIB, f"fsize={2 * MIB}", *options)
    assert told.startswith("StorageFailed EFBIG (File too large) while writing")
    assert told.endswith("/d/f.part")
    assert tree(tmp_path) == {"d", "d/f.part"}


@needs_mount
@pytest.mark.parametrize("options", ["", "none", "checkpoint"])
def test_a_full_disk_leaves_only_the_part_file(tmp_path: Path, options: str) -> None:
    script = f"""
        mount -t tmpfs -o size=1m none {tmp_path} || exit 9
        {sys.executable} -m tests.store.files_program {tmp_path} f {3 * MIB} {options}
        ls {tmp_path}
        mount -o remount,size=8m {tmp_path}
        {sys.executable} -m tests.store.files_program {tmp_path} f {3 * MIB} {options}
        ls {tmp_path}"""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    refused, left, went_on, now = done.stdout.splitlines()
    assert refused.startswith("StorageFailed ENOSPC (No space left on device) while writing")
    assert left == "f.part"
    assert went_on.startswith("saved ")
    assert now == "f"


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_run_stops_before_the_last_space_is_gone(tmp_path: Path, size: int) -> None:
    told = program(tmp_path, "f", size, f"free={1 << 60}")
    assert told.startswith("StorageFailed ")
    assert f"min_free_disk asks for {1 << 60}" in told
    assert tree(tmp_path) == set()


@needs_strace
@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_failed_fsync_is_not_tried_again_and_the_part_file_is_gone(tmp_path: Path, size: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    told = program(root, "f", size, inject="fsync:error=EIO:when=1")
    assert told == f"StorageFailed EIO (Input/output error) while syncing {root}/f.part"
    assert tree(root) == set()


@needs_strace
@pytest.mark.parametrize("how", ["checkpoint", "spans"])
def test_a_failed_checkpoint_discards_the_part_file(tmp_path: Path, how: str) -> None:
    told = program(tmp_path, "f", 3 * MIB, how, inject="fdatasync:error=EIO:when=1")
    assert told == f"StorageFailed EIO (Input/output error) while syncing {tmp_path}/f.part"
    assert tree(tmp_path) == set()


@needs_strace
def test_a_folder_that_cannot_be_synced_fails_the_file(tmp_path: Path) -> None:
    told = program(tmp_path, "f", 10, inject="fsync:error=EIO:when=2")
    assert told.startswith("StorageFailed EIO (Input/output error) while syncing folders below")


@needs_strace
def test_a_file_system_that_cannot_sync_folders_is_remembered(tmp_path: Path) -> None:
    told = program(tmp_path, "f", 10, inject="fsync:error=EINVAL:when=2")
    assert told.startswith("saved ")
    assert told.endswith(" reduced")


@needs_strace
@pytest.mark.parametrize("call", ["write", "writev"])
@pytest.mark.parametrize("code", ["EIO", "EDQUOT", "EROFS"])
def test_every_refused_write_names_its_errno(tmp_path: Path, call: str, code: str) -> None:
    size = 10 if call == "write" else 3 * MIB
    told = program(tmp_path, "f", size, inject=f"{call}:error={code}", path=tmp_path / "f.part")
    assert told.startswith(f"StorageFailed {code} ("), told
    assert told.endswith(f"while writing {tmp_path}/f.part")
    assert tree(tmp_path) == {"f.part"}


@needs_strace
@pytest.mark.parametrize(
    "inject",
    [
        "renameat2:error=EINVAL",
        "renameat2:error=EINVAL link,linkat:error=EPERM",
    ],
    ids=["link", "claim"],
)
def test_names_are_given_where_the_file_system_knows_fewer_ways(tmp_path: Path, inject: str) -> None:
    assert program(tmp_path, "f", 10, inject=inject).startswith("saved ")
    assert tree(tmp_path) == {"f"}
    assert (tmp_path / "f").read_bytes() == b"x" * 10
    (tmp_path / "f").write_bytes(b"theirs")
    assert program(tmp_path, "f", 10, inject=inject).startswith("TargetExists ")
    assert (tmp_path / "f").read_bytes() == b"theirs"
    assert tree(tmp_path) == {"f"}


@needs_strace
@pytest.mark.parametrize("call", ["fsync", "renameat2", "close"])
async def test_a_kill_while_a_file_is_named_is_recovered_from(tmp_path: Path, call: str) -> None:
    only = tmp_path / "f" if call == "close" else None  # the descriptor goes by its newest name
    program(tmp_path, "f", 100_000, inject=f"{call}:signal=KILL", path=only, ends=-9)
    whole = b"x" * 100_000
    assert tree(tmp_path) in ({"f.part"}, {"f", "f.part"}, {"f"})
    digest = hashlib.sha256(whole).hexdigest()
    async with output_root(tmp_path) as output:
        saved = await output.recover("f", sha256=digest, size=100_000)
    assert saved is not None
    assert tree(tmp_path) == {"f"}
    assert (tmp_path / "f").read_bytes() == whole


def test_64_descriptors_are_enough(tmp_path: Path) -> None:
    assert program(tmp_path, "d", 10, "many", "nofile=64") == "saved many"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 100
