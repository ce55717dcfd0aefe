"""What is remembered of pages that come next, read from the ledger many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from crawler.crawled import Page

_AT_ONCE = 64
_MOST_EXPECTED = 2000  # those that a continued round has done are never come to: they must not pile up
_MOST_HELD = 256  # pages that were read and not come to yet; 8 KiB each at most


class PageAhead:
    """``one`` asks for a page, ``some`` for many: it leaves out large ones, of those not there it says so."""

    def __init__(
        self,
        one: Callable[[int], Page | None],
        some: Callable[[Sequence[int]], Mapping[int, Page | None]],
    ) -> None:
        self._one = one
        self._some = some
        self._coming: dict[int, None] = {}
        self._held: dict[int, Page | None] = {}

    def expect(self, fingerprints: Iterable[int]) -> None:
        """These URLs will be come to, about in this order."""
        self._coming.update(dict.fromkeys(fingerprints))
        for oldest in _first(self._coming, len(self._coming) - _MOST_EXPECTED):
            del self._coming[oldest]

    @property
    def expected(self) -> int:
        """How many are to come, as far as it is remembered."""
        return len(self._coming)

    def page(self, fingerprint: int) -> Page | None:
        """What is remembered of the URL; asked for anew if it is come to again."""
        if fingerprint in self._coming and fingerprint not in self._held:
            self._read(fingerprint)
        self._coming.pop(fingerprint, None)
        if fingerprint in self._held:
            return self._held.pop(fingerprint)
        return self._one(fingerprint)

    def _read(self, fingerprint: int) -> None:
        del self._coming[fingerprint]
        asked = [fingerprint, *_first(self._coming, _AT_ONCE - 1)]
        for each in asked[1:]:
            del self._coming[each]
        self._held.update(self._some(asked))
        for oldest in _first(self._held, len(self._held) - _MOST_HELD):
            del self._held[oldest]


def _first(of: Mapping[int, object], count: int) -> list[int]:
    """The first keys, as many as that; none for a number below zero."""
    return [key for key, _ in zip(of, range(count), strict=False)]
