"""From an answer to the WARC records of it, and to what the next crawl must know of them."""

from __future__ import annotations

import time

import msgspec

from crawler.job_types.crawling.content import Content
from crawler.job_types.crawling.task import CrawlTask
from crawler.job_types.tools import Site, Tools
from crawler.net.transport import Response
from crawler.store.warc.exchange import ArchivedExchange, BodyFile, Capture


async def archive_exchange(
    task: CrawlTask,
    tools: Tools,
    response: Response,
    content: Content | None,
    earlier: str | None,
    began: float,
) -> str | None:
    """Have the exchange archived, durably, if the crawl writes WARC files; what a later capture may refer to.

    ``began`` is in seconds since the epoch; ``earlier`` is what this returned for the page's last capture.
    """
    rules = task.rules.warc
    if rules is None:
        return None
    assert tools.site is not None
    archive = await tools.site.archive(rules)
    heads = response.heads
    body: bytes | BodyFile = b""
    if content is not None:
        held = content.for_archive
        body = held if isinstance(held, bytes) else BodyFile(held.fileno(), content.size)
    capture = await archive.append(
        ArchivedExchange(
            url=task.found.url,
            started=began,
            request_line=_request_line(task, tools.site, heads.request_line),
            request_headers=heads.request_headers,
            status_line=heads.status_line,
            response_headers=tuple(
                (name, _shown(tools.site, value)) for name, value in heads.response_headers
            ),
            body=body,
            decoded=response.encoded,
            ip=heads.ip,
            earlier=msgspec.json.decode(earlier, type=Capture) if earlier is not None else None,
            seconds=time.time() - began,
            hops=task.found.depth,
        )
    )
    return msgspec.json.encode(capture).decode()


def _request_line(task: CrawlTask, site: Site, line: bytes) -> bytes:
    """The line without secrets: those of a start URL, of ``params``, or anywhere in it."""
    request = task.request
    if not request.params and request.url == task.found.url:
        return _shown(site, line)
    method, target, version = line.split(b" ", 2)
    url = site.without_secrets(f"http://h{target.decode('latin-1')}")
    return b" ".join((method, url.removeprefix("http://h").encode("latin-1", "replace"), version))


def _shown(site: Site, value: bytes) -> bytes:
    text = value.decode("latin-1")
    shown = site.shown(text)
    return value if shown is text else shown.encode("latin-1", "replace")
