"""Tasks with several sources: whom to ask next, and when, once an attempt has failed."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from crawler.engine.admitted import Admitted
from crawler.job_types.resume import version_url
from crawler.model import Result
from crawler.policy import mirrors, retry, urls


class Mirrors:
    """What the run has learned of the hosts of mirrored files; tasks without mirrors are passed over."""

    def __init__(self) -> None:
        self._scores = mirrors.Scores()

    def begin(self, admitted: Admitted) -> None:
        """Choose the source of the first attempt: the one that a part file is of, else the best."""
        task = admitted.task
        if not task.mirrors:
            return
        requests = (task.request, *task.mirrors)
        admitted.sources = mirrors.Sources([urls.slot(request.url) for request in requests])
        checkpoint = task.known.checkpoint if task.known is not None else None
        if checkpoint is not None and checkpoint.offset:
            for place, request in enumerate(requests):
                if version_url(request.url) == checkpoint.url:
                    admitted.turn_to(place)
                    return
        admitted.turn_to(admitted.sources.next(self._scores) or 0)

    def served(self, admitted: Admitted, result: Result, seconds: float) -> None:
        """The attempt ended well."""
        if admitted.sources is not None and result.bytes:
            self._scores.served(admitted.home, result.bytes, seconds)

    def failed(self, admitted: Admitted, result: Result, chance: float) -> tuple[float | None, Result]:
        """Seconds until the next attempt, its source chosen; or ``None``, and the failure of the task.

        The next source is asked at once. Between two rounds over all of them the task's rule says how
        long to wait, and its ``attempts`` is the number of rounds.
        """
        sources, task, failure = admitted.sources, admitted.task, result.failure
        assert sources is not None
        assert failure is not None
        if failure.kind in mirrors.OURS:
            return None, result
        sources.failed(task.source, failure)
        self._scores.failed(admitted.home, failure)
        wait: float | None = 0.0
        following = sources.next(self._scores)
        if following is None:
            told = sources.verdict([request.url for request in (task.request, *task.mirrors)])
            wait = retry.delay(told, attempts=sources.rounds, rule=task.retry, idempotent=True, chance=chance)
            if wait is None:
                return None, structs.replace(result, status=told.status, failure=told)
            sources.next_round()
            following = sources.next(self._scores)
        assert following is not None  # a wait is for a source that may be asked again
        if task.source:
            failure = replace(failure, message=f"mirror {task.asked.url}: {failure.message}")
        admitted.turn_to(following)
        return wait, structs.replace(result, failure=failure)
