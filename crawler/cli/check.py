"""``crawler check``: every mistake of a manifest at once, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.ending import say


@click.command("check")
@click.argument(
    "manifests",
    metavar="MANIFEST…",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
)
@arguments.place
def command(manifests: tuple[Path, ...], **flags: Any) -> int:
    """Validate manifests; prints every error as `file:line:col: message`."""
    from crawler import app
    from crawler.errors import ManifestInvalid

    wrong = 0
    for path in manifests:
        try:
            app.prepare(arguments.options(manifest=path, **flags))
        except ManifestInvalid as error:
            wrong += len(error.problems)
            for problem in error.problems:
                click.echo(str(problem))
    if wrong:
        say(f"exit 2: {wrong} problem{'s' if wrong > 1 else ''}")
        return 2
    return 0
