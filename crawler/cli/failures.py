"""``crawler failures``: the failed tasks as rows for another manifest."""

from __future__ import annotations

import json
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer, say


@click.command("failures")
@arguments.manifest
@arguments.place
def command(**flags: Any) -> None:
    """Print the failed tasks of MANIFEST's last round as JSONL; `from:` can read it."""
    from crawler import app
    from crawler.cli.history import failure_row, never_ran

    prepared = app.prepare(arguments.options(**flags))
    with app.reader(prepared) as reader:
        if reader is None:
            say(never_ran(prepared))
            return
        for task in reader.failures():
            if not answer(json.dumps(failure_row(task))):
                return
