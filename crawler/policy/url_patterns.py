"""Patterns over whole URLs: globs, and regular expressions after ``re:``."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from crawler.policy.verdict import Verdict

_EXPRESSION = "re:"
_BEGINS = re.compile(r"[*?]|https?[:*?]|http[*?]")


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A glob over the whole URL (``*`` is any text, ``?`` any character), or an expression that it holds."""

    text: str
    regex: re.Pattern[str]
    verdict: Verdict  # for a URL that it lets in

    @classmethod
    def of(cls, text: str) -> UrlPattern:
        """The pattern, or ValueError that says what was expected."""
        if (why := url_pattern_problem(text)) is not None:
            raise ValueError(why)
        if text.startswith(_EXPRESSION):
            regex = re.compile(text.removeprefix(_EXPRESSION))
        else:
            # In a URL a bracket is a bracket. What translate makes never backtracks over many stars.
            regex = re.compile(r"\A" + fnmatch.translate(text.replace("[", "[[]")))
        return cls(text, regex, Verdict(True, f"allow pattern {text!r} fits it"))

    def fits(self, url: str) -> bool:
        """Whether a canonical URL fits."""
        return self.regex.search(url) is not None


def url_pattern_problem(text: str) -> str | None:
    """Why the pattern cannot be used, as a sentence, or ``None``."""
    if text.startswith(_EXPRESSION):
        try:
            re.compile(text.removeprefix(_EXPRESSION))
        except re.error as error:
            return f"{text[:60]!r} holds no regular expression: {error}"
        return None
    if _BEGINS.match(text) is None:
        return (
            f"{text[:60]!r} fits no URL: a pattern covers all of it; expected it to begin with https:// or *"
        )
    return None
