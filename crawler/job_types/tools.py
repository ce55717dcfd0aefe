"""What one attempt may use: the transport, the files, and what else the engine lends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from crawler.crawled import Found, Page
from crawler.model import Checkpoint, Known, Saved
from crawler.net.transport import Transport
from crawler.store.files import Files

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import WarcRules
    from crawler.store.warc.archive import Archive


class Gauge(Protocol):
    """Live progress of one transfer, polled by the progress display."""

    def start(self, total: int | None, done: int = 0) -> None:
        """Bytes expected (if known) and already there."""

    def add(self, count: int) -> None:
        """``count`` more body bytes moved."""


def _stay() -> None:
    """Keep the host's slot until the attempt has ended."""


def _nothing_to_lend(wanted: int) -> int:
    """No request beside the one that the attempt is."""
    return 0


def _nothing_borrowed(count: int) -> None:
    """Nothing is to be returned."""


def _no_sitemaps(origin: str) -> Sequence[str]:
    """Nobody read a robots.txt."""
    return ()


def _nobody_uses(values: Mapping[str, object], found: Set[str]) -> None:
    """No job needs what was captured."""


async def _each_time(key: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """Nothing is shared between attempts."""
    return await work()


class Site(Protocol):
    """What one growing job has found and remembers; all of it survives the run."""

    def page(self, fingerprint: int) -> Page | None:
        """What is remembered of a URL."""

    def earlier(self, fingerprint: int) -> Page | None:
        """The same, but ``None`` at once where earlier runs left nothing of any page of the job."""

    def knows(self, fingerprint: int) -> bool:
        """Whether the URL was recorded in this run already; ``False`` may only mean that it must be asked."""

    def found(self, fingerprints: Sequence[int]) -> Sequence[Found]:
        """Those of the URLs that were found before, in this round or one of the last."""

    def full(self, most_pages: int | None) -> bool:
        """Whether this round has found so many pages that no more are taken."""

    def record(self, page: Page | None, found: Sequence[Found], *, most_pages: int | None = None) -> None:
        """Write down what a URL is and what it led to; each URL is taken once, PAGEs up to ``most_pages``.

        To be called before the page's file gets its name: what is named was recorded.
        """

    def claim(self, target: str, owner: Page) -> str:
        """The target, or another name for it where it, or a folder on the way, belongs to another URL.

        ``owner`` has the key and the fingerprint of the URL that it is for, and the target that an earlier
        run gave it: that one is kept if it is one for ``target``.
        """

    def shown(self, text: str) -> str:
        """The text without any secret of the manifest."""

    def without_secrets(self, url: str) -> str:
        """The URL without any secret of the manifest, or what looks like one."""

    moved: int  # bytes of bodies in this round

    def known(self, page: Page) -> Known | None:
        """What the ledger knows of the page's task and its file."""

    async def archive(self, rules: WarcRules) -> Archive:
        """The job's archive, opened at the first call; the engine closes it."""

    async def keep_up(self) -> None:
        """Wait while the ledger is far behind with what was recorded."""

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what was not followed, and why; the job's end tells it."""

    def pages(self) -> Iterator[Page]:
        """Every page that this round has answered."""

    def converted(self, page: Page, saved: Saved, leads: int) -> None:
        """The links in the page's file were rewritten; ``leads`` is its ``converted`` from now on."""

    def named(self, key: str) -> None:
        """A file that is nobody's task, opened under this key, has its name."""


class Carried(Protocol):
    """What one attempt of a task leaves to the next within the run, such as a file that is being written."""

    def doom(self) -> None:
        """The task will not be gone on with: there is nothing to be kept."""

    async def rest(self) -> None:
        """The next attempt may be long in coming, and others need the room: keep as little open as can be.

        Raises ``StorageFailed``.
        """

    async def leave(self) -> None:
        """Nobody in this run goes on with it: make durable what another run may go on with, and close.

        Harmless the second time. Raises ``StorageFailed``.
        """


def _carry_nothing(carried: Carried | None) -> None:
    """There is no next attempt."""


class Aside(Protocol):
    """Does pure work on another core, where there is one and enough to do."""

    def ready(self) -> bool:
        """Whether ``run`` would have its work done elsewhere; to be asked before each piece of work."""

    async def run(self, work: Callable[..., Any], *arguments: object) -> Any:
        """What ``work(*arguments)`` gives or raises; all of it is pickled, ``work`` itself only once."""


class NowhereElse:
    """Implements ``Aside`` where there is no other core to be had."""

    def ready(self) -> bool:
        """Never."""
        return False

    async def run(self, work: Callable[..., Any], *arguments: object) -> Any:
        """Here and now."""
        return work(*arguments)


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What ``perform`` may use; the engine makes one for each attempt."""

    transport: Transport
    files: Files
    gauge: Gauge
    checkpoint: Callable[[Checkpoint], Awaitable[None]]  # returns when the ledger has committed it
    chunk_size: int
    leave_host: Callable[[], None] = _stay  # the answer is whole: the host's slot is free for the next task
    # Count up to so many more requests to the task's host as under way; how many its limit leaves free.
    borrow: Callable[[int], int] = _nothing_to_lend
    give_back: Callable[[int], None] = _nothing_borrowed  # so many of them are over
    # The outcome of work that attempts share: by its key it is done once a run, unless it fails.
    once: Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]] = _each_time
    # What is captured: there for later jobs, if the task ends well. Those that the answer holds, which are
    # named, are hidden from now on.
    captured: Callable[[Mapping[str, object], Set[str]], None] = _nobody_uses
    site: Site | None = None  # of a job that grows
    sitemaps: Callable[[str], Sequence[str]] = _no_sitemaps  # that the origin's robots.txt names
    aside: Aside = msgspec.field(default_factory=NowhereElse)
    carried: Carried | None = None  # what the attempt before has left
    carry: Callable[[Carried | None], None] = _carry_nothing  # leave this to the next one
    redact: Callable[[str], str] = str  # the text as it may be written down
