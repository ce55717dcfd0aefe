"""``crawler plan``: what a run would do, without the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from crawler.cli import arguments
from crawler.cli.streams import answer
from crawler.options import Options
from crawler.report.human import plural, span

if TYPE_CHECKING:
    from crawler.app import Prepared
    from crawler.manifest.plan import Plan
    from crawler.manifest.preview import Preview
    from crawler.policy.budget import Budget
    from crawler.policy.redact import Redactor


@click.command("plan")
@arguments.manifest
@arguments.place
@arguments.only
@arguments.as_json
def command(as_json: bool, **flags: Any) -> int:
    """Show what a run of MANIFEST would do: tasks, hosts, targets, and the time it takes at least."""
    return show(arguments.options(**flags), as_json)


def show(options: Options, as_json: bool) -> int:
    """Print the plan; exit 0 even where a row is bad, for a run would go on too."""
    from crawler import app
    from crawler.manifest.plan import Plan
    from crawler.policy.redact import Redactor

    prepared = app.prepare(options)
    manifest = prepared.manifest
    redactor = Redactor(manifest.secrets)
    plan = Plan(manifest.jobs, manifest.host_rules(prepared.config.connections.per_host))
    with app.preview(prepared, retry_failed=options.retry_failed) as preview:
        if as_json:
            _print_json(prepared, plan, preview, redactor, options.deadline)
        else:
            _print_text(prepared, plan, preview, redactor, options.deadline)
    return 0


def _budgets(prepared: Prepared) -> Mapping[str, Budget]:
    jobs = {f"job {job.name}": job.budget for job in prepared.manifest.jobs}
    return {"the run": prepared.manifest.budget, **jobs}


def _print_json(
    prepared: Prepared, plan: Plan, preview: Preview, redactor: Redactor, deadline: float | None
) -> None:
    """One object over many lines, each task written as it is found: memory does not grow with them."""
    from crawler.cli.planned import entry, summary
    from crawler.report import ascii_json

    head: dict[str, object] = {"manifest": prepared.manifest.name, "output": str(prepared.config.output_root)}
    if deadline is not None:
        head["deadline"] = deadline
    answer(f'{ascii_json.dumps(head).decode()[:-1]},"tasks":[')
    waiting = ""
    for foreseen in preview:
        plan.add(foreseen)
        if waiting and not answer(f"{waiting},"):
            return
        waiting = ascii_json.dumps(entry(foreseen, redactor)).decode()
    if waiting:
        answer(waiting)
    answer("]," + ascii_json.dumps(summary(plan, _budgets(prepared), redactor)).decode()[1:])


def _print_text(
    prepared: Prepared, plan: Plan, preview: Preview, redactor: Redactor, deadline: float | None
) -> None:
    from crawler.cli.planned import lines

    for foreseen in preview:
        plan.add(foreseen)
    jobs = plural(len(prepared.manifest.jobs), "job")
    answer(redactor.line(f"{prepared.manifest.name}: {jobs}, into {prepared.config.output_root}"))
    ends = [] if deadline is None else [f"the deadline of {span(deadline)}"]
    for line in lines(plan, _budgets(prepared), ends):
        answer(redactor.line(line))
