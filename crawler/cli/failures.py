"""``crawler failures``: the failed tasks as rows for another manifest."""

from __future__ import annotations

import json
from typing import Any

import click

from crawler.cli import arguments


@click.command("failures")
@arguments.manifest
@arguments.place
def command(**flags: Any) -> None:
    """Print the failed tasks of MANIFEST's last round as JSONL; `from:` can read it."""
    from crawler import app
    from crawler.cli.history import failure_row

    prepared = app.prepare(arguments.options(**flags))
    with app.reader(prepared) as reader:
        for task in reader.failures() if reader else ():
            click.echo(json.dumps(failure_row(task)))
