"""What attempts show of their host, what follows for the host, and what is worth knowing in the next run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What an attempt showed of its host; a 404 is an answer like any other."""

    ANSWERED = "answered"
    TURNED_AWAY = "turned_away"  # 429 or 503: the host lives and wants less
    UNREACHABLE = "unreachable"  # no address, no connection, or no answer before a timeout
    NEUTRAL = "neutral"  # it says nothing about the host: never sent, cancelled, our own disk


class Heard(Struct, frozen=True):
    """One attempt as its host's slot hears of it; times in the frontier's seconds."""

    kind: Kind
    began: float
    head_seconds: float | None = None  # from the request's last byte to the answer's head
    retry_after: float | None = None  # seconds the host asked for, already clamped
    own_delay: float = 0.0  # what the task's own retry rule waits
    max_backoff: float = 60.0  # of the task's retry rule
    patience: int = 0  # attempts that the task's retry rule makes; no host is given up on fewer
    what: str = ""  # how the attempt ended, for sentences: "429 Too Many Requests"


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing of the host starts for so many seconds."""

    key: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The host is taken for dead; its waiting tasks are to be drained and failed."""

    key: str
    why: str


@dataclass(frozen=True, slots=True)
class HostMemory:
    """What one slot knows, without any clock: every time is seconds from the moment of asking."""

    key: str
    pause: float = 0.0  # seconds of its pause that are left
    level: int = 0  # how often in a row its pauses have doubled
    given_up: bool = False
    window: float | None = None  # learned concurrency; None where the limit holds
    age: float | None = None  # seconds since its last request; None where no delay or rate counts them
