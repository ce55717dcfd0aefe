"""robots.txt before anything else of its origin: asked for once, through the engine, and kept for a day."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from crawler import __version__
from crawler.crawled import RobotsFile
from crawler.engine.admitted import Admitted
from crawler.engine.errands import Errand, Errands
from crawler.errors import RedirectRefused
from crawler.job_types import reading
from crawler.job_types.tools import Tools
from crawler.model import ErrorClass, Failure, Outcome, Result, Robots, Task
from crawler.policy import urls
from crawler.policy.hosts import HostRules
from crawler.policy.robots import MOST_BYTES, RobotsAnswer, RobotsRules, robots_mode
from crawler.request import Request
from crawler.store.hosts import Hosts

KEPT = 1024  # origins in memory, and bytes of their rules; what else is known is in the ledger
KEPT_BYTES = 16 * 1024 * 1024
ASK_AGAIN = 600.0  # seconds after which an origin whose robots.txt could not be fetched is asked again
_DEFAULT_AGENT = f"crawler/{__version__}"


@dataclass(frozen=True, slots=True)
class _Known:
    rules: RobotsRules
    answer: RobotsAnswer
    fetched: float  # seconds since the epoch
    why: Failure | None = None  # where nobody was reached


class RobotsGate:
    """Decides about each task before it waits for its host.

    ``ask_delay`` is told of Crawl-delay, and how many seconds ago the host was asked for its robots.txt.
    """

    def __init__(
        self,
        hosts: Hosts,
        rules: HostRules,
        errands: Errands,
        wall: Callable[[], float],
        ask_delay: Callable[[str, float, float], None],
    ) -> None:
        self._hosts = hosts
        self._rules = rules
        self._errands = errands
        self._wall = wall
        self._ask_delay = ask_delay
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._bytes = 0  # of all bodies in it

    def waits(self, admitted: Admitted) -> bool:
        """Whether the task has been put aside until its origin's robots.txt is known."""
        if self._mode(admitted) is Robots.IGNORE:
            return False
        url = admitted.asks
        origin = urls.origin(url)
        if self._find(origin) is not None:
            return False
        key = f"robots {origin}"
        if self._errands.wait(key, admitted):
            return True
        self._ask(key, origin, admitted)
        return self._errands.wait(key, admitted)  # a host that was given up has answered for it already

    def refused(self, admitted: Admitted) -> Result | None:
        """How the task ends if robots.txt, which is known, keeps it from being sent."""
        mode = self._mode(admitted)
        if mode is Robots.IGNORE:
            return None
        url = admitted.asks
        origin = urls.origin(url)
        known = self._find(origin)
        assert known is not None
        agent = _agent(admitted.task.asked)
        if (delay := known.rules.crawl_delay(agent)) is not None:
            self._ask_delay(admitted.slot, delay, max(0.0, self._wall() - known.fetched))
        verdict = known.rules.verdict(url, agent)
        if verdict.allowed:
            return None
        if known.answer.status == "unreachable":
            return _unreachable(origin, verdict.rule, known.why)
        if mode is Robots.SKIP:
            return Result(outcome=Outcome.SKIPPED, note=verdict.rule)
        return _failed(ErrorClass.ROBOTS, verdict.rule, retryable=False)

    def sitemaps(self, origin: str) -> tuple[str, ...]:
        """What the origin's robots.txt, if it is known, calls its sitemaps."""
        known = self._find(origin)
        return known.rules.sitemaps(f"{origin}/robots.txt") if known is not None else ()

    def _mode(self, admitted: Admitted) -> Robots:
        if admitted.errand is not None:
            return Robots.IGNORE
        said = self._rules.limits(admitted.slot, gentle=admitted.gentle).robots
        return robots_mode(admitted.task.robots, said)

    def _find(self, origin: str) -> _Known | None:
        """What is known and still fresh, from memory or the ledger."""
        known, now = self._known.get(origin), self._wall()
        if known is None:
            file = self._hosts.robots(origin)
            if file is None or file.status not in ("rules", "allow"):
                return None
            answer = RobotsAnswer("rules" if file.status == "rules" else "allow", file.body)
            if not answer.fresh(file.fetched, now):
                return None
            return self._keep(origin, answer, file.fetched)
        if known.answer.status == "unreachable":
            return known if 0 <= now - known.fetched < ASK_AGAIN else None
        return known if known.answer.fresh(known.fetched, now) else None

    def _keep(self, origin: str, answer: RobotsAnswer, fetched: float, why: Failure | None = None) -> _Known:
        before = self._known.pop(origin, None)
        known = self._known[origin] = _Known(RobotsRules(answer), answer, fetched, why)
        self._bytes += len(answer.body) - (0 if before is None else len(before.answer.body))
        while len(self._known) > KEPT or (self._bytes > KEPT_BYTES and len(self._known) > 1):
            _, forgotten = self._known.popitem(last=False)
            self._bytes -= len(forgotten.answer.body)
        return known

    def _ask(self, key: str, origin: str, admitted: Admitted) -> None:
        """Send for an origin's robots.txt with the manners of the task that needs it."""
        task, asked = admitted.task, admitted.task.asked
        parts = urlsplit(admitted.asks)
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/robots.txt"
        request = Request(
            url=url,
            headers=(("User-Agent", _agent(asked)),),
            proxy=asked.proxy,
            timeouts=asked.timeouts,
            identity=True,
            named_by=asked.named_by,
        )
        fetched: list[RobotsAnswer] = []

        async def perform(task: Task, tools: Tools) -> Result:
            answer = await _fetch(task, tools)
            fetched.append(answer)
            return Result(outcome=Outcome.NEW, bytes=len(answer.body))

        def ended(result: Result) -> None:
            answer = fetched[-1] if fetched and result.failure is None else RobotsAnswer.of(None)
            now = self._wall()
            self._keep(origin, answer, now, result.failure)
            if answer.status != "unreachable":
                self._hosts.keep_robots(
                    RobotsFile(origin=origin, fetched=now, status=answer.status, body=answer.body)
                )

        first = Task(
            job=task.job,
            key=key,
            ordinal=task.ordinal,
            slot=admitted.slot,
            request=request,
            retry=task.retry,
            gentle=task.gentle,
        )
        self._errands.send(key, admitted.run, first, Errand(perform, ended))


