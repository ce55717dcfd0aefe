"""``crawler explain``: which job, rules and memory apply to one URL, and why."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer


@click.command("explain")
@arguments.manifest
@click.argument("url")
@arguments.place
@arguments.as_json
def command(url: str, as_json: bool, **flags: Any) -> None:
    """Say which job of MANIFEST fetches URL, and which rules and memories apply to it."""
    from crawler import app
    from crawler.cli.explained import lines, told
    from crawler.manifest.explain import Explainer
    from crawler.policy.redact import Redactor

    bare = _checked(url)
    prepared = app.prepare(arguments.options(**flags))
    manifest, now = prepared.manifest, time.time()
    redactor = Redactor(manifest.secrets)
    rules = manifest.host_rules(prepared.config.connections.per_host)
    with app.reader(prepared) as reader, app.preview(prepared) as preview:
        found = Explainer(manifest, rules, preview, reader, now).explain(bare)
    if as_json:
        answer(redactor.text(json.dumps(told(found, now))))
    else:
        for line in lines(found, now):
            answer(redactor.line(line))


def _checked(url: str) -> str:
    """The URL without fragment and user info."""
    from crawler.errors import TemplateFailed
    from crawler.job_types.expand import requestable
    from crawler.policy.urls import HTTP_SCHEMES, WEBSOCKET_SCHEMES

    try:
        return requestable(url, HTTP_SCHEMES | WEBSOCKET_SCHEMES)[0]
    except TemplateFailed as error:
        raise click.BadParameter(str(error), param_hint="URL") from error
