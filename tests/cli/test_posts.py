"""A request that must not be repeated: what ends it, what is told, and that nobody sends it twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.cli.running import events, manifest
from tests.server import Server

if TYPE_CHECKING:
    from tests.conftest import Ran, RunCrawler

METHODS = ["POST", "PATCH"]


def leads_to(server: Server, path: str, status: int) -> str:
    return server.url(f"/redirect-to?status={status}&url={quote(path, safe='')}")


def send(
    run_crawler: RunCrawler, folder: Path, url: str, method: str, *flags: str, more: str = ""
) -> tuple[Ran, dict[str, Any]]:
    """One request, run once; the event that tells how it ended."""
    job = f'  - {{name: send, type: request, method: {method}, url: "{url}", json: {{a: 1}}{more}}}'
    told = folder / "events.jsonl"
    told.unlink(missing_ok=True)
    ran = run_crawler("run", manifest(folder, job), "-o", "out", "--events", "events.jsonl", *flags)
    (event,) = events(told)
    return ran, event


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("method", METHODS)
def test_sent_again_by_a_redirect_and_never_answered_it_is_unknown(
    threaded_server: Server, tmp_path: Path, run_crawler: RunCrawler, status: int, method: str
) -> None:
    url = leads_to(threaded_server, "/counter/c?answer=no", status)
    ran, event = send(run_crawler, tmp_path, url, method)
    assert (ran.returncode, event["outcome"]) == (4, "unknown"), ran.stderr
    assert not event["error"]["retryable"]
    ran, event = send(run_crawler, tmp_path, url, method, "--retry-failed")
    assert (ran.returncode, event["outcome"]) == (4, "unknown"), ran.stderr
    assert threaded_server.count("c") == 1
