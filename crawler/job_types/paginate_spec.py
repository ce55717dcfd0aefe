"""The ``paginate`` key: how a server's list goes on, as a manifest writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from crawler.job_types.paging import Paging, Way
from crawler.syntax.fields import Spec
from crawler.syntax.template import Template

LINK = "link"


def _expression(value: str) -> str:
    from crawler.pages.extraction import Field as Queried
    from crawler.pages.extraction import query_problem

    if (why := query_problem(Queried(name="", jmespath=value))) is not None:
        raise ValueError(why.removeprefix("field '': "))
    return value


Expression = Annotated[str, Field(min_length=1), AfterValidator(_expression)]
"""A JMESPath expression over the page's JSON body."""

Parameter = Annotated[str, Field(min_length=1)]


class CursorSpec(Spec):
    """A token in the body that goes into the next request."""

    jmespath: Expression = Field(description="Where it is in the JSON body; null, false or '' is the end.")
    param: Parameter = Field(description="The query parameter, or the place in the JSON body, it goes into.")
    in_: Literal["query", "json"] = Field("query", alias="in", description="What it goes into.")


class PageSpec(Spec):
    """A number that counts pages."""

    param: Parameter = Field(description="The query parameter that says which page.")
    start: int = Field(1, ge=0, description="The first page's number.")


class OffsetSpec(Spec):
    """A number that counts items."""

    param: Parameter = Field(description="The query parameter that says how many items to pass over.")
    limit: int = Field(ge=1, description="By how much it goes up: the items of a whole page.")
    start: int = Field(0, ge=0, description="Where the first page begins.")


class PaginateSpec(Spec):
    """How the list goes on, page by page."""

    next: Expression | None = Field(
        None, description="link (the default) is the Link header; else a JMESPath to the next page's URL."
    )
    cursor: CursorSpec | None = Field(None, description="A token that leads to the next page.")
    page: PageSpec | None = Field(None, description="Pages by number, up to the first without items.")
    offset: OffsetSpec | None = Field(None, description="Pages by offset, up to the first without items.")
    items: Expression | None = Field(None, description="JMESPath to the list of items; one line each.")
    max_pages: int | None = Field(None, ge=1, description="Pages to read at most.")

    @model_validator(mode="after")
    def _one_way(self) -> PaginateSpec:
        given = [name for name in ("next", "cursor", "page", "offset") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one way to the next page, found {' and '.join(map(repr, given))}")
        if self.items is None and (self.page or self.offset):
            raise ValueError(f"{given[0]!r} ends at the first page without items, so it needs 'items'")
        return self

    def refuse_misfit(self, others: Mapping[str, Any]) -> None:
        """Raise ValueError if the request's other keys leave nothing to turn pages by."""
        if others.get("capture") is not None:
            raise ValueError(
                "'capture' takes values out of one answer, and a list has many; expected one of the two"
            )
        body = others.get("json_")
        if self.cursor is not None and self.cursor.in_ == "json" and not isinstance(body, dict | Template):
            raise ValueError("a cursor with 'in: json' goes into the request's 'json', which must be a map")
        if others.get("method") == "HEAD" and (others.get("save") is not None or self.paging().reads):
            raise ValueError(
                "the answer to HEAD has no body; expected 'next: link' without 'items' and 'save'"
            )

    def paging(self) -> Paging:
        """The same as plain data."""
        found = self._way()
        return replace(found, items=self.items, max_pages=self.max_pages)

    def _way(self) -> Paging:
        if (cursor := self.cursor) is not None:
            in_json = cursor.in_ == "json"
            return Paging(way=Way.CURSOR, expression=cursor.jmespath, param=cursor.param, in_json=in_json)
        if self.page is not None:
            return Paging(way=Way.PAGE, param=self.page.param, start=self.page.start)
        if (offset := self.offset) is not None:
            return Paging(way=Way.OFFSET, param=offset.param, start=offset.start, step=offset.limit)
        if self.next is None or self.next == LINK:
            return Paging(way=Way.LINK)
        return Paging(way=Way.URL, expression=self.next)
