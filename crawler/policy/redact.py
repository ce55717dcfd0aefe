"""Nothing secret, and nothing that drives a terminal, is shown to anyone."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import unquote_plus

MASK = "***"
SHORTEST = 4  # shorter secrets would blank out ordinary words
LONGEST = 4096  # characters that are looked for; where a longer secret begins, all that follows is hidden

# C0, DEL, C1 (ECMA-48), the bidi marks of UAX #9, line and paragraph separator, and lone surrogates,
# which no stream can encode.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_URL = re.compile(r""":\\?/\\?/[^\s<>"]+""")
_USERINFO = re.compile(r"(/\\?/)([^/?#\\\s]*)@")
_PARAMETER = re.compile(r"(?:(?<=[?&;#])|(?<=\\u0026))([^=&;#?]+)=")
_VALUE = re.compile(r"[^&#]*")
_AFTER_A_URL = "'`),.;:]}\\"  # what prose puts behind a URL
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TELLTALE = re.compile(
    r"token|secret|passw|signature|apikey|accesskey|credential|authorization"
    r"|(?:^|[^a-z0-9])(?:key|sig|auth|pass|pwd|jwt|sid|session|sessionid)(?:$|[^a-z0-9])"
)

_JSON_SHORT = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}  # RFC 8259 §7
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def printable(text: str) -> str:
    r"""The text as one line that is safe on a terminal: unsafe characters become ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Redactor:
    """Replaces secrets by ``***``: known ones in every usual encoding, and what URLs give away."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: frozenset[str] = frozenset()
        self._patterns: list[re.Pattern[str]] = []
        self._compiled: dict[str, re.Pattern[str]] = {}
        self.learn(secrets)
        self._first = self._known

    def learn(self, secrets: Iterable[str]) -> None:
        """Hide these too, from now on; other threads may be using it meanwhile."""
        known = self._known | {secret for secret in secrets if len(secret) >= SHORTEST}
        if known != self._known:
            self._compiled |= {secret: re.compile(_forms(secret)) for secret in known - self._known}
            chosen = sorted(known, key=len, reverse=True)
            self._known, self._patterns = known, [self._compiled[secret] for secret in chosen]

    def naming(self, secrets: Iterable[str]) -> Callable[[str], str]:
        """``text`` as it was before anything was learned, but for these: whatever becomes known when."""
        return Redactor([*self._first, *secrets]).text

    def text(self, text: str) -> str:
        """The text without any known secret, and with every absolute URL in it as ``url`` shows it."""
        if self._patterns:
            text = self._without_secrets(text)
        if ":/" in text or ":\\/" in text:
            text = _URL.sub(_masked_match, text)
        return text

    def url(self, url: str) -> str:
        """The URL without passwords, tokens and signatures; a user name that stands alone goes too."""
        if self._patterns:
            url = self._without_secrets(url)
        return _masked(url) if "@" in url or "=" in url else url

    def holds(self, text: str) -> bool:
        """Whether a known secret is in the text."""
        return bool(self._patterns) and self._without_secrets(text) != text

    def line(self, text: str) -> str:
        """What may be shown to a person: ``text``, made ``printable``."""
        return printable(self.text(text))

    def _without_secrets(self, text: str) -> str:
        spans = [span for pattern in self._patterns for span in _spans(pattern, text)]
        if not spans:
            return text
        spans.sort()
        pieces: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:
                pieces += (text[done:start], MASK)
            done = max(done, end)
        pieces.append(text[done:])
        return "".join(pieces)


def _spans(pattern: re.Pattern[str], text: str) -> Iterable[tuple[int, int]]:
    for match in pattern.finditer(text):
        start, end = match.span()
        if match[1] is not None:  # base64: the neighbours carry some of the secret's bits
            start -= start > 0 and text[start - 1] in _BASE64
            end += end < len(text) and text[end] in _BASE64
        yield start, end


def _forms(secret: str) -> str:
    """A pattern for every form of the secret; group 1 holds the base64 ones."""
    if len(secret) > LONGEST:
        return rf"(?:{_forms(secret[:LONGEST])})[\s\S]*"
    octets = {secret.encode("utf-8", "surrogatepass")}
    if all(ord(char) < 0x100 for char in secret):
        octets.add(secret.encode("latin-1"))  # the charset of Basic credentials before RFC 7617
    encoded = {_base64(piece, shift) for piece in octets for shift in range(3)}
    percent = {"".join(map(_percent, piece)) for piece in octets}
    plain = "".join(map(_char_forms, secret))
    return "|".join([plain, *sorted(percent), f"({'|'.join(sorted(encoded))})"])


@lru_cache(maxsize=1024)
def _char_forms(char: str) -> str:
    """One character raw, percent-encoded (even repeatedly) or escaped as JSON does."""
    if char.isascii() and char.isalnum():
        return char
    octets = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass").hex()
    forms = ["".join(map(_percent, octets))]
    forms.append("".join(rf"\\{{1,8}}u{_hex(units[at : at + 4])}" for at in range(0, len(units), 4)))
    if char == " ":
        forms.append(r"\+")
    if not char.isprintable():  # as Python quotes it
        forms.append(re.escape(repr(char)[1:-1]))
    if char in _JSON_SHORT:
        forms.append(rf"\\{{1,8}}{_JSON_SHORT[char]}")
    raw = r"\\{1,8}" if char == "\\" else rf"\\{{0,8}}{re.escape(char)}"
    return f"(?:{raw}|{'|'.join(forms)})"


def _percent(octet: int) -> str:
    return rf"%(?:25){{0,3}}{_hex(f'{octet:02x}')}"


def _hex(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _base64(octets: bytes, shift: int) -> str:
    """The characters that the octets alone decide, ``shift`` octets into a base64 group (RFC 4648 §4, §5)."""
    text = b64encode(bytes(shift) + octets).decode()
    first, last = -(-8 * shift // 6), 8 * (shift + len(octets)) // 6
    known = re.escape(text[first:last])
    return known.replace(r"\+", r"(?:\+|\-|%2[bB])").replace("/", r"(?:\\?/|_|%2[fF])")


def _masked_match(match: re.Match[str]) -> str:
    return _masked(match[0])


def _masked(url: str) -> str:
    if "@" in url:
        url = _USERINFO.sub(_masked_userinfo, url)
    return _masked_parameters(url) if "=" in url else url


def _masked_userinfo(match: re.Match[str]) -> str:
    user, colon, _ = match[2].partition(":")
    return f"{match[1]}{user}:{MASK}@" if colon else f"{match[1]}{MASK}@"


def _masked_parameters(url: str) -> str:
    pieces: list[str] = []
    done = 0
    for match in _PARAMETER.finditer(url):
        start = match.end()
        if start < done or not _tells(match[1]):
            continue
        value = _VALUE.match(url, start)
        shown = value[0].rstrip(_AFTER_A_URL) if value else ""
        if shown:
            pieces += (url[done:start], MASK)
            done = start + len(shown)
    return "".join(pieces) + url[done:]


@lru_cache(maxsize=1024)
def _tells(name: str) -> bool:
    """Whether a query parameter of this name usually carries a secret."""
    return _TELLTALE.search(_CAMEL.sub("_", unquote_plus(name)).lower()) is not None
