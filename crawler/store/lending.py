"""Memory that is lent to whoever receives a file, and filled again once it is written."""

from __future__ import annotations

from collections.abc import Iterable

from crawler.store.sink import Piece


class Lending:
    """Blocks of one size; a new one only where none has come back, for each costs its page faults."""

    def __init__(self, size: int) -> None:
        """``size`` of a block in bytes."""
        self._size = size
        self._block: bytearray | None = None  # being filled
        self._used = 0
        self._spare: list[bytearray] = []

    @property
    def begun(self) -> bool:
        """Whether a block is being filled."""
        return self._block is not None

    def room(self) -> memoryview:
        """What is free of the block that is being filled."""
        if self._block is None:
            self._block = self._spare.pop() if self._spare else bytearray(self._size)
            self._used = 0
        return memoryview(self._block)[self._used :]

    def filled(self, count: int) -> memoryview:
        """The first ``count`` bytes of the room, which are in use from now on."""
        assert self._block is not None
        start, self._used = self._used, self._used + count
        return memoryview(self._block)[start : self._used]

    @property
    def full(self) -> bool:
        """Whether the block has no room left."""
        return self._block is not None and self._used == len(self._block)

    def part_with(self) -> None:
        """The block goes on its way as far as it is full; the next room is another one's."""
        self._block = None

    def take_back(self, pieces: Iterable[Piece]) -> None:
        """These are written: what is of a block that was lent here may be filled again."""
        views = [piece for piece in pieces if isinstance(piece, memoryview)]
        for block in {id(view.obj): view.obj for view in views}.values():
            if isinstance(block, bytearray) and len(block) == self._size and block is not self._block:
                self._spare.append(block)
