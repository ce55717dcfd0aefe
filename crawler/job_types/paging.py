"""From one page of a list to the next: where it leads, where it ends, and when it goes in circles; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from msgspec import Struct, structs

from crawler.net.wire import requested_url
from crawler.policy.fingerprints import fingerprint
from crawler.request import Request


class Way(StrEnum):
    """How a list leads from one page to the next."""

    LINK = "link"  # a Link header (RFC 8288)
    URL = "next"  # a URL in the body
    CURSOR = "cursor"  # a token in the body that goes into the next request
    PAGE = "page"  # a number of the page
    OFFSET = "offset"  # a number of items


COUNTED = frozenset({Way.PAGE, Way.OFFSET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """What ``paginate`` asks for, as plain data."""

    way: Way
    expression: str = ""  # where URL or cursor is in the body
    param: str = ""  # the parameter that cursor or number goes into
    start: int = 0
    step: int = 1
    in_json: bool = False  # the cursor goes into the JSON body, ``param`` being a path there
    items: str | None = None
    max_pages: int | None = None

    @property
    def counts(self) -> bool:
        """Whether a page's request follows from its number alone."""
        return self.way in COUNTED

    @property
    def reads(self) -> bool:
        """Whether it takes the page's JSON to go on."""
        return self.items is not None or self.way in (Way.URL, Way.CURSOR)


At = str | int | None


class Place(Struct, frozen=True):
    """Which page is next, and what is needed to notice a list that goes in circles.

    ``at`` is the URL or the cursor that leads to it, ``None`` where the manifest or the number does. The
    others are fingerprints: of the list's beginning, of the page itself (of one that is counted: of what
    the page before held), and of a page behind, which moves up at 2, 4, 8, 16… so that a circle of any
    length is noticed in the end (R. P. Brent, 1980) and next to nothing is to be remembered.
    """

    number: int = 1
    at: At = None
    items: int = 0  # of the pages before
    first: int = 0
    here: int = 0
    mark: int = 0


class Lost(Exception):
    """The page does not lead on as it should, as a sentence."""


def beginning(paging: Paging, request: Request) -> Place:
    """The first page of the list that ``request`` asks for."""
    at = "" if paging.counts or paging.way is Way.CURSOR else requested_url(request)
    start = 0 if paging.counts else fingerprint(at)
    return Place(first=start, here=start, mark=start)


def following(paging: Paging, place: Place, at: At, held: int, content: bytes) -> Place | None:
    """Where a page leads that ``held`` so many items, and the URL or cursor ``at``; ``None``: the list ends.

    ``content`` stands for what a counted page held. Raises ``Lost`` for a list that goes in circles.
    """
    if paging.counts:
        if not held:
            return None
        here = int.from_bytes(content[:8], "little", signed=True)
        if place.number > 1 and here == place.here:
            raise Lost(
                f"it is page {place.number - 1} once more: the server does not count by {paging.param!r}"
            )
        return structs.replace(place, number=place.number + 1, items=place.items + held, here=here)
    if at is None:
        return None
    here, number = fingerprint(str(at)), place.number + 1
    if here in (place.here, place.first, place.mark):
        where = "itself" if here == place.here else "one that was there before"
        raise Lost(f"the list goes in circles: the next page after this one is {where}")
    moved_up = number & (number - 1) == 0
    return structs.replace(
        place,
        number=number,
        at=at,
        items=place.items + held,
        here=here,
        mark=here if moved_up else place.mark,
    )


def cursor(found: object) -> At:
    """The token that JSON gives; ``None`` at the end: null, false, or no text. Raises ``Lost``."""
    if found is None or found is False or found == "":
        return None
    if isinstance(found, str | int) and not isinstance(found, bool):
        return found
    if isinstance(found, float):
        return str(getattr(found, "text", found))
    raise Lost(f"expected a text, a number or null for the next page, found {kind_of(found)}")


def reference(found: object) -> str | None:
    """The URL that JSON gives; ``None`` at the end: null, false, or no text. Raises ``Lost``."""
    if found is None or found is False or found == "":
        return None
    if isinstance(found, str):
        return found
    raise Lost(f"expected a URL or null for the next page, found {kind_of(found)}")


def items_of(found: object, expression: str) -> list[object]:
    """The page's items. Raises ``Lost`` for anything but a list: what is missing is no sign of the end."""
    if isinstance(found, list):
        return found
    raise Lost(f"expected a list of items at {expression!r}, found {kind_of(found)}")


def kind_of(found: object) -> str:
    """What a JSON value is, in words."""
    if found is None:
        return "nothing"
    names = {dict: "a map", list: "a list", str: "a text", bool: "true" if found else "false"}
    return names.get(type(found), "a number")


def shown(paging: Paging, place: Place) -> str | None:
    """What the place holds that a server gave, as a URL that may be looked through for secrets."""
    if place.at is None or paging.way is not Way.CURSOR:
        return None if place.at is None else str(place.at)
    name = paging.param.rpartition(".")[2] if paging.in_json else paging.param
    return f"https://-/?{quote(name)}={quote(str(place.at), safe='')}"
