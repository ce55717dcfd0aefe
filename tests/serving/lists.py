"""A list that a server gives in pages, in every way there is, and with whatever goes wrong on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.serving.arrivals import Arrival, Reply


@dataclass
class Lists:
    """A script for ``Arrivals``: ``items`` in pages of ``size``, wherever a request stands in the list.

    ``trouble`` holds, by page, what is answered first; ``hold`` seconds go by before each answer. A page of
    ``lost`` is never answered.
    """

    items: int = 25
    size: int = 5
    trouble: dict[int, list[Reply]] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    hold: float = 0.0
    padding: int = 0  # characters in each item
    query: str = ""  # that each next URL has besides
    asked: list[int] = field(default_factory=list)  # pages, in the order of their requests

    @property
    def pages(self) -> int:
        """How many pages with items there are."""
        return -(-self.items // self.size)

    def lines(self) -> list[dict[str, Any]]:
        """What a job should come to with ``items: data``."""
        return [self.item(number) for number in range(self.items)]

    def item(self, number: int) -> dict[str, Any]:
        return {"id": number, "text": f"número {number}", "padding": "x" * self.padding}

    def __call__(self, arrival: Arrival) -> Reply | None:
        page = self.page_of(arrival)
        self.asked.append(page)
        if page in self.lost:
            return None
        if waiting := self.trouble.get(page):
            return waiting.pop(0)
        return self.answer(arrival, page)

    def page_of(self, arrival: Arrival) -> int:
        """Which page a request means."""
        given = {name: values[-1] for name, values in parse_qs(urlsplit(arrival.path).query).items()}
        if b"variables" in arrival.body:
            given["cursor"] = json.loads(arrival.body)["variables"].get("after") or "c1"
        if "offset" in given:
            return int(given["offset"]) // self.size + 1
        if "cursor" in given:
            return int(given["cursor"].removeprefix("c"))
        return int(given.get("page", "1"))

    def answer(self, arrival: Arrival, page: int) -> Reply:
        """The page, with each way to the next one."""
        first = (page - 1) * self.size
        held = [self.item(number) for number in range(first, min(first + self.size, self.items))]
        goes_on = first + self.size < self.items
        path = urlsplit(arrival.path).path
        following = f"{path}?page={page + 1}{self.query}" if goes_on else None
        body = {
            "data": held,
            "links": {"next": following},
            "meta": {"cursor": f"c{page + 1}" if goes_on else None, "more": goes_on},
        }
        headers = [("Content-Type", "application/json")]
        if following is not None:
            headers.append(("Link", f'<{path}>; rel="first", <{following}>; title="a, b"; rel="last next"'))
        return Reply(200, json.dumps(body).encode(), tuple(headers), hold=self.hold)
