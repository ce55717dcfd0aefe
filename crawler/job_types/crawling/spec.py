"""What a manifest may say of a crawl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from crawler.errors import UnsafePath
from crawler.job_types.crawling.rules import CrawlRules, ExtractRules, WarcRules
from crawler.job_types.spec import JobSpec, OneOrMany, ShortSpec
from crawler.pages.extraction import Field as PageField
from crawler.pages.extraction import query_problem
from crawler.policy.canonical import CanonicalRules
from crawler.policy.domains import host_pattern_problem
from crawler.policy.names import safe_target
from crawler.policy.parameters import DROPPED_PARAMETERS, SESSION_PARAMETERS, name_problem
from crawler.policy.scope import ANY_HOST, SAME_DOMAIN, SAME_HOST, ScopeRules
from crawler.policy.url_patterns import url_pattern_problem
from crawler.syntax.fields import Size, Spec, TextField
from crawler.syntax.urls import problem

_WORDS = frozenset({ANY_HOST, SAME_DOMAIN, SAME_HOST})
_RULES = ScopeRules()


def _without(problem: Callable[[str], str | None]) -> Callable[[str], str]:
    def checked(value: str) -> str:
        if (why := problem(value)) is not None:
            raise ValueError(why)
        return value

    return checked


def _hosts_problem(value: str) -> str | None:
    if value in _WORDS:
        return None
    letters = "".join(filter(str.isalpha, value.lower()))
    for word in _WORDS:
        if letters == word.replace("-", ""):  # a host pattern by its form, but hardly meant as one
            return f"unknown word {value!r}; did you mean {word!r}?"
    return host_pattern_problem(value)


def _target_problem(value: str) -> str | None:
    try:
        safe_target(value.replace("${job}", "job"))
    except UnsafePath as error:
        return str(error)
    return None


HostText = Annotated[str, AfterValidator(_without(_hosts_problem))]
PatternText = Annotated[str, AfterValidator(_without(url_pattern_problem))]
ParameterName = Annotated[str, AfterValidator(_without(name_problem))]
TargetText = Annotated[str, AfterValidator(_without(_target_problem))]
StartUrl = Annotated[str, AfterValidator(_without(problem))]


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


class FieldSpec(ShortSpec):
    """One field of a page: a CSS selector, or a map."""

    short = "css"

    css: str | None = Field(None, min_length=1, description="CSS selector, for HTML.")
    jmespath: str | None = Field(None, min_length=1, description="JMESPath expression, for JSON.")
    attribute: str | None = Field(None, min_length=1, description="Take this attribute instead of the text.")
    many: bool = Field(False, description="Every match as a list, instead of the first one.")
    type: Literal["text", "html", "int", "float", "bool", "url"] = Field(
        "text", description="What the value is read as."
    )
    required: bool = Field(False, description="A page without it is a failure.")
    default: Any = Field(None, description="The value where there is none.")

    @model_validator(mode="after")
    def _one_way(self) -> FieldSpec:
        if (self.css is None) == (self.jmespath is None):
            raise ValueError("expected exactly one of 'css' and 'jmespath'")
        if (why := query_problem(self.field(""))) is not None:
            raise ValueError(why.removeprefix("field '': "))
        return self

    def field(self, name: str) -> PageField:
        """The same as plain data."""
        return PageField(
            name=name,
            css=self.css,
            jmespath=self.jmespath,
            attribute=self.attribute,
            many=self.many,
            type=self.type,
            required=self.required,
            default=self.default,
        )


class ExtractSpec(Spec):
    """Fields to take out of each page."""

    to: TargetText = Field(
        "${job}.jsonl", min_length=1, description="One JSON line a page, below the output root."
    )
    fields: Annotated[dict[str, FieldSpec], Field(min_length=1)] = Field(description="Fields by name.")
    pages: Annotated[tuple[PatternText, ...], OneOrMany] = Field(
        (), description="URL patterns of the pages to take them from; by default all."
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
            extract=_extract(self.extract, job),
        )

    def _warc(self, job: str) -> WarcRules | None:
        if self.warc is False:
            return None
        spec = WarcSpec() if self.warc is True else self.warc
        assert isinstance(spec, WarcSpec)
        return WarcRules(spec.folder, spec.name or job, spec.max_bytes, spec.operator, self.robots)


def _extract(spec: ExtractSpec | None, job: str) -> ExtractRules | None:
    if spec is None:
        return None
    fields = tuple(each.field(name) for name, each in spec.fields.items())
    return ExtractRules(safe_target(spec.to.replace("${job}", job)), fields, spec.pages)
