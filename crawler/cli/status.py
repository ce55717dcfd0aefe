"""``crawler status``: the last runs, and what they left undone."""

from __future__ import annotations

import json
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer, say


@click.command("status")
@arguments.manifest
@arguments.place
@arguments.as_json
@click.option("-n", "limit", type=click.IntRange(min=1), default=5, help="How many runs; 5 unless told.")
def command(as_json: bool, limit: int, **flags: Any) -> None:
    """Show the last runs of MANIFEST and what they left undone."""
    from crawler import app
    from crawler.cli.history import history, lines, never_ran

    prepared = app.prepare(arguments.options(**flags))
    with app.reader(prepared) as reader:
        if reader is None:
            say(never_ran(prepared))
        told = history(reader, prepared.manifest.name, limit)
    if as_json:
        answer(json.dumps(told))
    else:
        for line in lines(told):
            answer(line)
