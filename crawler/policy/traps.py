"""Signs that a site makes up its URLs as a crawler asks for them: repeated folders, endless queries."""

from __future__ import annotations

from collections import OrderedDict

from crawler.policy.verdict import Verdict

# A relative link that lacks its leading slash repeats a folder or two; longer ones are not looked for, which
# bounds the work on a hostile path of a thousand segments to a millisecond.
_LONGEST_PERIOD = 16
# Paths whose queries are counted at a time, about 200 bytes each.
_PATHS_COUNTED = 20_000


def repeated_segments(path: str, times: int) -> str | None:
    """The sequence of segments that stands ``times`` times in a row in the path, or ``None``; two at least.

    ``/a/b/a/b/a/b`` repeats ``a/b`` three times. Empty segments count as any others.
    """
    if path.count("/") < times:
        return None
    segments = path.split("/")[1:]
    if len(segments) - len(set(segments)) < times - 1:
        return None  # the cheap test that nearly every path ends with
    for period in range(1, min(_LONGEST_PERIOD, len(segments) // times) + 1):
        alike = 0  # how long each segment has been the one a period before
        for place in range(period, len(segments)):
            alike = alike + 1 if segments[place] == segments[place - period] else 0
            if alike == period * (times - 1):
                return "/".join(segments[place - period + 1 : place + 1])
    return None


class QueryCounts:
    """How many different queries each path has had, for as many paths as were seen last.

    It is asked once for each new URL: telling new from known is its caller's part.
    """

    def __init__(self, most: int | None, *, paths: int = _PATHS_COUNTED) -> None:
        self._most = most
        self._paths = paths
        self._counts: OrderedDict[int, int] = OrderedDict()

    def admit(self, url: str) -> Verdict:
        """Count a new URL, and whether its path has not had its number of queries yet."""
        page, mark, _ = url.partition("?")
        if not mark or self._most is None:
            return _NOT_COUNTED
        key = hash(page)
        count = self._counts.pop(key, 0) + 1
        self._counts[key] = min(count, self._most + 1)
        if len(self._counts) > self._paths:
            self._counts.popitem(last=False)
        if count > self._most:
            return Verdict(
                False, f"max_queries: {page} has had {self._most} different queries, the most for one path"
            )
        return _COUNTED

    def __len__(self) -> int:
        return len(self._counts)


_NOT_COUNTED = Verdict(True, "its queries are not counted")
_COUNTED = Verdict(True, "its path has not had its number of different queries")
