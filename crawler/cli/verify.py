"""``crawler verify``: are the files still what they were when the ledger called them done?"""

from __future__ import annotations

from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.ending import say

DIFFERENT = 4  # contract §1


@click.command("verify")
@arguments.manifest
@arguments.place
def command(**flags: Any) -> int:
    """Hash again the files that MANIFEST's ledger calls done; exit 4 on a difference."""
    from crawler import app
    from crawler.store.verify import difference

    prepared = app.prepare(arguments.options(**flags))
    files = wrong = 0
    with app.reader(prepared) as reader:
        for file in reader.files() if reader else ():
            files += 1
            found = difference(prepared.config.output_root, file)
            if found is not None:
                wrong += 1
                click.echo(f"{file.target}: {found}")
    if wrong:
        say(f"exit {DIFFERENT}: {wrong} of {files} files differ; run with --force to fetch them again")
        return DIFFERENT
    say(f"{files} files are as they were when they were fetched")
    return 0
