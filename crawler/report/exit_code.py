"""From counts to the exit code, and to the one line that says why it is not 0."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from crawler.model import ErrorClass
from crawler.report.human import plural
from crawler.report.tally import Cause

OK, BUG, STORAGE, PERMANENT, RETRYABLE, STOPPED = 0, 1, 3, 4, 5, 7  # contract §5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What ended the run besides its tasks; each text says what happened."""

    bug: str | None = None  # an unexpected exception outside any task
    storage: str | None = None  # what the disk or the ledger said
    signal: int | None = None  # the number of the signal that stopped it
    budget: str | None = None  # "the deadline of 2h", "max_failures of job a"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The exit code and, unless it is 0, the reason as one sentence."""

    code: int
    reason: str | None = None


def decide(tasks: int, causes: Mapping[Cause, int], ending: Ending | None = None) -> Verdict:
    """The verdict over ``tasks`` finished tasks; precedence 1, 3, signal, 4, 5, 7 (contract §5)."""
    ending = ending or Ending()
    bugs = _select(causes, lambda cause: cause.kind is ErrorClass.BUG)
    storage = _select(causes, lambda cause: cause.kind is ErrorClass.STORAGE)
    if ending.bug or bugs:
        what = ending.bug or f"{_of(bugs, tasks)} met an unexpected exception"
        return Verdict(BUG, f"a bug in the program: {what}")
    if ending.storage or storage:
        what = ending.storage or f"{_of(storage, tasks)} could not be stored"
        return Verdict(STORAGE, f"local storage failed: {what}; clear the cause and run again to continue")
    if ending.signal is not None:
        code = 128 + ending.signal
        return Verdict(code, f"stopped by {_signal_name(ending.signal)} {_progress(tasks, causes)}")
    if sum(causes.values()):
        return _failed(tasks, causes, ending)
    if ending.budget:
        return Verdict(STOPPED, f"stopped by {ending.budget} {_progress(tasks, causes)}")
    return Verdict(OK)


def last_line(code: int, reason: str, report: str | None = None) -> str:
    """The last line on stderr: ``crawler: exit 4: …; report: /path``."""
    return f"crawler: exit {code}: {reason}" + (f"; report: {report}" if report else "")


def _failed(tasks: int, causes: Mapping[Cause, int], ending: Ending) -> Verdict:
    unknown = _select(causes, lambda cause: cause.unknown)
    later = _select(causes, lambda cause: cause.retryable and not cause.unknown)
    for_good = _select(causes, lambda cause: not cause.retryable and not cause.unknown)
    parts = []
    if for_good:
        parts.append(f"{_of(for_good, tasks)} failed for good ({_list(for_good)})")
    if unknown:
        parts.append(f"{_of(unknown, tasks)} sent without an answer, outcome unknown ({_list(unknown)})")
    if later:
        parts.append(f"{_of(later, tasks)} failed but may succeed on a later run ({_list(later)})")
    if ending.budget:
        parts.append(f"stopped early by {ending.budget}")
    return Verdict(PERMANENT if for_good or unknown else RETRYABLE, "; ".join(parts))


def _select(causes: Mapping[Cause, int], wanted: Callable[[Cause], bool]) -> Counter[str]:
    chosen: Counter[str] = Counter()
    for cause, count in causes.items():
        if wanted(cause):
            chosen[cause.label] += count
    return chosen


def _of(chosen: Counter[str], tasks: int) -> str:
    return f"{chosen.total():,} of {plural(tasks, 'task')}"


def _list(chosen: Counter[str]) -> str:
    return ", ".join(f"{label} ×{count}" for label, count in chosen.most_common())


def _progress(tasks: int, causes: Mapping[Cause, int]) -> str:
    failed = sum(causes.values())
    return f"after {plural(tasks, 'task')}, {failed:,} failed; run again to continue"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
