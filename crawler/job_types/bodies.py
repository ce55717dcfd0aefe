"""The bodies that a manifest can write, and how each becomes what the transport sends."""

from __future__ import annotations

import base64
import binascii
import math
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote_plus

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from crawler.errors import TemplateFailed
from crawler.job_types.prepare import Values, prepare
from crawler.job_types.spec import ShortSpec
from crawler.request import Body, BytesBody, FileBody, JsonBody, MultipartBody, Part
from crawler.syntax.environ import Environ
from crawler.syntax.fields import ParamMap, Spec, TextField, param_pairs
from crawler.syntax.template import Text, render, text

FORM = "application/x-www-form-urlencoded"
BINARY = "application/octet-stream"

KINDS = ("json", "form", "text", "data", "body_file", "multipart")


def guessed_type(path: str) -> str:
    """The media type by the file name's extension, else ``application/octet-stream``."""
    return mimetypes.guess_type(path)[0] or BINARY


def from_base64(value: str) -> bytes:
    """The bytes, line breaks and spaces ignored. Raises ValueError that says where it went wrong."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"expected base64: {error}") from None


def _base64(value: Text) -> Text:
    if isinstance(value, str):
        from_base64(value)
    return value


def _charset(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError(f"unknown charset {value!r}; expected one such as utf-8 or iso-8859-1") from None
    return value


def _inside(value: object) -> Iterator[object]:
    """The value itself and everything in its lists and maps."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        yield inner
        if isinstance(inner, dict):
            waiting += inner.values()
        elif isinstance(inner, list | tuple):
            waiting += inner


def _finite(value: object) -> object:
    """The value as it is. Raises ValueError: JSON has no NaN and no infinity (RFC 8259 §6)."""
    if any(isinstance(inner, float) and not math.isfinite(inner) for inner in _inside(value)):
        raise ValueError("NaN and infinity are no JSON (RFC 8259 §6); expected a number, a text or null")
    return value


def json_value(given: object, values: Values) -> object:
    """What is sent as JSON. Raises ``TemplateFailed``, also for a template that comes to no JSON."""
    value = render(given, values)
    if any(isinstance(inner, Environ) for inner in _inside(value)):
        raise TemplateFailed("${env} is no value; expected the name of a variable, as in ${env.HOME}")
    try:
        return _finite(value)
    except ValueError as error:
        raise TemplateFailed(f"json: {error}") from None


JsonField = Annotated[Any, AfterValidator(_finite)]
"""A JSON value, with templates in it."""

Base64Field = Annotated[TextField, AfterValidator(_base64), WithJsonSchema({"type": "string"})]
"""Bytes in base64, or a template of it."""

Charset = Annotated[str, AfterValidator(_charset)]


class TextBodySpec(ShortSpec):
    """Text to send: a text, or a map that also names its charset and type."""

    short = "content"

    content: TextField
    charset: Charset = "utf-8"
    content_type: str = "text/plain"


class PartSpec(ShortSpec):
    """One part of a multipart body: a value, or a file that is streamed."""

    short = "value"

    name: TextField | None = Field(None, description="The field's name, in a list of parts.")
    value: TextField | None = None
    file: TextField | None = Field(None, description="Relative to the manifest's folder.")
    filename: TextField | None = None
    content_type: str | None = None

    @model_validator(mode="after")
    def _one_content(self) -> PartSpec:
        if (self.value is None) == (self.file is None):
            raise ValueError("expected exactly one of 'value' and 'file'")
        return self


def _map_or_list(value: object) -> str:
    return "map" if isinstance(value, dict) else "list"


PartsField = Annotated[
    Annotated[dict[str, PartSpec], Tag("map")] | Annotated[tuple[PartSpec, ...], Tag("list")],
    Discriminator(_map_or_list),
]
"""Parts by name, or in a list where names may repeat."""


class BodySpec(Spec):
    """The ways to write a request's body; at most one of them."""

    json_: JsonField = Field(None, alias="json", description="Sent as application/json.")
    form: ParamMap | None = Field(None, description=f"Sent as {FORM}; a list repeats a field.")
    text: TextBodySpec | None = Field(None, description="Sent as text/plain in a charset.")
    data: Base64Field | None = Field(None, description=f"Bytes in base64, sent as {BINARY}.")
    body_file: TextField | None = Field(None, description="A file streamed as the body.")
    multipart: PartsField | None = Field(
        None, description="Sent as multipart/form-data: a map, or a list of parts with names."
    )

    @model_validator(mode="after")
    def _one_body(self) -> BodySpec:
        given = [kind for kind in KINDS if ("json_" if kind == "json" else kind) in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f"expected at most one body, found {' and '.join(map(repr, given))}")
        if isinstance(self.multipart, tuple) and any(part.name is None for part in self.multipart):
            raise ValueError("every part in a list needs a 'name'")
        return self


def body_maker(spec: BodySpec, folder: Path) -> Callable[[Values], Body | None]:
    """What gives each task its body; built once unless there is a template in it.

    Relative files start at ``folder``. What it gives raises ``TemplateFailed``.
    """
    given: tuple[Any, ...] = (spec.json_, spec.form, spec.text, spec.data, spec.body_file, spec.multipart)
    return prepare(given, lambda values: _body(spec, folder, values))


def _body(spec: BodySpec, folder: Path, values: Values) -> Body | None:
    if "json_" in spec.model_fields_set:
        return JsonBody(json_value(spec.json_, values))
    if spec.form is not None:
        form: Any = spec.form
        return BytesBody(form_encoded(param_pairs(form, values)), FORM)
    if spec.text is not None:
        return _text(spec.text, values)
    if spec.data is not None:
        return _data(spec.data, values)
    if spec.body_file is not None:
        path = str(folder / text(spec.body_file, values))
        return FileBody(path, guessed_type(path))
    if spec.multipart is not None:
        named = spec.multipart.items() if isinstance(spec.multipart, dict) else _named(spec.multipart, values)
        return MultipartBody(tuple(_part(name, part, folder, values) for name, part in named))
    return None


def form_encoded(pairs: tuple[tuple[str, str], ...]) -> bytes:
    """Pairs as ``application/x-www-form-urlencoded`` (the WHATWG URL standard, §5.2)."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode("ascii")


def _text(spec: TextBodySpec, values: Values) -> BytesBody:
    content = text(spec.content, values)
    try:
        data = content.encode(spec.charset)
    except UnicodeError as error:
        raise TemplateFailed(f"the text cannot be written in {spec.charset}: {error}") from None
    return BytesBody(data, f"{spec.content_type}; charset={spec.charset}")


def _data(given: Text, values: Values) -> BytesBody:
    try:
        return BytesBody(from_base64(text(given, values)), BINARY)
    except ValueError as error:
        raise TemplateFailed(f"data: {error}") from None


def _named(parts: tuple[PartSpec, ...], values: Values) -> list[tuple[str, PartSpec]]:
    return [(text(part.name or "", values), part) for part in parts]


def _part(name: str, spec: PartSpec, folder: Path, values: Values) -> Part:
    return Part(
        name=name,
        value=None if spec.value is None else text(spec.value, values),
        path=None if spec.file is None else str(folder / text(spec.file, values)),
        filename=None if spec.filename is None else text(spec.filename, values),
        content_type=spec.content_type,
    )
