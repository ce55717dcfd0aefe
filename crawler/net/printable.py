"""Text from outside, made safe to print on one line."""

from __future__ import annotations

LONGEST = 300  # characters; a server may put anything into a reason or an error


def printable(text: object) -> str:
    """The text on one line, without control, bidi or undecodable characters, cut to 300 characters."""
    line = " ".join(str(text).split())
    if not line.isprintable():
        line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
