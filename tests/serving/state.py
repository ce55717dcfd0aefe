"""What a server remembers between requests, and the shape of a route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.serving.shelf import Offer
from tests.serving.wire import Exchange, Pairs


@dataclass(frozen=True, slots=True)
class Answer:
    """A scripted answer for one path."""

    status: int
    body: bytes
    headers: Pairs


@dataclass(slots=True)
class State:
    """Files on offer, scripted answers, and what was counted so far."""

    offers: dict[str, Offer] = field(default_factory=dict)  # by the name in /versions/<name>
    answers: dict[str, Answer] = field(default_factory=dict)  # by path, before any route
    counters: Counter[str] = field(default_factory=Counter)  # /counter/<name>
    seen: Counter[str] = field(default_factory=Counter)  # requests a path with "the first n times" has had
    messages: list[tuple[str, bytes]] = field(
        default_factory=list
    )  # WebSocket frames received: kind, payload


Route = Callable[[Exchange, State, list[str]], Awaitable[None]]
