"""Arguments and flags that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from crawler.options import Options
from crawler.syntax import units

F = TypeVar("F", bound=Callable[..., Any])


class Settings(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``, as a pair."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name.isidentifier():
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text


class Duration(click.ParamType[float]):
    """``90``, ``500ms``, ``2h``: seconds."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds as a float."""
        try:
            seconds = units.duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"expected more than 0, found {value!r}", param, ctx)
        return seconds


class Processes(click.ParamType[int | str]):
    """A number, or ``auto``."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """The number as an int."""
        if value == "auto":
            return "auto"
        number = int(value) if str(value).isascii() and str(value).isdigit() else 0
        if not 1 <= number <= 256:
            self.fail(f"expected auto or a number from 1 to 256, found {value!r}", param, ctx)
        return number


manifest = click.argument("manifest", type=click.Path(path_type=Path, allow_dash=True))
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")

_PLACE = (
    click.option("-c", "--config", type=click.Path(path_type=Path, dir_okay=False), help="Config file."),
    click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Where files go."),
    click.option(
        "--state", type=click.Path(path_type=Path, file_okay=False), help="Where the ledger is kept."
    ),
    click.option("--set", "settings", type=Settings(), multiple=True, help="Set a variable of the manifest."),
)


def place(command: F) -> F:
    """``--config``, ``--output``, ``--state`` and ``--set``: which ledger and which values."""
    for option in reversed(_PLACE):
        command = option(command)
    return command


only = click.option("--only", metavar="JOB", multiple=True, help="Run only this job (repeatable).")


def options(**flags: Any) -> Options:
    """Flags as ``Options``."""
    flags["settings"] = dict(flags.get("settings", ()))
    if "only" in flags:
        flags["only"] = tuple(flags["only"])
    return Options(**flags)
