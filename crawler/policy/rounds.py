"""What an earlier run of the same round already settled, and what is still to be done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from crawler.model import Known, Outcome

GOOD = frozenset({Outcome.NEW, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.SKIPPED})


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


def standing(known: Known | None, intent: Intent, *, job_reached: bool = True) -> Standing:
    """The decision for one task. ``known.current`` means: settled or begun in this very round.

    ``job_reached`` says whether the round came to the task's job at all: one that was left out because
    another had failed is part of what ``--retry-failed`` makes good.
    """
    if known is None or not known.current:
        return Standing.LEAVE if intent.retry_failed and job_reached else Standing.DO
    if known.sending or known.outcome is Outcome.UNKNOWN:
        return Standing.UNANSWERED
    if intent.force:
        return Standing.DO
    if known.outcome in GOOD:
        return Standing.CARRY
    return Standing.DO
