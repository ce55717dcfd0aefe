"""``crawler verify``: are the files still what they were when the ledger called them done?"""

from __future__ import annotations

from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer, say
from crawler.report.human import plural

DIFFERENT = 4  # contract §1


@click.command("verify")
@arguments.manifest
@arguments.place
def command(**flags: Any) -> int:
    """Hash again the files that MANIFEST's ledger calls done; exit 4 on a difference."""
    from crawler import app
    from crawler.cli.history import never_ran
    from crawler.store.verify import difference

    prepared = app.prepare(arguments.options(**flags))
    files = wrong = 0
    with app.reader(prepared) as reader:
        if reader is None:
            say(never_ran(prepared))
            return 0
        for file in reader.files():
            files += 1
            found = difference(prepared.config.output_root, file)
            if found is not None:
                wrong += 1
                answer(f"{file.target}: {found}")
    counted = plural(files, "file")
    if wrong:
        say(f"exit {DIFFERENT}: {wrong:,} of {counted} differ; delete them and run again to fetch them anew")
        return DIFFERENT
    say(f"{counted} checked: all as they were when they were fetched")
    return 0
