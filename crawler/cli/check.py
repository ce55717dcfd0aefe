"""``crawler check``: every mistake of a manifest at once, without the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.ending import problems
from crawler.cli.streams import answer, say


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

    found: dict[str, None] = {}  # a mistake in the config would come once for each manifest
    for path in manifests:
        try:
            app.prepare(arguments.options(manifest=path, **flags))
        except ManifestInvalid as error:
            found |= dict.fromkeys(map(str, error.problems))
    for problem in found:
        answer(problem)
    if found:
        say(f"exit 2: {problems(len(found))}")
        return 2
    return 0
