"""Which of several sources of one file to ask next, by their order and by how they did."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from crawler.model import ErrorClass, Failure

# A failure of this machine or of the manifest: no other source could do better.
OURS = frozenset(
    {
        *(ErrorClass.STORAGE, ErrorClass.EXISTS, ErrorClass.UNSAFE_PATH, ErrorClass.TEMPLATE),
        *(ErrorClass.SOURCE_CHANGED, ErrorClass.BUG),
    }
)
# A failure that says something about the host; others are about the one file.
OF_THE_HOST = frozenset(
    {
        *(ErrorClass.DNS, ErrorClass.CONNECT, ErrorClass.TLS, ErrorClass.TIMEOUT, ErrorClass.TOO_SLOW),
        *(ErrorClass.TRUNCATED, ErrorClass.DECODE, ErrorClass.PROTOCOL, ErrorClass.REDIRECT),
    }
)
MOST_HOSTS = 1024  # remembered; mirrors may come from the columns of a long list
LONGEST = 160  # characters of one source's failure in the message about all of them


@dataclass(slots=True)
class _Score:
    failures: int = 0
    bytes: int = 0
    seconds: float = 0.0


class Scores:
    """How each host of a mirrored file did in this run."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, _Score] = OrderedDict()

    def failed(self, host: str, failure: Failure) -> None:
        """Count a failure against the host, if it is the host's: a 404 is only about one file."""
        of_server = failure.status is not None and (failure.status >= 500 or failure.status == 429)
        if failure.kind in OF_THE_HOST or of_server:
            self._of(host).failures += 1

    def served(self, host: str, count: int, seconds: float) -> None:
        """The host sent ``count`` bytes of a good file within ``seconds``."""
        score = self._of(host)
        score.bytes += count
        score.seconds += seconds

    def ranked(self, hosts: Sequence[str]) -> list[int]:
        """Places in ``hosts``, best first: fewest failures, then fastest, then as written."""
        return sorted(range(len(hosts)), key=lambda place: (*self._merit(hosts[place]), place))

    def _merit(self, host: str) -> tuple[int, float]:
        score = self._hosts.get(host)
        if score is None:
            return 0, 0.0
        return score.failures, -(score.bytes / score.seconds if score.seconds > 0 else 0.0)

    def _of(self, host: str) -> _Score:
        score = self._hosts.setdefault(host, _Score())
        self._hosts.move_to_end(host)
        if len(self._hosts) > MOST_HOSTS:
            self._hosts.popitem(last=False)
        return score


class Sources:
    """One task's way through its sources: each once a round, those that failed for good never again."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.rounds = 1  # the one under way included
        self._hosts = hosts
        self._asked: set[int] = set()  # in this round
        self._failed: dict[int, Failure] = {}

    def next(self, scores: Scores) -> int | None:
        """The source to ask now, or ``None`` if this round has asked all that are left."""
        open_ = [place for place in scores.ranked(self._hosts) if self._may_ask(place)]
        return open_[0] if open_ else None

    def failed(self, source: int, failure: Failure) -> None:
        """The attempt at this source failed."""
        self._asked.add(source)
        self._failed[source] = failure

    def next_round(self) -> None:
        """All that have not failed for good may be asked again."""
        self.rounds += 1
        self._asked.clear()

    def verdict(self, names: Sequence[str]) -> Failure:
        """What the task failed for once no source is left; ``names`` tells them apart in the message.

        A failure that another run may get over counts more than one that is for good.
        """
        told = max(self._failed.values(), key=lambda failure: failure.retryable)
        each = (f"{names[place]}: {_short(failure.message)}" for place, failure in self._failed.items())
        return replace(told, message=f"every source failed: {'; '.join(each)}")

    def _may_ask(self, place: int) -> bool:
        failure = self._failed.get(place)
        return place not in self._asked and (failure is None or failure.retryable)


def _short(message: str) -> str:
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
