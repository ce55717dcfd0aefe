"""Where a target lies below the output root."""

from __future__ import annotations

from msgspec import Struct

from crawler.errors import UnsafePath
from crawler.policy.names import PART_SUFFIX

NO_NAMES = frozenset({"", ".", ".."})


class Where(Struct, frozen=True):
    """A target taken apart: its folder (POSIX, below the root), its name there and its part file's."""

    root: str
    target: str
    folder: str
    name: str
    part: str

    @property
    def shown(self) -> str:
        """The whole path for messages."""
        return f"{self.root}/{self.target}"


def where(root: str, target: str) -> Where:
    """Take a target apart. Raises ``UnsafePath`` for one that could lead out of the root."""
    if "\0" in target or not NO_NAMES.isdisjoint(target.split("/")):
        raise UnsafePath(f"target {target!r} is no plain relative path below the output root")
    folder, _, name = target.rpartition("/")
    return Where(root, target, folder, name, name + PART_SUFFIX)
