"""What the robots.txt that the ledger holds says of one URL; nothing is asked of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crawler import __version__
from crawler.model import Robots, Task
from crawler.policy import urls
from crawler.policy.hosts import HostRules
from crawler.policy.robots import RobotsAnswer, RobotsRules, robots_mode

if TYPE_CHECKING:
    from crawler.store.reader import Reader


class KeptRobots:
    """Answers for tasks. ``now`` is seconds since the epoch; without a ledger nothing is known."""

    def __init__(self, rules: HostRules, reader: Reader | None, now: float) -> None:
        self._rules = rules
        self._reader = reader
        self._now = now

    def says(self, task: Task, url: str) -> tuple[str, bool]:
        """What robots.txt said when it was asked for last, and whether it lets the task through."""
        if self._ignores(task, url):
            return "robots.txt does not count: nothing says `robots: true`", True
        if (kept := self._kept(url)) is None:
            return f"robots.txt of {urls.origin(url)} was not asked for yet", True
        answer, fresh = kept
        verdict = RobotsRules(answer).verdict(url, self._agent(task, url))
        if fresh:
            return verdict.rule, verdict.allowed
        return f"{verdict.rule}; that is more than a day old and will be asked for again", True

    def crawl_delay(self, task: Task, url: str) -> float | None:
        """Seconds between requests that robots.txt asks for, if that still holds."""
        kept = None if self._ignores(task, url) else self._kept(url)
        if kept is None:
            return None
        answer, fresh = kept
        return RobotsRules(answer).crawl_delay(self._agent(task, url)) if fresh else None

    def _ignores(self, task: Task, url: str) -> bool:
        said = self._rules.limits(urls.slot(url), gentle=task.gentle).robots
        return robots_mode(task.robots, said) is Robots.IGNORE

    def _kept(self, url: str) -> tuple[RobotsAnswer, bool] | None:
        """What the ledger has of it, and whether it is fresh."""
        file = None if self._reader is None else self._reader.robots(urls.origin(url))
        if file is None:
            return None
        answer = RobotsAnswer("allow" if file.status == "allow" else "rules", file.body)
        return answer, answer.fresh(file.fetched, self._now)

    def _agent(self, task: Task, url: str) -> str:
        rules = self._rules.request(urls.slot(url), task.job)
        asked = task.request if rules is None else rules.over(task.request)
        agents = [value for name, value in asked.headers if name.lower() == "user-agent"]
        return agents[0] if agents else f"crawler/{__version__}"
