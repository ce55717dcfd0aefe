"""Small disks that can be filled up, and that grow when asked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


class Disk:
    """A tmpfs of so many KiB."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        folder.mkdir()
        _mount("-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder))

    def enlarge(self, size: int) -> None:
        """Give it ``size`` KiB in all."""
        _mount("-o", f"remount,size={size}k", str(self.folder))

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


def _mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Make a disk of so many KiB; it is unmounted when the test has ended."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    with ExitStack() as stack:

        def make(size: int) -> Disk:
            try:
                made = Disk(tmp_path / "disk", size)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"no tmpfs can be mounted here: {error}")
            stack.callback(made.close)
            return made

        yield make
