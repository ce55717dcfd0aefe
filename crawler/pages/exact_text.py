"""A document as text that can be turned into the same bytes again, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.pages import attribute_text
from crawler.pages.charset import encoding

# These read `<` and quotes as other bytes than ASCII does, or in another state.
_NOT_ASCII = frozenset({"utf-16-le", "utf-16-be", "iso2022_jp"})


@dataclass(frozen=True, slots=True)
class ExactText:
    """A body as text, which ``written`` undoes."""

    text: str
    codec: str
    exact: str  # what turns the text into bytes again

    @classmethod
    def of(cls, body: bytes, content_type: str | None) -> ExactText | None:
        """``None`` if its encoding is not like ASCII and it breaks that encoding's rules."""
        codec = encoding(body, content_type)
        if codec not in _NOT_ASCII:
            return cls(body.decode("latin-1"), codec, "latin-1")
        try:
            text = body.decode(codec)
        except UnicodeDecodeError:
            return None
        return cls(text, codec, codec) if text.encode(codec) == body else None

    def read(self, part: str) -> str:
        """What a part of the text says."""
        if self.exact == self.codec or part.isascii():
            return part
        return part.encode("latin-1").decode(self.codec, "replace")

    def attribute(self, value: str) -> str:
        """An attribute's value as it stands in the text."""
        encoded = attribute_text.write(value).encode(self.codec, "xmlcharrefreplace")
        return encoded.decode(self.exact)

    def written(self, text: str) -> bytes:
        """The bytes of such a text."""
        return text.encode(self.exact)
