"""What a crawl sends to be told only of changes (RFC 9110 §13.1.2 and §13.1.3)."""

from __future__ import annotations

from crawler.model import Known
from crawler.request import Pairs

NOT_MODIFIED = 304


def validators(known: Known) -> Pairs:
    """The conditions that the last answer's validators make; none where it had none."""
    pairs = (("If-None-Match", known.etag), ("If-Modified-Since", known.last_modified))
    return tuple((name, value) for name, value in pairs if value)
