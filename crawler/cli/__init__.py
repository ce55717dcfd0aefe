"""The command line: one file a command, each loaded only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import click

from crawler import __version__
from crawler.cli.ending import conclude
from crawler.signals import Signals
from crawler.syntax.words import suggestion


def _run() -> click.Command:
    from crawler.cli.run import command

    return command


def _check() -> click.Command:
    from crawler.cli.check import command

    return command


def _plan() -> click.Command:
    from crawler.cli.plan import command

    return command


def _explain() -> click.Command:
    from crawler.cli.explain import command

    return command


def _status() -> click.Command:
    from crawler.cli.status import command

    return command


def _failures() -> click.Command:
    from crawler.cli.failures import command

    return command


def _verify() -> click.Command:
    from crawler.cli.verify import command

    return command


def _schema() -> click.Command:
    from crawler.cli.schema import command

    return command


def _get() -> click.Command:
    from crawler.cli.get import command

    return command


def _demo() -> click.Command:
    from crawler.cli.demo import command

    return command


COMMANDS: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "run": ("Do the work of a manifest.", _run),
    "check": ("Validate manifests; touches no network.", _check),
    "plan": ("Show what a run would do; touches no network.", _plan),
    "explain": ("Say what applies to one URL, and why; touches no network.", _explain),
    "status": ("Show the last runs and what they left undone.", _status),
    "failures": ("Print the failed tasks as JSONL, itself a row source.", _failures),
    "verify": ("Hash again the files that the ledger calls done.", _verify),
    "schema": ("Print the JSON Schema of manifests or of the config.", _schema),
    "get": ("Fetch URLs without a manifest.", _get),
    "demo": ("Run the bundled demo on loopback; needs no internet.", _demo),
}


class Commands(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a person's day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        entry = COMMANDS.get(cmd_name)
        return entry[1]() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names; a misspelt one is told what it may have meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = suggestion(name, COMMANDS) or f"; the commands are {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (text, _) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 manifest or usage, 3 disk or ledger, 4 failed for good, 5 try again later, "
    "6 already running, 7 deadline or budget, 130/143 signal.",
)
@click.version_option(__version__, prog_name="crawler")
def cli() -> None:
    """Do every job of a YAML manifest: downloads, requests, uploads, WebSocket captures."""


def start(signals: Signals) -> None:
    """Parse the arguments, run the command, end the process with the contract's exit code."""
    conclude(lambda: cli.main(standalone_mode=False, obj=signals))
