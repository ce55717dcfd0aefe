"""What a manifest may say of a crawl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from crawler.job_types.crawling.extract_spec import ExtractSpec
from crawler.job_types.crawling.rules import CrawlRules, WarcRules
from crawler.job_types.crawling.texts import HostText, ParameterName, PatternText, StartUrl, TargetText
from crawler.job_types.spec import JobSpec, OneOrMany
from crawler.policy.canonical import CanonicalRules
from crawler.policy.parameters import DROPPED_PARAMETERS, SESSION_PARAMETERS
from crawler.policy.scope import ScopeRules
from crawler.syntax.fields import Size, Spec, TextField

_RULES = ScopeRules()


class ScopeSpec(Spec):
    """How far a crawl goes; null is no limit."""

    hosts: Annotated[tuple[HostText, ...], OneOrMany] = Field(
        _RULES.hosts, description="same-host, same-domain, any, or host patterns; one that fits is enough."
    )
    allow: Annotated[tuple[PatternText, ...], OneOrMany] = Field(
        (), description="URL patterns, one of which a URL must fit."
    )
    deny: Annotated[tuple[PatternText, ...], OneOrMany] = Field(
        (), description="URL patterns, none of which a URL may fit."
    )
    below: bool = Field(False, description="Only what lies in the start URLs' folders or below them.")
    depth: int | None = Field(None, ge=0, description="Links to follow from a start URL.")
    max_pages: int | None = Field(None, ge=1, description="URLs to fetch at most, requisites not counted.")
    max_bytes: Size | None = Field(None, description="Bytes of bodies after which nothing more is begun.")
    max_file_bytes: Size | None = Field(None, description="A larger body is left out.")
    content_types: Annotated[tuple[str, ...], OneOrMany] = Field(
        (), description="Media types to keep; image/* stands for a family. Others are left out."
    )
    max_url_length: int | None = Field(_RULES.max_url_length, ge=1, description="Characters of a URL.")
    max_repeats: int | None = Field(
        _RULES.max_repeats, ge=1, description="Times that the same path segments may follow one another."
    )
    max_parameters: int | None = Field(_RULES.max_parameters, ge=0, description="Parameters in a query.")
    max_queries: int | None = Field(_RULES.max_queries, ge=0, description="Different queries of one path.")
    forms: bool = Field(False, description="Whether the targets of GET forms are links.")
    drop_parameters: Annotated[tuple[ParameterName, ...], OneOrMany] = Field(
        DROPPED_PARAMETERS, description="Query parameters that do not tell pages apart."
    )
    sessions: Annotated[tuple[ParameterName, ...], OneOrMany] = Field(
        SESSION_PARAMETERS, description="Session ids, in queries and in paths."
    )

    def rules(self) -> ScopeRules:
        """Which URLs belong to it, as plain data."""
        return ScopeRules(
            hosts=self.hosts,
            allow=self.allow,
            deny=self.deny,
            below=self.below,
            depth=self.depth,
            max_url_length=self.max_url_length,
            max_repeats=self.max_repeats,
            max_parameters=self.max_parameters,
            max_queries=self.max_queries,
        )


class WarcSpec(Spec):
    """WARC 1.1 files of every answer, with their indexes."""

    folder: TargetText = Field("warc", min_length=1, description="Folder below the output root.")
    name: str | None = Field(
        None, min_length=1, description="How file names begin; by default the job's name."
    )
    max_bytes: Size = Field(1 << 30, ge=1 << 16, description="A file of this size is followed by a new one.")
    operator: str | None = Field(None, description="Who crawls, with a way to be reached.")


def _flag_or(kind: type[Spec]) -> Callable[[object], str]:
    return lambda value: "map" if isinstance(value, dict | kind) else "flag"


WarcField = Annotated[
    Annotated[bool, Tag("flag")] | Annotated[WarcSpec, Tag("map")], Discriminator(_flag_or(WarcSpec))
]


def _flag_or_list(value: object) -> str:
    return "flag" if isinstance(value, bool) else "list"


SitemapsField = Annotated[
    Annotated[bool, Tag("flag")] | Annotated[tuple[StartUrl, ...], OneOrMany, Tag("list")],
    Discriminator(_flag_or_list),
]


class CrawlSpec(JobSpec):
    """Follow links from start URLs."""

    type: Literal["crawl"]
    start: Annotated[tuple[StartUrl, ...], OneOrMany] = Field(min_length=1, description="Where to begin.")
    sitemaps: SitemapsField = Field(
        True, description="true takes those that robots.txt names, false none; or URLs of sitemaps."
    )
    scope: ScopeSpec = Field(ScopeSpec.unset(), description="How far to go.")
    robots: bool = Field(True, description="Whether robots.txt, meta robots and rel=nofollow are obeyed.")
    to: TextField | None = Field(
        None,
        description="A file's path below the output root; by default ${host}/${path}; null keeps no files.",
    )
    warc: WarcField = Field(False, description="Whether to write WARC files; or a map.")
    extract: ExtractSpec | None = Field(None, description="Fields to take out of each page.")
    requisites: bool = Field(
        False, description="Whether what pages need (images, style sheets, scripts) is fetched from any host."
    )
    convert_links: bool = Field(False, description="Whether links in the files are made to work offline.")
    refresh: Literal["conditional", "always"] = Field(
        "conditional", description="Whether a page that is known is asked for only if it has changed."
    )
    overwrite: bool = Field(False, description="Replace even files that earlier runs did not make.")

    def rules(self, job: str, agent: str) -> CrawlRules:
        """What all tasks of the crawl have in common, as plain data."""
        scope = self.scope
        return CrawlRules(
            scope=scope.rules(),
            canonical=CanonicalRules(scope.drop_parameters, scope.sessions),
            max_pages=scope.max_pages,
            max_bytes=scope.max_bytes,
            max_file_bytes=scope.max_file_bytes,
            content_types=scope.content_types,
            forms=scope.forms,
            robots=self.robots,
            agent=agent,
            sitemaps=self.sitemaps is True,
            files="to" not in self.model_fields_set or self.to is not None,
            requisites=self.requisites,
            convert_links=self.convert_links,
            conditional=self.refresh == "conditional",
            overwrite=self.overwrite,
            warc=self._warc(job),
            extract=None if self.extract is None else self.extract.rules(job),
        )

    def _warc(self, job: str) -> WarcRules | None:
        if self.warc is False:
            return None
        spec = WarcSpec() if self.warc is True else self.warc
        assert isinstance(spec, WarcSpec)
        return WarcRules(spec.folder, spec.name or job, spec.max_bytes, spec.operator, self.robots)