async def _fetch(task: Task, tools: Tools) -> RobotsAnswer:
    """Ask. Raises ``BadStatus`` and the like for what is worth another try."""
    try:
        return await _answer(task, tools)
    except RedirectRefused:
        return RobotsAnswer.of(404)  # RFC 9309 §2.3.1.2: after so many redirects it may be taken for absent


async def _answer(task: Task, tools: Tools) -> RobotsAnswer:
    async with tools.transport.open(task.request, slot=task.slot, hop=task.hop) as response:
        if RobotsAnswer.of(response.status).status == "unreachable":
            raise reading.bad_status(response)
        if not 200 <= response.status < 300:
            return RobotsAnswer.of(response.status)
        reading.refuse_part(response)
        kept: list[bytes] = []
        size = 0
        async for piece in response.chunks():
            kept.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                break
        return RobotsAnswer.of(response.status, b"".join(kept))


def _agent(request: Request) -> str:
    return next((value for name, value in request.headers if name.lower() == "user-agent"), _DEFAULT_AGENT)


def _unreachable(origin: str, rule: str, why: Failure | None) -> Result:
    """Without its robots.txt nothing of the origin is asked for; where none may be asked, that is it."""
    if why is not None and why.kind is ErrorClass.BLOCKED_ADDRESS:
        return Result(outcome=Outcome.FAILED, failure=why)
    reason = "" if why is None else f" ({why.message})"
    return _failed(ErrorClass.ROBOTS_UNREACHABLE, f"{origin}: {rule}{reason}", retryable=True)


def _failed(kind: ErrorClass, message: str, *, retryable: bool) -> Result:
    return Result(outcome=Outcome.FAILED, failure=Failure(kind=kind, message=message, retryable=retryable))
