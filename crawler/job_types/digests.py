"""Checksums: what a manifest writes, and what servers send along with a body."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

# Digest lengths in hex digits by hashlib's names.
ALGORITHMS = {"sha256": 64, "sha512": 128, "sha1": 40, "md5": 32, "blake2b": 128}

# RFC 9530 §5 and the registry of RFC 3230 §4.1.1; the insecure ones are only worth what the
# transport's own check is worth, but a mismatch is still a damaged body.
_DIGEST_HEADERS = ("Repr-Digest", "Digest", "Content-Digest", "Content-MD5")
_BY_HEADER_NAME = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}
_MEMBER = re.compile(r"\s*([A-Za-z0-9_.*-]+)\s*=\s*(.+?)\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Checksum:
    """An expected digest: hashlib's name and lower-case hex."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def parse_checksum(text: str) -> Checksum:
    """``sha256:9f86d0…`` as a ``Checksum``. Raises ValueError that says what was expected."""
    name, colon, digits = text.strip().partition(":")
    algorithm = name.strip().lower().replace("-", "")
    if not colon or algorithm not in ALGORITHMS:
        known = ", ".join(f"{each}:…" for each in ALGORITHMS)
        raise ValueError(f"checksum {text[:80]!r} names no known algorithm; expected one of {known}")
    digits = digits.strip().lower()
    expected = ALGORITHMS[algorithm]
    if len(digits) != expected or re.fullmatch(r"[0-9a-f]*", digits) is None:
        raise ValueError(f"checksum {text[:160]!r}: {algorithm} takes {expected} hex digits")
    return Checksum(algorithm, digits)


def sent_digests(headers: Mapping[str, str], *, whole: bool) -> list[Checksum]:
    """The digests that an answer carries about the whole file; unknown or malformed ones are left out.

    ``whole`` says that the body is not a range: ``Content-Digest`` (RFC 9530 §2) and ``Content-MD5``
    (RFC 1864) speak about the message, ``Repr-Digest`` (RFC 9530 §3) and ``Digest`` (RFC 3230) about
    the whole file.
    """
    if not any(name in headers for name in _DIGEST_HEADERS):
        return []
    found = [_checksum(name, value) for name, value in _members(headers.get("Repr-Digest"))]
    found += [_checksum(name, value) for name, value in _members(headers.get("Digest"))]
    if whole:
        found += [_checksum(name, value) for name, value in _members(headers.get("Content-Digest"))]
    if whole and (md5 := headers.get("Content-MD5")) is not None:
        found.append(_checksum("md5", md5))
    return [each for each in found if each is not None]


def _members(value: str | None) -> list[tuple[str, str]]:
    matches = (_MEMBER.match(member) for member in (value or "").split(","))
    return [(match[1], match[2].partition(";")[0].strip()) for match in matches if match is not None]


def _checksum(name: str, encoded: str) -> Checksum | None:
    algorithm = _BY_HEADER_NAME.get(name.lower())
    if algorithm is None:
        return None
    text = encoded.strip()
    if len(text) >= 2 and text[0] == text[-1] == ":":  # an RFC 8941 byte sequence
        text = text[1:-1]
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Checksum(algorithm, raw.hex()) if len(raw) * 2 == ALGORITHMS[algorithm] else None
