"""Which round each job of a run is in, and what of it an earlier run has already settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from crawler.model import Known, Outcome

GOOD = frozenset({Outcome.NEW, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.SKIPPED})


class Asked(Enum):
    """Which jobs a run was asked for."""

    ALL = auto()  # every job of the manifest
    ONLY = auto()  # those that were named
    AGAIN = auto()  # what failed in the round before


@dataclass(frozen=True, slots=True)
class JobRound:
    """The latest round that a job took part in.

    ``first`` is the run that its part began with: what a run before it has settled belongs to an earlier
    round. ``over`` says that a run came to its end with the job, ``whole`` that it came to all its tasks.
    """

    round: int
    first: int
    over: bool = False
    whole: bool = False


def placed(
    jobs: Sequence[str], known: Mapping[str, JobRound], asked: Asked, *, run: int, newest: int
) -> tuple[int, dict[str, JobRound]]:
    """The round that the run belongs to, and where that puts each of its jobs.

    A round is open until a run has come to its end with each of its jobs. Whoever runs all jobs goes on
    with an open one and does not repeat what is over in it. A job that is asked for by name goes on if
    it is not over, and begins anew if it is; it stays in its round while others hold that open. To do
    again what failed, every job stays where it is.
    """
    mine = {job: known[job] for job in jobs if job in known}
    if asked is Asked.AGAIN:
        number = max((each.round for each in mine.values()), default=newest + 1)
        # A job that is new here must not open a round that is over.
        return number, {job: mine.get(job, JobRound(number, run, over=True)) for job in jobs}
    rounds = {each.round for each in mine.values() if not each.over}
    if asked is Asked.ONLY:
        goes_on = {job for job, each in mine.items() if not each.over}
        held_open = {each.round for each in known.values() if not each.over}
        rounds = rounds or {each.round for each in mine.values() if each.round in held_open}
    else:
        goes_on = {job for job, each in mine.items() if each.round in rounds}
    number = max(rounds, default=newest + 1)
    begins = JobRound(number, run)
    return number, {job: replace(mine[job], round=number) if job in goes_on else begins for job in jobs}


class Standing(Enum):
    """What to do about a task, given what the ledger knows."""

    DO = auto()  # attempt it
    CARRY = auto()  # it ended well earlier in this round: count it, send nothing
    UNANSWERED = auto()  # it was sent earlier in this round and its answer never came
    LEAVE = auto()  # not what --retry-failed asked for


@dataclass(frozen=True, slots=True)
class Intent:
    """How the run was asked to treat what is known.

    ``retry_failed`` holds for a round that came to its end; one that was broken off goes on anyway.
    """

    retry_failed: bool = False
    force: bool = False


def standing(known: Known | None, intent: Intent, *, job_whole: bool = True) -> Standing:
    """The decision for one task. ``known.current`` means: settled or begun in this very round.

    ``job_whole`` says whether the round came to each of the job's tasks: what was left out, because
    another job had failed or a bound was reached, is part of what ``--retry-failed`` makes good. What was
    sent and never settled is told in whichever round comes next: it must not be sent again unseen.
    """
    if known is not None and known.sending:
        return Standing.UNANSWERED
    if known is None or not known.current:
        return Standing.LEAVE if intent.retry_failed and job_whole else Standing.DO
    if known.outcome is Outcome.UNKNOWN:
        return Standing.UNANSWERED
    if intent.force:
        return Standing.DO
    if known.outcome in GOOD:
        return Standing.CARRY
    return Standing.DO
