"""What becomes of the answer to a request: checked, and saved, looked into, counted or let go."""

from __future__ import annotations

from collections.abc import Sequence

from crawler.errors import StorageFailed
from crawler.job_types import reading
from crawler.job_types.captured import Capture, Taking
from crawler.job_types.expect import LARGEST_IN_MEMORY, Expectation
from crawler.job_types.saving import finish
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result, Task
from crawler.net.transport import Response

# A body that nobody asked for is read this far, so that the connection can be used again and a cut
# one is noticed; past it a new connection is cheaper than the rest.
DRAINED = 1024 * 1024


async def answer(
    response: Response, task: Task, expect: Expectation, tools: Tools, captures: Sequence[Capture] = ()
) -> Result:
    """Check the answer, capture what is wanted of it, and save its body if the task has a target.

    Raises ``BadStatus``, ``UnexpectedContent``, ``TooLarge``, and what reading and saving raise.
    """
    taking = Taking(captures, response, tools.captured)
    taking.head()
    expect.check_head(response, quoted=not captures)
    taking.refuse()
    tools.gauge.start(response.length)
    if task.target is not None:
        return await _saved(response, task, expect, tools, taking)
    note = None if response.verified_length else "unverified_length"
    if expect.looks_inside or taking.looks_inside:
        body = await _looked_into(response, expect, tools, taking)
        received = len(body)
    elif expect.measures:
        received = await reading.pour(response, tools.gauge, expect.max_bytes, _let_go)
        reading.refuse_short(received, expect.min_bytes)
    elif response.length is not None and response.length > DRAINED:
        received, note = 0, "body_not_read"
    else:
        received, note = await _drained(response, tools, note)
    return Result(
        outcome=Outcome.NEW,
        status=response.status,
        bytes=received,
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
        note=note,
    )


async def _looked_into(response: Response, expect: Expectation, tools: Tools, taking: Taking) -> bytes:
    cap = LARGEST_IN_MEMORY if expect.max_bytes is None else expect.max_bytes
    body = await reading.whole_body(response, tools.gauge, cap)
    reading.refuse_short(len(body), expect.min_bytes)
    taking.body(body)
    expect.check_body(body, response.headers.get("Content-Type"), quoted=not taking.captures)
    taking.refuse()
    return body


async def _let_go(_: bytes) -> None:
    return


async def _drained(response: Response, tools: Tools, note: str | None) -> tuple[int, str | None]:
    whole = response.small_body()
    if whole is not None:
        tools.gauge.add(len(whole))
        return len(whole), note
    received = 0
    async for chunk in response.chunks():
        received += len(chunk)
        tools.gauge.add(len(chunk))
        if received > DRAINED:
            return received, "body_not_read"
    return received, note


async def _saved(response: Response, task: Task, expect: Expectation, tools: Tools, taking: Taking) -> Result:
    """The body in a file under its final name, or nothing."""
    assert task.target is not None
    inside = expect.looks_inside or taking.looks_inside
    body = await _looked_into(response, expect, tools, taking) if inside else None
    part = await tools.files.open(task.target, job=task.job, key=task.key)
    try:
        if body is not None:
            await part.write(body)
        else:
            await reading.pour(response, tools.gauge, expect.max_bytes, part.write)
            reading.refuse_short(part.offset, expect.min_bytes)
    except StorageFailed:
        await part.keep()  # the disk failed: nothing more is touched
        raise
    except BaseException:
        await part.discard()
        raise
    return await finish(part, task, tools.files, received=part.offset, response=response)
