"""Where in HTML a reference to another document may stand: the table that finding and rewriting share.

The set is what ``wget2 -r -p`` follows and what browsers load today. Left out: names that are no documents
(``classid``, ``profile``, ``xmlns``), ``rel`` values that say how to connect, what scripts read from
``data-*`` but for lazy images, and images that CSS names as bare strings (``image-set("a.png" 1x)``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum

from crawler.pages.link import LinkKind

PAGE, REQUISITE = LinkKind.PAGE.value, LinkKind.REQUISITE.value
BOTH = PAGE | REQUISITE
FORM = 4  # where a GET form leads, which is followed by those who ask for it


class Form(Enum):
    """How an attribute writes its references."""

    URL = "one URL"
    SRCSET = "image candidates"
    STYLE = "CSS declarations"


Place = tuple[str, Form, int]
"""An attribute's name, how it is written, and the LinkKind's value of what it names, or FORM, or 0."""


def _urls(kind: int, *names: str) -> tuple[Place, ...]:
    return tuple((name, Form.URL, kind) for name in names)


def _images(*names: str) -> tuple[Place, ...]:
    return tuple((name, Form.SRCSET, REQUISITE) for name in names)


_CITE = _urls(PAGE, "cite")
_LAZY = (*_urls(REQUISITE, "data-src"), *_images("data-srcset"))
_PLACES: dict[str, tuple[Place, ...]] = {
    "a": _urls(PAGE, "href", "xlink:href"),
    "area": _urls(PAGE, "href"),
    "audio": _urls(REQUISITE, "src"),
    "blockquote": _CITE,
    "button": _urls(FORM, "formaction"),
    "del": _CITE,
    "embed": _urls(REQUISITE, "src"),
    "form": _urls(FORM, "action"),
    "frame": (*_urls(BOTH, "src"), *_urls(PAGE, "longdesc")),
    "html": _urls(REQUISITE, "manifest"),
    "iframe": (*_urls(BOTH, "src"), *_urls(PAGE, "longdesc")),
    "image": _urls(REQUISITE, "href", "xlink:href", "src"),
    "img": (*_urls(REQUISITE, "src", "lowsrc"), *_urls(PAGE, "longdesc"), *_images("srcset"), *_LAZY),
    "input": (*_urls(REQUISITE, "src"), *_urls(FORM, "formaction")),
    "ins": _CITE,
    "object": _urls(REQUISITE, "data"),
    "q": _CITE,
    "script": _urls(REQUISITE, "src", "href", "xlink:href"),
    "source": (*_urls(REQUISITE, "src"), *_images("srcset"), *_LAZY),
    "track": _urls(REQUISITE, "src"),
    "use": _urls(REQUISITE, "href", "xlink:href"),
    "video": _urls(REQUISITE, "src", "poster"),
}
_ANYWHERE: tuple[Place, ...] = (*_urls(REQUISITE, "background"), ("style", Form.STYLE, REQUISITE))

# `link` by its rel (WHATWG HTML §4.6.7); every other word, or none, leads to a page.
_NEEDED = frozenset(
    {"stylesheet", "icon", "apple-touch-icon", "apple-touch-icon-precomposed", "apple-touch-startup-image"}
    | {"mask-icon", "fluid-icon", "preload", "modulepreload", "prefetch", "manifest", "image_src"}
)
_NO_DOCUMENT = frozenset({"preconnect", "dns-prefetch", "pingback", "webmention", "edituri", "hub"})
_OF_LINK = {
    0: (),
    PAGE: _urls(PAGE, "href"),
    REQUISITE: (*_urls(REQUISITE, "href"), *_images("imagesrcset")),
}

_ANYWHERE_WRITTEN = re.compile(r"[\s\"'/](?:style|background)\s*=", re.IGNORECASE)
_NAMES = frozenset({*_PLACES, "base", "link", "meta", "style"})


def concerned(tag: str, written: str) -> bool:
    """Whether a start tag with these attributes, as written, may hold a reference."""
    return tag in _NAMES or _ANYWHERE_WRITTEN.search(f" {written}") is not None


def places(tag: str, attributes: Mapping[str, object], rel: str = "", method: str = "") -> Iterator[Place]:
    """Which of a start tag's attributes hold references; ``<base>`` and ``<meta>`` apart.

    ``attributes`` are by their lower-case names; ``rel`` and ``method`` are the values of those, or of
    ``formmethod``.
    """
    known = _OF_LINK[link_kind(rel)] if tag == "link" else _PLACES.get(tag, ())
    for name, form, kind in (*known, *_ANYWHERE):
        if name in attributes:
            posted = kind == FORM and method.strip().lower() not in ("", "get")
            yield name, form, 0 if posted else kind


def link_kind(rel: str) -> int:
    """Whether ``<link rel=…>`` leads to a page or to a requisite; 0 for neither."""
    words = frozenset(rel.lower().split())
    if words & _NEEDED:
        return REQUISITE
    return 0 if words & _NO_DOCUMENT else PAGE
