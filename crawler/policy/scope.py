"""Which found URLs belong to a crawl, and the rule that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from crawler.policy.domains import host_of, host_pattern_problem, registrable_domain
from crawler.policy.patterns import HostPattern
from crawler.policy.traps import repeated_segments
from crawler.policy.url_patterns import UrlPattern
from crawler.policy.urls import DEFAULT_PORTS
from crawler.policy.verdict import Verdict

SAME_HOST = "same-host"
SAME_DOMAIN = "same-domain"
ANY_HOST = "any"

_HOSTS_REMEMBERED = 4096
_FOLDERS_SHOWN = 3
# A style sheet imports one that shows an image: a page's requisites may lie this many links beyond its depth.
_REQUISITE_LINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRules:
    """What a manifest says of a crawl's extent; ``None`` is no limit.

    ``hosts`` are ``same-host`` (as a start URL, on any standard port), ``same-domain`` (the registrable
    domain of a start URL's host, on any port), ``any``, or host patterns; one that fits is enough.
    ``below`` keeps to the folders of the start URLs on their hosts, as ``wget --no-parent`` does.
    ``depth`` is in links followed; ``max_url_length`` in characters; ``max_repeats``, at least 1, is how
    often in a row a sequence of path segments may stand; ``max_parameters`` is for one query;
    ``max_queries`` for one path, which ``QueryCounts`` counts.
    """

    hosts: tuple[str, ...] = (SAME_HOST,)
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    below: bool = False
    depth: int | None = None
    max_url_length: int | None = 2048  # a URL in a sitemap is shorter (sitemaps.org, <loc>)
    max_repeats: int | None = 2  # Heritrix's own number (PathologicalPathDecideRule)
    max_parameters: int | None = 20
    max_queries: int | None = 10_000  # whole forums live at one path; a calendar does not end


class Scope:
    """The rules, made ready for many questions, and the start URLs that they refer to.

    ``seeds`` are canonical URLs. Raises ValueError for a pattern that nothing could fit.
    """

    def __init__(self, rules: ScopeRules, seeds: Iterable[str]) -> None:
        self.rules = rules
        self._patterns = [(each, _host_pattern(each)) for each in rules.hosts if each not in _WORDS]
        self._allow = [UrlPattern.of(each) for each in rules.allow]
        self._deny = [UrlPattern.of(each) for each in rules.deny]
        self._seeds: set[str] = set()
        self._folders: dict[str, dict[str, None]] = {}  # of the start URLs, by ``host`` or ``host:port``
        self._domains: set[str] = set()
        self._hosts: dict[tuple[str, str], Verdict] = {}  # answers, by scheme and netloc
        for seed in seeds:
            self.add_seed(seed)

    def add_seed(self, url: str) -> None:
        """Take one more canonical URL as a start URL: where a start URL was redirected to, say."""
        _, netloc, path, _ = _parts(url)
        self._folders.setdefault(netloc, {})[path[: path.rindex("/") + 1]] = None
        if SAME_DOMAIN in self.rules.hosts:
            self._domains.add(registrable_domain(host_of(netloc)))
        self._seeds.add(url)
        self._hosts.clear()

    def decide(self, url: str, depth: int, *, requisite: bool = False) -> Verdict:
        """Whether a canonical URL, found ``depth`` links from a start URL, is fetched.

        ``requisite`` is for what a page needs to be shown: it may be on any host, in any folder, three links
        beyond the depth, and need not fit ``allow``; ``deny`` and the limits on URLs hold. A start URL is
        always fetched.
        """
        if depth == 0 and url in self._seeds:
            return _SEED
        scheme, netloc, path, query = _parts(url)
        out = self._too_far(url, depth - _REQUISITE_LINKS if requisite else depth) or self._trap(path, query)
        if out is not None:
            return out
        for pattern in self._deny:
            if pattern.fits(url):
                return Verdict(False, f"deny pattern {pattern.text!r} fits it")
        if requisite:
            return _REQUISITE
        host = self._hosts.get((scheme, netloc)) or self._host(scheme, netloc)
        if not host.allowed:
            return host
        if self.rules.below and not self._below(netloc, path):
            folders = ", ".join(islice(self._folders[netloc], _FOLDERS_SHOWN))
            return Verdict(False, f"below: it is in no start URL's folder on its host, such as {folders}")
        return self._allowed(url) if self._allow else host

    def _too_far(self, url: str, depth: int) -> Verdict | None:
        rules = self.rules
        if rules.depth is not None and depth > rules.depth:
            return Verdict(False, f"depth: it is further than {rules.depth} links from a start URL")
        if rules.max_url_length is not None and len(url) > rules.max_url_length:
            return Verdict(
                False, f"max_url_length: {len(url)} characters; the most are {rules.max_url_length}"
            )
        return None

    def _trap(self, path: str, query: str) -> Verdict | None:
        rules = self.rules
        if rules.max_repeats is not None:
            repeated = repeated_segments(path, rules.max_repeats + 1)
            if repeated is not None:
                times = rules.max_repeats + 1
                return Verdict(
                    False, f"max_repeats: the path repeats {repeated[:80]!r} {times} times in a row"
                )
        if query and rules.max_parameters is not None and query.count("&") >= rules.max_parameters:
            count = query.count("&") + 1
            return Verdict(
                False, f"max_parameters: {count} in the query; the most are {rules.max_parameters}"
            )
        return None

    def _below(self, netloc: str, path: str) -> bool:
        """Whether the path is in a start URL's folder, or there is no start URL on this host."""
        folders = self._folders.get(netloc)
        if folders is None:
            return True
        end = path.find("/")
        while end >= 0:
            if path[: end + 1] in folders:
                return True
            end = path.find("/", end + 1)
        return False

    def _allowed(self, url: str) -> Verdict:
        for pattern in self._allow:
            if pattern.fits(url):
                return pattern.verdict
        return Verdict(False, f"no allow pattern fits it ({', '.join(self.rules.allow)})")

    def _host(self, scheme: str, netloc: str) -> Verdict:
        """The answer for a host, remembered: a page's links lead to few hosts."""
        if len(self._hosts) >= _HOSTS_REMEMBERED:
            self._hosts.clear()
        verdict = self._hosts[scheme, netloc] = self._judged(scheme, netloc)
        return verdict

    def _judged(self, scheme: str, netloc: str) -> Verdict:
        words = self.rules.hosts
        if ANY_HOST in words:
            return Verdict(True, "hosts: any host is followed")
        if SAME_HOST in words and netloc in self._folders:
            return Verdict(True, f"hosts: {netloc} is the host of a start URL")
        domain = registrable_domain(host_of(netloc)) if SAME_DOMAIN in words else ""
        if domain in self._domains:
            return Verdict(True, f"hosts: {netloc} is in {domain}, the domain of a start URL")
        slot = netloc if host_of(netloc) != netloc else f"{netloc}:{DEFAULT_PORTS[scheme]}"
        for text, pattern in self._patterns:
            if pattern.fits(slot):
                return Verdict(True, f"hosts: pattern {text!r} fits {slot}")
        return Verdict(False, f"hosts: {netloc} is none of {', '.join(words)}")


_WORDS = frozenset({SAME_HOST, SAME_DOMAIN, ANY_HOST})
_SEED = Verdict(True, "it is a start URL")
_REQUISITE = Verdict(True, "requisites: a page needs it")
_PARTS = re.compile(r"(https?)://([^/?#]+)(/[^?]*)(?:\?(.*))?\Z", re.DOTALL)


def _host_pattern(text: str) -> HostPattern:
    if (why := host_pattern_problem(text)) is not None:
        raise ValueError(why)
    return HostPattern.of(text)


def _parts(url: str) -> tuple[str, str, str, str]:
    """Scheme, ``host`` or ``host:port``, path and query of a canonical URL."""
    match = _PARTS.match(url)
    if match is None:
        raise ValueError(f"{url[:120]!r} is no canonical URL; expected what policy.canonical makes")
    scheme, netloc, path, query = match.groups()
    return scheme, netloc, path, query or ""
