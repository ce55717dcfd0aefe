"""Where people read: whole lines to a terminal, file or pipe, which may vanish without harming the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TextIO

_STYLES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}  # ECMA-48 §8.3.117


class Console:
    """One output stream, usually stderr, and what the environment says about it.

    Colour is used on a terminal only. ``NO_COLOR`` (no-color.org) turns it off and wins over
    ``FORCE_COLOR``, which turns it on anywhere; both count when they are not empty.
    """

    def __init__(self, stream: TextIO | None, env: Mapping[str, str]) -> None:
        self.stream = stream
        self.above: Callable[[str], None] | None = None  # set while bars own the last lines
        self._env = env
        self.tty = _is_tty(stream) and env.get("TERM") != "dumb"
        self.color = not env.get("NO_COLOR") and bool(env.get("FORCE_COLOR") or self.tty)

    @property
    def width(self) -> int | None:
        """Columns of the terminal, at least 40; ``None`` where lines may be as long as they like."""
        if not self.tty or self.stream is None:
            return None
        columns = self._env.get("COLUMNS", "")
        if columns.isascii() and columns.isdigit() and int(columns) > 0:
            return max(int(columns), 40)
        return max(self._size()[0], 40)

    @property
    def height(self) -> int:
        """Lines of the terminal."""
        return self._size()[1]

    @property
    def journal(self) -> bool:
        """Whether the stream is the systemd journal, which keeps time and priority itself (systemd.exec)."""
        expected = self._env.get("JOURNAL_STREAM")
        if not expected or self.stream is None:
            return False
        with suppress(OSError, ValueError):
            found = os.fstat(self.stream.fileno())
            return expected == f"{found.st_dev}:{found.st_ino}"
        return False

    def paint(self, text: str, style: str) -> str:
        """The text in a style (bold, red, green, yellow, dim) where colour is wanted."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.color else text

    def line(self, text: str) -> None:
        """Write one line (or several, joined by newlines) above any bars; never raises."""
        if self.stream is None:
            return
        if not text.isascii():
            encoding = self.stream.encoding or "utf-8"
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        with suppress(OSError, ValueError):
            if self.above is not None:
                self.above(text)
            else:
                self.stream.write(f"{text}\n")
                self.stream.flush()

    def _size(self) -> tuple[int, int]:
        columns = lines = 0
        with suppress(OSError, ValueError):
            if self.stream is not None:
                columns, lines = os.get_terminal_size(self.stream.fileno())
        return columns or 80, lines or 24  # a new pseudo-terminal says 0 × 0


def _is_tty(stream: TextIO | None) -> bool:
    with suppress(OSError, ValueError):
        return stream is not None and stream.isatty()
    return False
