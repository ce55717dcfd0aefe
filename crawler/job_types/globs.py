"""Files below the output root that a glob names: sorted, no link followed, nothing of our own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from crawler.policy.names import PART_SUFFIX

STATE_FOLDER = ".crawler"

_MAGIC = re.compile(r"[*?\[]")


def check_glob(pattern: str) -> str:
    """The pattern as given. Raises ValueError if it could name something outside the output root."""
    if not pattern or pattern.startswith("/") or "\\" in pattern or "\0" in pattern:
        raise ValueError(f"expected a glob below the output root such as reports/*.csv, found {pattern!r}")
    if ".." in pattern.split("/"):
        raise ValueError(f"{pattern!r} climbs with '..'; expected a glob below the output root")
    return pattern


def matches(root: Path, pattern: str) -> list[str]:
    """Regular files that the pattern names, as sorted POSIX paths below ``root``.

    ``*`` and ``?`` stay within a folder, ``**`` stands for any number of them, and neither finds names
    that begin with a dot. Part files and the state folder are left out. Symbolic links are not followed.
    """
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    found = set(_below(str(root), "", parts)) if parts else set()
    return sorted(found)


def _below(folder: str, relative: str, parts: list[str]) -> Iterator[str]:
    first, rest = parts[0], parts[1:]
    if first == "**" and rest:
        yield from _below(folder, relative, rest)
    for entry in _entries(folder):
        name = entry.name
        if not relative and name == STATE_FOLDER:
            continue
        path = f"{relative}{name}"
        if entry.is_dir(follow_symlinks=False):
            if first == "**" and not name.startswith("."):
                yield from _below(entry.path, f"{path}/", parts)
            elif rest and _fits(name, first):
                yield from _below(entry.path, f"{path}/", rest)
        elif not rest and _fits(name, first) and _is_whole_file(entry):
            yield path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _fits(name: str, pattern: str) -> bool:
    if _MAGIC.search(pattern) is None:
        return name == pattern
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return fnmatchcase(name, "*" if pattern == "**" else pattern)


def _is_whole_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) and not entry.name.lower().endswith(PART_SUFFIX)
