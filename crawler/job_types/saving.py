"""From a whole, verified part file to a ``Result``: what was new, what changed, what stayed."""

from __future__ import annotations

from crawler.errors import TargetExists
from crawler.model import Known, Outcome, Result, Saved, Task
from crawler.net.transport import Response
from crawler.store.files import Files, Origin, PartFile

PARTIAL_CONTENT = 206


def is_ours(known: Known | None, target: str | None) -> bool:
    """Whether the ledger says that an earlier run of this task put the file there."""
    return known is not None and known.sha256 is not None and known.target == target


def refuse_foreign(files: Files, task: Task, *, overwrite: bool = False) -> None:
    """Raise ``TargetExists``, before anything is sent, where a file that is not ours stands."""
    if task.target is None or overwrite or is_ours(task.known, task.target):
        return
    if files.exists(task.target):
        raise TargetExists(
            f"{task.target!r} exists and no earlier run of this task made it; it was left alone "
            "(move it away, or choose another target)"
        )


async def finish(
    part: PartFile,
    task: Task,
    files: Files,
    *,
    received: int,
    response: Response | None = None,
    overwrite: bool = False,
    mtime: float | None = None,
) -> Result:
    """Give the file its final name, unless the very same content stands there already.

    ``new``, ``changed`` where the ledger knew other content, or ``unchanged`` with the old file left as
    it is, unless it was touched or must not be relied on (``--force``): then it is replaced. The part file
    is given up in any case. Raises ``TargetExists`` or ``StorageFailed``.
    """
    known, ours = task.known, is_ours(task.known, task.target)
    saved = await _same_as_before(part, known, files) if ours and known is not None else None
    if saved is not None:
        outcome = Outcome.UNCHANGED
        await part.discard()
    else:
        saved = await part.finish(replace=overwrite or ours, mtime=mtime, origin=_origin(task, response))
        outcome = news(known, saved.sha256 == known.sha256) if ours and known is not None else Outcome.NEW
    origin = _origin(task, response)
    return Result(
        outcome=outcome,
        status=response.status if response else None,
        bytes=received,
        saved=saved,
        etag=origin.etag,
        last_modified=origin.last_modified,
        note=_note(task, unverified=response is not None and _unverified(response)),
        source=origin.url if task.source else None,
    )


def news(known: Known, same: bool) -> Outcome:
    """What a file of ours comes to that was put there once more, with the ``same`` content or with other.

    What is new in this round stays so, whoever has lost it meanwhile: jobs to come have not heard of it.
    """
    if not same:
        return Outcome.CHANGED
    told = known.current and known.outcome in {Outcome.NEW, Outcome.CHANGED}
    return known.outcome if told and known.outcome is not None else Outcome.UNCHANGED


def kept(task: Task, known: Known, response: Response | None = None) -> Result:
    """``unchanged``: the file that the ledger knows is still the right one, and still from where it was."""
    headers = response.headers if response else {}
    return Result(
        outcome=Outcome.UNCHANGED,
        status=response.status if response else None,
        saved=saved_of(known),
        etag=headers.get("ETag") or known.etag,
        last_modified=headers.get("Last-Modified") or known.last_modified,
        note=_note(task, unverified=False) if response else None,
        source=known.url if known.url != task.url else None,
    )


def _unverified(response: Response) -> bool:
    """Whether nothing has said where the body ends; of a 206 its Content-Range has."""
    return not response.verified_length and response.status != PARTIAL_CONTENT


def _note(task: Task, *, unverified: bool) -> str | None:
    notes = [f"from mirror {task.asked.url}"] if task.source else []
    return "; ".join([*notes, "unverified_length"] if unverified else notes) or None


async def _same_as_before(part: PartFile, known: Known, files: Files) -> Saved | None:
    if known.size != part.offset or not files.is_intact(known):
        return None
    try:
        same = await part.digest("sha256") == known.sha256
    except BaseException:
        await part.keep()
        raise
    return saved_of(known) if same else None


def _origin(task: Task, response: Response | None) -> Origin:
    headers = response.headers if response else {}
    return Origin(task.asked.url, headers.get("ETag"), headers.get("Last-Modified"))


def saved_of(known: Known) -> Saved | None:
    """The file that the ledger knows, if it knows one."""
    if known.target is None or known.size is None or known.mtime_ns is None or known.sha256 is None:
        return None
    return Saved(
        target=known.target,
        size=known.size,
        sha256=known.sha256,
        mtime_ns=known.mtime_ns,
        replaced=False,
    )
