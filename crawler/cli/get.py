"""``crawler get``: the same engine for a person in a hurry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from crawler.cli import arguments
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
    job: dict[str, Any] = {
        "name": "get",
        "type": "download",
        "urls": [_entry(url, checksum) for url in urls],
        "to": to,
        "headers": dict(_header(text) for text in headers),
        "overwrite": overwrite,
    }
    text = json.dumps({"version": 1, "name": _ledger_name(urls, flags["output"], to), "jobs": [job]})
    options = arguments.options(manifest=Path("get"), text=text, state=_state(), **flags)
    return app.run(options, signals).exit_code


def _entry(url: str, checksum: str | None) -> str | dict[str, str]:
    plain = url.replace("${", "$${")
    return plain if checksum is None else {"url": plain, "checksum": checksum}


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.UsageError(f"-H {text!r} is not 'Name: value'")
    return name.strip(), value.strip().replace("${", "$${")


def _ledger_name(urls: tuple[str, ...], output: Path, to: str) -> str:
    """One ledger for each set of URLs and folder, so that two calls side by side do not lock each other out."""
    what = "\0".join((str(Path(output).absolute()), to, *urls))
    return f"get-{hashlib.sha256(what.encode()).hexdigest()[:16]}"


def _state() -> Path:
    from platformdirs import user_state_path

    return user_state_path("crawler")
