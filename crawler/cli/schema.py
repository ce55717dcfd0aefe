"""``crawler schema``: JSON Schema for editors."""

from __future__ import annotations

import json

import click

from crawler.cli.streams import answer


@click.command("schema")
@click.argument("what", type=click.Choice(["manifest", "config"]))
def command(what: str) -> None:
    """Print the JSON Schema (draft-07) of manifests or of the config file."""
    if what == "manifest":
        from crawler.manifest.schema import manifest_json_schema

        schema = manifest_json_schema()
    else:
        from crawler.config import config_json_schema

        schema = config_json_schema()
    answer(json.dumps(schema, indent=2, ensure_ascii=False))
