"""Parameters that name a campaign or a visit and not a page, and how they are recognised in a URL."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Added by mail, advertisement and analytics services, per their own documentation: Google (utm, *clid, _ga,
# _gl), Meta, Microsoft, Yandex, X, TikTok, LinkedIn, Pinterest, Mailchimp, Marketo, HubSpot, Matomo, Vero,
# Omeda.
DROPPED_PARAMETERS = (
    *("utm_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "_ga", "_gl"),
    *("fbclid", "igshid", "igsh", "msclkid", "yclid", "ysclid", "twclid", "ttclid", "li_fat_id", "epik"),
    *("mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "hsctatracking", "mtm_*", "matomo_*", "pk_campaign"),
    *("pk_kwd", "vero_id", "oly_anon_id", "oly_enc_id"),
)

# Java servlets, PHP, ASP, ColdFusion, osCommerce, Zen Cart. Plain words also name other things (``sid=3``
# is a section), so these go only with a value as long as a session's; the shortest common ones have 20.
SESSION_PARAMETERS = (
    *("jsessionid", "phpsessid", "aspsessionid*", "cftoken", "oscsid", "zenid"),
    *("sid:20", "sessid:20", "sessionid:20", "session_id:20"),
)

_NAME = re.compile(r"([^\s&=;/?#*:]+)(\*?)(?::(\d{1,3}))?")


def name_problem(name: str) -> str | None:
    """Why this is no parameter's name (``gclid``, ``utm_*``, ``sid:20``), or ``None`` if it is."""
    if _NAME.fullmatch(name):
        return None
    return f"{name[:60]!r} is no parameter name; expected one such as gclid, utm_* or sid:20"


def query_pattern(dropped: Iterable[str], sessions: Iterable[str]) -> re.Pattern[str] | None:
    """Fits, searching in a query or at the start of one of its parameters, what is to be dropped.

    Raises ValueError for what is no parameter name.
    """
    names = [*dropped, *sessions]
    if not names:
        return None
    each = "|".join(_parameter(name, ends="&") for name in names)
    return re.compile(rf"(?:\A|&)(?:{each})(?:&|\Z)", re.IGNORECASE | re.ASCII)


def segment_pattern(sessions: Iterable[str]) -> re.Pattern[str] | None:
    """Fits a session's ``;name=value`` in a path. Raises ValueError for what is no parameter name."""
    names = list(sessions)
    if not names:
        return None
    each = "|".join(_parameter(name, ends=";/") for name in names)
    return re.compile(rf";(?:{each})(?=[;/]|\Z)", re.IGNORECASE | re.ASCII)


def _parameter(name: str, *, ends: str) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(name_problem(name))
    literal, star, shortest = match.groups()
    rest = f"[^={ends}]*" if star else ""
    value = f"=[A-Za-z0-9]{{{shortest},}}" if shortest else f"(?:=[^{ends}]*)?"
    return re.escape(literal) + rest + value
