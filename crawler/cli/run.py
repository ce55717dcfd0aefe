"""``crawler run``: the work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from crawler.cli import arguments
from crawler.cli.streams import last_line
from crawler.signals import Signals

F = TypeVar("F", bound=Callable[..., Any])

_FLAGS = (
    click.option("--retry-failed", is_flag=True, help="Run only what failed last time."),
    click.option("--force", is_flag=True, help="Fetch everything again, whatever is known."),
    click.option("--dry-run", is_flag=True, help="Show what would be done, like `crawler plan`."),
    click.option("--deadline", type=arguments.Duration(), help="Stop, resumable, after this time (exit 7)."),
    click.option("--workers", type=click.IntRange(min=1), help="Tasks under way at once."),
    click.option(
        "--processes", type=arguments.Processes(), help="Processes to work in; auto is one for each core."
    ),
    click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON report."),
    click.option("--events", metavar="FILE|-", help="Write one JSON line for each finished task."),
    click.option("--progress", type=click.Choice(["auto", "bar", "plain", "none"]), help="How to show it."),
    click.option("--json", "as_json", is_flag=True, help="Print the report as the last line of stdout."),
    click.option("-q", "--quiet", is_flag=True, help="Print nothing if all goes well."),
    click.option("-v", "--verbose", count=True, help="Say more; twice for everything."),
)


def _run_flags(command: F) -> F:
    for option in reversed(_FLAGS):
        command = option(command)
    return command


@click.command("run")
@arguments.manifest
@arguments.place
@arguments.only
@_run_flags
@click.pass_obj
def command(signals: Signals, /, dry_run: bool, as_json: bool, **flags: Any) -> int:
    """Do the work of MANIFEST; `-` reads it from stdin."""
    options = arguments.options(**flags)
    if dry_run:
        for flag in ("report", "events"):
            if flags[flag] is not None:
                raise click.UsageError(f"--dry-run runs nothing, so there is nothing to write to --{flag}")
        from crawler.cli.plan import show

        return show(options, as_json)
    from crawler import app

    report = app.run(options, signals)
    if as_json:
        last_line(report)
    return report.exit_code
