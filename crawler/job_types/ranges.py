"""Which byte ranges of a file to fetch side by side, and which are still missing; pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

from crawler.model import Checkpoint

Gap = tuple[int, int]  # from the first to before the second
Segments = int | Literal["auto"]

MIB = 1024 * 1024
# Several streams only pay for what a round trip or a slow start costs; below this size of a file the
# further requests cost more than they bring.
AUTO_FROM = 64 * MIB
AUTO_SEGMENTS = 4
LEAST_AUTO = 8 * MIB  # of one segment
LEAST = MIB  # of one segment where the job names the number itself


def plan(version: Checkpoint, wanted: Segments, headers: Mapping[str, str]) -> list[Gap]:
    """What to fetch: the gaps that an earlier attempt left, or the rest of the file cut into segments.

    ``headers`` are those of the answer that is there already.
    """
    todo = missing(version)
    if version.gaps or not todo:
        return todo
    [(start, end)] = todo
    offered = headers.get("Accept-Ranges", "").strip().lower() == "bytes"
    return split(start, end, parts(wanted, left=end - start, total=end, offered=offered))


def most(wanted: Segments, todo: Sequence[Gap]) -> int:
    """How many of the ranges to fetch at the same time."""
    return min(AUTO_SEGMENTS if wanted == "auto" else wanted, len(todo))


def parts(wanted: Segments, *, left: int, total: int, offered: bool) -> int:
    """Into how many segments to cut the ``left`` last bytes of a file of ``total`` bytes.

    ``auto`` splits large files only, and only where the server ``offered`` ranges (``Accept-Ranges``);
    a job that names a number has its server asked in any case.
    """
    if wanted == "auto":
        return max(1, min(AUTO_SEGMENTS, left // LEAST_AUTO)) if offered and total >= AUTO_FROM else 1
    return max(1, min(wanted, left // LEAST))


def split(start: int, end: int, count: int) -> list[Gap]:
    """``start`` to ``end`` in ``count`` ranges of sizes that differ by one byte at most; none is empty."""
    length = end - start
    count = max(1, min(count, length))
    edges = [start + length * number // count for number in range(count + 1)]
    return list(pairwise(edges))


def missing(reached: Checkpoint) -> list[Gap]:
    """What a checkpoint of a file of known size leaves to fetch."""
    if reached.gaps:
        return list(reached.gaps)
    total = reached.total or 0
    return [(reached.offset, total)] if reached.offset < total else []


def extent(reached: Checkpoint) -> int:
    """Bytes that the part file must have at least for all that the checkpoint calls durable."""
    if not reached.gaps or reached.total is None:
        return reached.offset
    start, end = reached.gaps[-1]
    return start if end == reached.total else reached.total


def reached(version: Checkpoint, left: Iterable[Gap]) -> Checkpoint:
    """The checkpoint of a version of which only ``left`` is missing; neighbours become one gap."""
    total = version.total or 0
    gaps: list[Gap] = []
    for start, end in sorted(left):
        if gaps and gaps[-1][1] == start:
            gaps[-1] = (gaps[-1][0], end)
        elif start < end:
            gaps.append((start, end))
    there = total - sum(end - start for start, end in gaps)
    if not gaps or gaps[0] == (there, total):
        return replace(version, offset=there, gaps=())
    return replace(version, offset=there, gaps=tuple(gaps))
