"""``crawler plan``: what a run would do, without the network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer
from crawler.options import Options
from crawler.report.human import plural


@click.command("plan")
@arguments.manifest
@arguments.place
@arguments.only
@arguments.as_json
def command(as_json: bool, **flags: Any) -> int:
    """Show what a run of MANIFEST would do: tasks, hosts and targets of each job."""
    return show(arguments.options(**flags), as_json)


def show(options: Options, as_json: bool) -> int:
    """Print the plan; exit 0 even where a row is bad, for a run would go on too."""
    from crawler import app
    from crawler.manifest.plan import plan
    from crawler.manifest.sources import ManifestSources
    from crawler.policy.redact import Redactor

    prepared = app.prepare(options)
    rules = prepared.manifest.host_rules(prepared.config.connections.per_host)
    sources = ManifestSources(prepared.config.output_root, lambda job, outcomes: ())
    jobs: list[dict[str, Any]] = []
    for job in prepared.manifest.jobs:
        planned = plan(job, sources)
        hosts = {
            host: {"tasks": tasks, "concurrency": rules.concurrency(host)}
            for host, tasks in planned.hosts.most_common()
        }
        jobs.append(
            {
                "name": planned.name,
                "type": planned.type,
                "needs": list(planned.needs),
                "tasks": None if planned.open_ended else planned.tasks,
                "hosts": hosts,
                "targets": planned.targets,
                "problems": planned.problems,
            }
        )
    redactor = Redactor(prepared.manifest.secrets)
    told = {"manifest": prepared.manifest.name, "output": str(prepared.config.output_root), "jobs": jobs}
    if as_json:
        answer(redactor.text(json.dumps(told)))
    else:
        for line in _lines(told):
            answer(redactor.line(line))
    return 0


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['manifest']}: {plural(len(told['jobs']), 'job')}, into {told['output']}"
    for job in told["jobs"]:
        after = f", after {', '.join(job['needs'])}" if job["needs"] else ""
        many = "as many tasks as those bring" if job["tasks"] is None else plural(job["tasks"], "task")
        yield f"  {job['name']} ({job['type']}{after}): {many}"
        for host, limit in list(job["hosts"].items())[:10]:
            yield f"    {host}: {plural(limit['tasks'], 'task')}, at most {limit['concurrency']} at once"
        if len(job["hosts"]) > 10:
            yield f"    and {len(job['hosts']) - 10:,} more hosts"
        for target in job["targets"]:
            yield f"    → {target}"
        for problem in job["problems"]:
            yield f"    ! {problem}"
