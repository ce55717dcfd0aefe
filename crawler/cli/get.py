"""``crawler get``: the same engine for a person in a hurry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from crawler.cli import arguments
from crawler.errors import ManifestInvalid, Problem, StorageFailed
from crawler.signals import Signals


@click.command("get")
@click.argument("urls", metavar="URL…", nargs=-1, required=True)
@click.option("-c", "--config", type=click.Path(path_type=Path, dir_okay=False), help="Config file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=".", help="Folder; here."
)
@click.option("--to", default="${name}", show_default=True, help="Name of each file, a template.")
@click.option("-H", "--header", "headers", multiple=True, help="A header, 'Name: value' (repeatable).")
@click.option("--checksum", help="What the file must hash to, 'sha256:…' (for one URL).")
@click.option("--force", is_flag=True, help="Fetch again even if nothing changed.")
@click.option("--overwrite", is_flag=True, help="Replace files that are not ours.")
@click.option("--workers", type=click.IntRange(min=1), help="Transfers at once.")
@click.option("--progress", type=click.Choice(["auto", "bar", "plain", "none"]), help="How to show it.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if all goes well.")
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.pass_obj
def command(
    signals: Signals,
    /,
    urls: tuple[str, ...],
    to: str,
    headers: tuple[str, ...],
    checksum: str | None,
    overwrite: bool,
    **flags: Any,
) -> int:
    """Fetch URLs into a folder; a second call resumes, or fetches only what changed."""
    from crawler import app

    if checksum is not None and len(urls) > 1:
        raise click.UsageError("--checksum fits one URL only")
    keys: dict[str, Any] = {
        "name": "get",
        "type": "download",
        "to": to,
        "headers": dict(_header(text) for text in headers),
        "overwrite": overwrite,
    }
    if checksum is not None:
        keys["checksum"] = checksum
    text = _manifest(_ledger_name(urls, flags["output"], to), keys, urls)
    options = arguments.options(manifest=Path("get"), text=text, state=_state(), **flags)
    try:
        return app.run(options, signals).exit_code
    except ManifestInvalid as error:
        raise ManifestInvalid([_without_line(problem, urls) for problem in error.problems]) from None


def _manifest(name: str, keys: dict[str, Any], urls: tuple[str, ...]) -> str:
    """A manifest of one job, with a line for each URL so that a problem's line tells which."""
    job = json.dumps(keys).removesuffix("}")
    listed = ",\n".join(json.dumps(url.replace("${", "$${")) for url in urls)
    return f'{{"version": 1, "name": "{name}", "jobs": [{job}, "urls": [\n{listed}\n]}}]}}'


def _without_line(problem: Problem, urls: tuple[str, ...]) -> Problem:
    """The problem as seen by a person who typed URLs and never saw a manifest."""
    if problem.file != "get":
        return problem
    message = problem.message
    if "set another 'to'" in message:
        message = (
            "another URL has the same file name; tell them apart with --to, such as --to '${host}/${path}'"
        )
    where = urls[problem.line - 2] if 2 <= problem.line <= len(urls) + 1 else "get"
    return Problem(where, 0, 0, message)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.UsageError(f"-H {text!r} is not 'Name: value'")
    return name.strip(), value.strip().replace("${", "$${")


def _ledger_name(urls: tuple[str, ...], output: Path, to: str) -> str:
    """One ledger for each set of URLs and folder, so that two calls side by side do not collide."""
    try:
        folder = str(Path(output).absolute())
    except FileNotFoundError as error:
        raise StorageFailed("the current folder has been deleted") from error
    what = "\0".join((folder, to, *urls))
    return f"get-{hashlib.sha256(what.encode(errors='surrogateescape')).hexdigest()[:16]}"


def _state() -> Path:
    from platformdirs import user_state_path

    return user_state_path("crawler", appauthor=False)
