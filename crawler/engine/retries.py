"""What becomes of a task once an attempt has ended: on to another host, again later, or settled."""

from __future__ import annotations

from collections.abc import Callable

from crawler.engine.admitted import Admitted, Bench
from crawler.engine.attempt import Ended, Moved, cut_off
from crawler.engine.intake import Intake
from crawler.engine.mirrors import Mirrors
from crawler.events import TaskInterrupted, TaskRetried
from crawler.model import ErrorClass, GoesOn, Outcome, Result, Task
from crawler.policy import retry
from crawler.policy.frontier import Frontier


class Retries:
    """Asks the task's rule, or its mirrors, whether it is tried again and when.

    ``fail_storage`` is called with what a disk that refuses said.
    """

    def __init__(
        self,
        bench: Bench,
        frontier: Frontier[Admitted],
        intake: Intake,
        mirrors: Mirrors,
        fail_storage: Callable[[str], None],
    ) -> None:
        self._bench = bench
        self._frontier = frontier
        self._intake = intake
        self._mirrors = mirrors
        self._fail_storage = fail_storage

    def dispose(self, admitted: Admitted, ended: Ended) -> None:
        """Back to the frontier, or settled."""
        if isinstance(ended, GoesOn):
            self._go_on(admitted, ended.task)
            return
        if isinstance(ended, Moved):
            admitted.follow(ended)
            self._intake.admit(admitted, first=True)
            return
        failure, task = ended.failure, admitted.task
        if failure is None:
            self._mirrors.served(admitted, ended, self._bench.monotonic() - admitted.began)
        elif ended.outcome is Outcome.FAILED:
            chance = self._bench.random()
            if admitted.sources is not None:
                delay, ended = self._mirrors.failed(admitted, ended, chance)
            else:
                delay = retry.delay(
                    failure,
                    attempts=admitted.attempts,
                    rule=task.retry,
                    idempotent=task.request.idempotent,
                    chance=chance,
                )
            if delay is not None:
                self._retry(admitted, ended, delay)
                return
        if failure is not None and failure.kind is ErrorClass.STORAGE:
            self._fail_storage(failure.message)
        self._intake.settle(admitted, ended)

    def interrupted(self, admitted: Admitted, requests: int) -> None:
        """The run stopped in the middle of an attempt, after so many requests of it.

        What must not be repeated and may have left is ``unknown``; anything else is left to another run.
        """
        admitted.requests += requests
        task, ledger = admitted.task, self._bench.ledger
        if admitted.errand is not None or ledger.failed is not None:
            return
        if not task.request.idempotent:
            if requests or task.hop is not None:
                self._intake.settle(admitted, cut_off(task))
                return
            ledger.not_sending(task.job, task.key)
        if admitted.carried is None:
            self.left(admitted)

    def left(self, admitted: Admitted) -> None:
        """The run is over and has left the task in its middle."""
        task, time = admitted.task, self._bench.wall()
        self._bench.emit(
            TaskInterrupted(time=time, job=task.job, task=task.key, url=task.url, requests=admitted.requests)
        )

    def _go_on(self, admitted: Admitted, task: Task) -> None:
        """Wait for the host's turn, ahead of its other tasks: what has begun comes to its end first."""
        if not task.request.idempotent:  # it was answered
            self._bench.ledger.not_sending(task.job, task.key)
        admitted.go_on(task)
        self._intake.admit(admitted, first=True)

    def _retry(self, admitted: Admitted, ended: Result, delay: float) -> None:
        assert ended.failure is not None
        task, now = admitted.task, self._bench.monotonic()
        if not task.request.idempotent:
            self._bench.ledger.not_sending(task.job, task.key)
        admitted.begin_again()
        if self._frontier.add(admitted, now=now, not_before=now + delay) is not None:
            self._intake.settle(admitted, ended)  # its host is given up; its own failure says more than that
            return
        self._bench.emit(
            TaskRetried(
                time=self._bench.wall(),
                job=task.job,
                task=task.key,
                url=task.url,
                attempt=admitted.attempts,
                delay=delay,
                kind=ended.failure.kind,
                message=ended.failure.message,
                status=ended.failure.status,
            )
        )
