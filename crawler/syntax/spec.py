"""The base of every checked model: unknown keys are errors and no value changes its kind unseen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from crawler.syntax.template import Template, Text
from crawler.syntax.words import shown

EXACT = "exact"
"""Validation context key: a number where text is wanted is an error, so that its spelling can be used."""


def _be_strict(schema: Any, model: type[BaseModel]) -> None:
    if isinstance(schema, dict):
        kind = schema.get("type")
        if kind in ("int", "float", "bool"):
            schema["strict"] = True
        if kind == "model" and schema["cls"] is not model:
            return  # a ``Spec`` too, and strict already
        for key, inner in schema.items():
            if key != "default":
                _be_strict(inner, model)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            _be_strict(inner, model)


class Spec(BaseModel):
    """A frozen model of manifest or config keys.

    Numbers and booleans are taken only as such: ``true`` is no number, ``1`` no boolean and ``"5"``
    neither. Errors never quote the input by themselves.
    """

    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,  # most runs use one or two of the models
        frozen=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @classmethod
    def unset(cls) -> Self:
        """One that says nothing: every key has its default, as each must have one.

        It is what calling the class gives, which would build the validator of a model that may not be used.
        """
        fields = cls.model_fields.items()
        defaults = {name: field.default for name, field in fields if field.default_factory is None}
        return cast("Self", cls.model_construct(set(), **defaults))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict numbers and booleans; pydantic's own strict mode would also refuse a list for a set."""
        schema = handler(source)
        _be_strict(schema, cls)
        return schema


def as_text_field(value: object, info: ValidationInfo) -> Text:
    """Text or a template as it is, a number as its text. Booleans and the rest are errors."""
    if isinstance(value, str | Template):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        quote = "; put it in quotes" if isinstance(value, bool) else ""
        raise PydanticCustomError("text", "expected text, found {found}", {"found": shown(value) + quote})
    if info.context and info.context.get(EXACT):
        raise PydanticCustomError("number_as_text", "expected text, found {found}", {"found": shown(value)})
    return str(value)


TEXT_SCHEMA = {"type": ["string", "number"]}


@dataclass(frozen=True)
class Checked:
    """Says that ``check`` alone judges a value. pydantic's ``PlainValidator`` looks into the kind as well."""

    check: Callable[[object, ValidationInfo], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.check)


TextField = Annotated[Text, Checked(as_text_field), WithJsonSchema(TEXT_SCHEMA)]
"""Text that may hold ``${…}``; a number becomes its text."""
