"""64 bits that stand for a URL, and a set of them that takes little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from hashlib import blake2b

# One table would stop the program for as long as it takes to move all its entries when it grows; a
# 256th of them takes milliseconds. A power of two, as the lowest bits choose the table.
_TABLES = 256
_FIRST_SLOTS = 8
# Fuller tables need long searches, emptier ones waste memory: grown by 1.4 at 0.7, they are never less
# than half full, so that an entry takes 11.4 to 16 bytes.
_FULLEST = 0.7
_GROWTH = 1.4
_EMPTY = 0


def fingerprint(url: str) -> int:
    """64 bits of BLAKE2b (RFC 7693), signed as SQLite stores integers. Of 10 million URLs, two are
    taken for one with a probability of 3 in a million."""
    return int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "little", signed=True)


class Fingerprints:
    """A set of signed 64-bit integers that only grows, at 11 to 16 bytes an entry.

    Open addressing: each integer sits in the first free slot from the one that its value names. Made for
    values that are spread evenly, as hashes are; others are right, too, but slow.
    """

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._tables = [array("q", bytes(8 * _FIRST_SLOTS)) for _ in range(_TABLES)]
        self._room = [int(_FIRST_SLOTS * _FULLEST)] * _TABLES  # entries until a table grows
        self._size = 0
        self._has_empty = False  # whether the value that marks a free slot was added itself
        for value in values:
            self.add(value)

    def add(self, value: int) -> bool:
        """Whether the value is new; it is in the set from now on. Raises OverflowError beyond 64 bits."""
        if value == _EMPTY:
            return self._add_empty()
        number = value & (_TABLES - 1)
        table = self._tables[number]
        place = _place(table, value)
        if table[place] == value:
            return False
        table[place] = value
        self._size += 1
        self._room[number] -= 1
        if not self._room[number]:
            self._grow(number)
        return True

    def __contains__(self, value: int) -> bool:
        if value == _EMPTY:
            return self._has_empty
        table = self._tables[value & (_TABLES - 1)]
        return table[_place(table, value)] == value

    def __len__(self) -> int:
        return self._size

    @property
    def memory(self) -> int:
        """Bytes that the tables take."""
        return sum(8 * len(table) for table in self._tables)

    def _add_empty(self) -> bool:
        new = not self._has_empty
        self._has_empty = True
        self._size += new
        return new

    def _grow(self, number: int) -> None:
        old = self._tables[number]
        slots = int(len(old) * _GROWTH) + 1
        table = array("q", bytes(8 * slots))
        for value in old:
            if value != _EMPTY:
                table[_place(table, value)] = value
        self._tables[number] = table
        self._room[number] = int(slots * _FULLEST) - int(len(old) * _FULLEST)


def _place(table: array[int], value: int) -> int:
    """The slot that holds the value, or the free one where it belongs; a table is never full."""
    slots = len(table)
    place = (value // _TABLES) % slots
    while (found := table[place]) != _EMPTY and found != value:
        place += 1
        if place == slots:
            place = 0
    return place
