"""``crawler demo``: every job type against the bundled sample site on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import last_line, note
from crawler.signals import Signals

OUTPUT = Path("crawler-demo")


@click.command("demo")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=OUTPUT, show_default=True
)
@click.option("--progress", type=click.Choice(["auto", "bar", "plain", "none"]), help="How to show it.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as the last line of stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if all goes well.")
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.pass_obj
def command(signals: Signals, /, output: Path, as_json: bool, **flags: Any) -> int:
    """Start the sample site on loopback and run the bundled manifest against it; needs no internet."""
    from crawler import app
    from crawler.demo.run import MANIFEST, next_steps, site

    with site() as base:
        if not flags["quiet"]:
            note(f"sample site on {base}; running {MANIFEST.name} into {output}/")
        options = arguments.options(manifest=MANIFEST, output=output, settings=[("base", base)], **flags)
        report = app.run(options, signals)
    if report.exit_code == 0 and not flags["quiet"]:
        note(f"\n{next_steps(output)}")
    if as_json:
        last_line(report)
    return report.exit_code
