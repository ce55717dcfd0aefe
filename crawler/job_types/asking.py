"""A job whose templates name what other jobs captured: with the values put in, or as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import BaseModel

from crawler.job_types.base import Job
from crawler.syntax.template import NEEDS, Template

Change = Callable[[Template], Template]


def supplied(job: Job, needs: Mapping[str, object]) -> Job:
    """The job as it starts: ``needs`` are the values by job and name. What is not there fails its tasks."""
    return _changed(job, lambda template: template.supplied({NEEDS: needs}))


def as_written(job: Job) -> Job:
    """The job as far as it is known before it starts: captured values are the text that names them."""
    return _changed(job, lambda template: template.as_written(NEEDS))


def listed(job: Job) -> bool:
    """Whether all that its tasks are made of stands in the manifest."""
    return all(getattr(job.spec, key, None) is None for key in ("rows", "files"))


def _changed(job: Job, change: Change) -> Job:
    return replace(job, spec=_with(job.spec, change)) if job.asks else job


def _with(value: object, change: Change) -> object:
    """The value with every template in it changed that names captured values."""
    if isinstance(value, Template):
        return change(value) if any(value.waiting(NEEDS)) else value
    if isinstance(value, BaseModel):
        found = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: made for name, given in found.items() if (made := _with(given, change)) is not given}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, dict):
        items = {key: _with(item, change) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list | tuple):
        inner = [_with(item, change) for item in value]
        same = all(new is old for new, old in zip(inner, value, strict=True))
        return value if same else type(value)(inner)
    return value
