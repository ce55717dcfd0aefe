"""A server with a door: who logs in gets a token, each time another, and only with one is let further."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.serving.arrivals import Arrival, Arrivals, Reply

BEARER = 'headers: {Authorization: "Bearer ${needs.login.token}"}'
JSON = (("Content-Type", "application/json"),)


@dataclass
class Members:
    """A script for ``Arrivals``. ``hangs`` are paths that are never answered, ``broken`` those that fail."""

    hangs: set[str] = field(default_factory=set)
    broken: dict[str, int] = field(default_factory=dict)
    logins: int = 0

    def __call__(self, arrival: Arrival) -> Reply | None:
        path = arrival.path.partition("?")[0]
        if path in self.broken:
            return Reply(self.broken[path])
        if path.startswith("/login"):
            self.logins += 1
            if path in self.hangs:
                return None
            told = {"access_token": token(self.logins), "user": {"id": 7}, "expires": 3600}
            session = ("X-Session", f"session-{self.logins}-0a1b2c3d")
            return Reply(200, json.dumps(told).encode(), (*JSON, session))
        if not arrival.headers.get("authorization", "").startswith("Bearer tok-"):
            return Reply(401)
        return None if path in self.hangs else Reply(200, f"for members: {path}\n".encode())


def token(number: int) -> str:
    """What the so-manieth login gives."""
    return f"tok-{number}-9f8e7d6c5b4a"


def login(door: Arrivals, more: str = "", path: str = "/login") -> str:
    """A job that logs in and captures token and session."""
    capture = "capture: {token: access_token, session: {header: X-Session}}"
    return (
        f"  - {{name: login, type: post, url: '{door.url(path)}', json: {{user: anna}}, {capture}{more}}}\n"
    )


def reports(door: Arrivals, *paths: str, more: str = "") -> str:
    """A job that downloads with the token."""
    urls = ", ".join(f"'{door.url(path)}'" for path in paths)
    return f"  - {{name: reports, type: download, needs: login, {BEARER}, urls: [{urls}]{more}}}\n"


def job_of(stdout: str, name: str) -> dict[str, Any]:
    """One job of a report."""
    [found] = [job for job in json.loads(stdout.splitlines()[-1])["jobs"] if job["name"] == name]
    return dict(found)
