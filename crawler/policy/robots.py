"""What a site's robots.txt lets us fetch (RFC 9309), and how far its answer may be relied on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

from crawler.model import Robots
from crawler.policy.verdict import Verdict

if TYPE_CHECKING:
    from protego import Protego

MOST_BYTES = 500 * 1024  # RFC 9309 §2.5: a parser must take at least 500 KiB; more is cut
FRESH_SECONDS = 24 * 3600.0  # RFC 9309 §2.4: a copy should not be used for longer
LONGEST_DELAY = (
    60.0  # a Crawl-delay beyond it would end no crawl; Heritrix stops at 300 s, StormCrawler at 30 s
)

Status = Literal["rules", "allow", "unreachable"]

_TOO_MANY_REQUESTS = 429
# Lines end in CR, LF or both (RFC 9309 §2.2); Python's splitlines, which protego uses, knows more ends.
_LINE_END = re.compile(r"\r\n?")
_NO_LINE_ENDS = str.maketrans(dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))
_AGENT_LINE = re.compile(
    r"^[ \t]*user[- ]?agent(?:[ \t]*:[ \t]*|[ \t]+)([^#\n]*)", re.IGNORECASE | re.MULTILINE
)
_TOKEN = re.compile(r"[^\s/();,*]+")
_OURS, _OTHER = "ours", "other"  # the names under which protego sees the groups
_AGENTS_REMEMBERED = 8
_BROWSER_LIKE = re.compile(r"Mozilla/\S+\s+\(compatible;\s*([^\s/();,*]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """What asking for robots.txt came to: rules and their bytes, everything allowed, or nobody reached."""

    status: Status
    body: bytes = b""

    @classmethod
    def of(cls, status: int | None, body: bytes = b"") -> RobotsAnswer:
        """From the final HTTP status and body; ``None`` is no answer at all (RFC 9309 §2.3.1).

        2xx gives rules. 4xx allows everything, and so does a 3xx that was left after five redirects. 5xx,
        anything else and no answer disallow everything; 429 too, as Google does: who asks for less gets less.
        """
        if status is None or status == _TOO_MANY_REQUESTS or not 200 <= status < 500:
            return cls("unreachable")
        if status >= 300:
            return cls("allow")
        return cls("rules", _cut(body))

    def fresh(self, fetched: float, now: float) -> bool:
        """Whether it still holds; both times in seconds on one clock. A failure to ask is never kept."""
        return self.status != "unreachable" and 0 <= now - fetched < FRESH_SECONDS


class RobotsRules:
    """An answer, ready for many questions. An agent is a whole ``User-Agent`` header or its product token."""

    def __init__(self, answer: RobotsAnswer) -> None:
        self._status = answer.status
        self._body = answer.body
        self._parsed: dict[str, Protego] = {}  # by product token

    def allowed(self, url: str, agent: str) -> bool:
        """Whether the agent may fetch a canonical URL of this origin; robots.txt itself always (§2.2.2)."""
        if self._status == "rules":
            return self._rules(agent).can_fetch(url, _OURS)
        return self._status == "allow" or _path(url) == "/robots.txt"

    def verdict(self, url: str, agent: str) -> Verdict:
        """``allowed``, and why."""
        allowed = self.allowed(url, agent)
        if self._status == "allow":
            return Verdict(True, "robots.txt: the site has none")
        if self._status == "unreachable":
            return Verdict(
                allowed, "robots.txt: it could not be fetched, so nothing else may be (RFC 9309 §2.3.1.4)"
            )
        does = "allows" if allowed else "disallows"
        return Verdict(allowed, f"robots.txt: it {does} this to {product_token(agent) or '*'}")

    def crawl_delay(self, agent: str, *, most: float = LONGEST_DELAY) -> float | None:
        """Seconds between requests that the site asks the agent for, at most ``most``; ``None`` if none."""
        if self._status != "rules":
            return None
        delay = self._rules(agent).crawl_delay(_OURS)
        return None if delay is None else min(delay, most)

    def sitemaps(self, robots_url: str) -> tuple[str, ...]:
        """The http and https URLs of its ``Sitemap`` lines, each once, relative ones resolved."""
        if self._status != "rules":
            return ()
        found: dict[str, None] = {}
        for each in self._rules("").sitemaps:
            try:
                url = urljoin(robots_url, each)
            except ValueError:
                continue  # no URL at all: a mistake of the site's that forbids nothing
            if url.lower().startswith(("http://", "https://")):
                found[url] = None
        return tuple(found)

    def _rules(self, agent: str) -> Protego:
        """Parsed for one agent, once; a run has one or two of them."""
        token = product_token(agent).lower()
        parsed = self._parsed.get(token)
        if parsed is None:
            if len(self._parsed) >= _AGENTS_REMEMBERED:
                self._parsed.clear()
            parsed = self._parsed[token] = _parse(self._body, token)
        return parsed


def robots_mode(wanted: Robots, said: bool | None) -> Robots:
    """What robots.txt means to a task that wants it so, at a host whose rules say whether it is obeyed."""
    if said is None:
        return wanted
    if not said:
        return Robots.IGNORE
    return Robots.OBEY if wanted is Robots.IGNORE else wanted


@lru_cache(maxsize=256)
def product_token(user_agent: str) -> str:
    """The name that robots.txt knows a ``User-Agent`` by: ``acme-batch/1.0 (+mailto:…)`` → ``acme-batch``.

    Of ``Mozilla/5.0 (compatible; acme-batch/1.0)`` it is the name behind ``compatible``.
    """
    disguised = _BROWSER_LIKE.match(user_agent)
    if disguised is not None:
        return disguised[1]
    token = _TOKEN.match(user_agent.strip())
    return token[0] if token is not None else ""


def _cut(body: bytes) -> bytes:
    """At most ``MOST_BYTES``, without a line that was cut: half a path would forbid more than the whole."""
    if len(body) <= MOST_BYTES:
        return body
    kept = body[:MOST_BYTES]
    if body[MOST_BYTES : MOST_BYTES + 1] in (b"\n", b"\r"):
        return kept
    return kept[: max(kept.rfind(b"\n"), kept.rfind(b"\r")) + 1]


def _parse(body: bytes, token: str) -> Protego:
    """The rules as the agent with this token, in lower case, sees them.

    Groups are chosen here: protego lets one for ``foo`` speak to ``foo-bar``, and one for ``foo/2.0`` not to
    ``foo``, where RFC 9309 §2.2.1 wants equal tokens. It also keeps the rules of a group once for each agent
    that the group names: a hostile file of 500 KiB would cost minutes and gigabytes.
    """
    from protego import Protego  # imported here: only crawls need it

    def renamed(line: re.Match[str]) -> str:
        value = line[1].strip()
        named = _TOKEN.match(value.lstrip("*"))
        if named is None:
            return "User-agent: *" if value.startswith("*") else "User-agent:"
        return f"User-agent: {_OURS if named[0].lower() == token else _OTHER}"

    text = body.decode("utf-8-sig", errors="replace")  # a byte order mark is no part of the first line
    text = _LINE_END.sub("\n", text).translate(_NO_LINE_ENDS)
    return Protego.parse(_AGENT_LINE.sub(renamed, text))


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("?")[0].partition("/")[2]
