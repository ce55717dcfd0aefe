"""What a task expects of its answer, and the errors for answers that are something else."""

from __future__ import annotations

import json
from dataclasses import dataclass

from crawler.errors import UnexpectedContent
from crawler.job_types import match
from crawler.job_types.reading import bad_status
from crawler.net.transport import Response
from crawler.request import Pairs

SUCCESS: tuple[match.StatusRange, ...] = ((200, 299),)

# An answer that must be looked into is held in memory; this is where that ends unless the job says more.
LARGEST_IN_MEMORY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What ``expect`` asks for, as plain data; the defaults ask for any 2xx answer."""

    statuses: tuple[match.StatusRange, ...] = ()
    content_types: tuple[str, ...] = ()
    headers: Pairs = ()
    texts: tuple[str, ...] = ()
    json: tuple[object, ...] = ()  # one value, or none
    min_bytes: int | None = None
    max_bytes: int | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether the body must be read into memory."""
        return bool(self.texts or self.json)

    @property
    def measures(self) -> bool:
        """Whether the body must at least be counted to its end."""
        return self.min_bytes is not None or self.max_bytes is not None

    def check_head(self, response: Response, *, quoted: bool = True) -> None:
        """Raise ``BadStatus`` or ``UnexpectedContent`` if status or header fields are not as expected.

        Unless ``quoted`` it does not say what a header field is: it may be secret.
        """
        if not match.status_fits(response.status, self.statuses or SUCCESS):
            raise bad_status(response, match.shown(self.statuses))
        if self.content_types:
            found = response.headers.get("Content-Type", "")
            if not match.media_type_fits(found, self.content_types):
                wanted = " or ".join(self.content_types)
                raise _unexpected(f"the answer is {found or 'of no declared type'!r}; expected {wanted}")
        for name, wanted in self.headers:
            value = response.headers.get(name)
            if value is None:
                raise _unexpected(f"the answer has no {name} header; expected {wanted!r}")
            if not match.value_fits(value, wanted):
                found = repr(value[:200]) if quoted else "something else"
                raise _unexpected(f"header {name} is {found}; expected {wanted!r}")

    def check_body(self, body: bytes, content_type: str | None, *, quoted: bool = True) -> None:
        """Raise ``UnexpectedContent`` if the body's text or JSON is not as expected.

        Unless ``quoted`` it does not say how the body begins: it may begin with a secret.
        """
        if self.texts:
            text = match.decoded(body, content_type)
            begins = f"; it begins {text[:120]!r}" if quoted else ""
            for wanted in self.texts:
                if not match.text_fits(text, wanted):
                    raise _unexpected(f"the body does not hold {wanted!r}{begins}")
        for expected in self.json:
            difference = match.json_difference(expected, _json_of(body, quoted=quoted), quoted=quoted)
            if difference is not None:
                raise _unexpected(f"in the body, {difference}")


def _json_of(body: bytes, *, quoted: bool) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        begins = f"; it begins {body[:120]!r}" if quoted else ""
        raise _unexpected(f"the body is no JSON ({error}){begins}") from None


def _unexpected(message: str) -> UnexpectedContent:
    return UnexpectedContent(message, sent=True, answered=True)
