"""What a manifest may say of the fields that a crawl takes out of pages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from crawler.job_types.crawling.rules import ExtractRules
from crawler.job_types.crawling.texts import FieldName, PatternText, TargetText
from crawler.job_types.spec import OneOrMany, ShortSpec
from crawler.pages.extraction import Field as PageField
from crawler.pages.extraction import query_problem
from crawler.policy.names import safe_target
from crawler.syntax.fields import Spec


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
    fields: Annotated[dict[FieldName, FieldSpec], Field(min_length=1)] = Field(description="Fields by name.")
    pages: Annotated[tuple[PatternText, ...], OneOrMany] = Field(
        (), description="URL patterns of the pages to take them from; by default all."
    )

    def rules(self, job: str) -> ExtractRules:
        """The same as plain data, for the job of that name."""
        fields = tuple(each.field(name) for name, each in self.fields.items())
        return ExtractRules(safe_target(self.to.replace("${job}", job)), fields, self.pages)
