"""What a document links to, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag


class LinkKind(Flag):
    """Why one document names another; a frame's document is both."""

    PAGE = 1
    """A reader may go there: ``<a>``, ``<area>``, ``<iframe>``, ``<link rel="next">``…"""
    REQUISITE = 2
    """The page is not whole without it: images, scripts, style sheets, fonts, media, frames."""


NOFOLLOW = 4
"""Beside the bits of a ``LinkKind``: every mention of the URL as a page asks not to be followed."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another document's absolute http or https URL, without fragment.

    ``nofollow``: every mention of it as a page asks not to be followed (``rel="nofollow"``).
    """

    url: str
    kind: LinkKind
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class PageLinks:
    """What an HTML document says of other documents and of itself; each URL once, in the document's order.

    ``base`` is what its references are relative to. ``urls`` are absolute, and ``kinds`` says what each is,
    by the bits of its ``LinkKind`` and ``NOFOLLOW``: two objects, not thousands. ``nofollow`` and
    ``noindex`` are what its robots ``<meta>`` says. ``canonical`` and ``refresh`` are absolute URLs, and
    among the others too. ``too_large``: nothing was read. ``cut``: how many more references there were than
    are taken from one document.
    """

    base: str
    urls: tuple[str, ...] = ()
    kinds: bytes = b""
    nofollow: bool = False
    noindex: bool = False
    canonical: str | None = None
    refresh: str | None = None
    too_large: bool = False
    cut: int = 0

    @property
    def links(self) -> tuple[Link, ...]:
        """The same links, one by one."""
        return tuple(
            Link(url, LinkKind(kind & ~NOFOLLOW), nofollow=bool(kind & NOFOLLOW))
            for url, kind in zip(self.urls, self.kinds, strict=True)
        )
