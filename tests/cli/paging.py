"""Jobs that read a list page by page, and what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.running import events, manifest
from tests.conftest import Ran, RunCrawler
from tests.serving.arrivals import Arrivals

WAYS = {
    "link": "{items: data}",
    "next": "{next: links.next, items: data}",
    "cursor": "{cursor: {jmespath: meta.cursor, param: cursor}, items: data}",
    "condition": "{cursor: {jmespath: 'meta.more && meta.cursor', param: cursor}, items: data}",
    "page": "{page: {param: page}, items: data}",
    "offset": "{offset: {param: offset, limit: 5}, items: data}",
}


def job(shop: Arrivals, paginate: str = WAYS["link"], more: str = "", save: str = "save: list.jsonl") -> str:
    """The job of one list."""
    lines = [f"url: '{shop.url('/orders')}'", f"paginate: {paginate}", save, *more.splitlines()]
    return "\n".join(["  - name: list", "    type: request", *(f"    {line}" for line in lines)])


def saved(folder: Path, name: str = "list.jsonl") -> list[Any]:
    return [json.loads(line) for line in (folder / "out" / name).read_text().splitlines()]


def read(
    run_crawler: RunCrawler, folder: Path, jobs: str, *flags: str, head: str = ""
) -> tuple[Ran, dict[str, Any]]:
    """One run; the event that tells how its only task ended."""
    told = folder / "events.jsonl"
    told.unlink(missing_ok=True)
    ran = run_crawler(
        "run", manifest(folder, jobs, head=head), "-o", "out", "--events", "events.jsonl", *flags
    )
    found = events(told)
    return ran, found[-1] if found else {}
