"""Who hears of a run: its tally first, then the log, the events file and the summary, as was asked for."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from crawler.config import Config
from crawler.errors import RunRefused
from crawler.events import Event, Listener
from crawler.options import Options
from crawler.policy.redact import Redactor
from crawler.report import events_file, log
from crawler.report.console import Console
from crawler.report.tally import Tally
from crawler.report.text import TextReport


class Listeners:
    """Every listener of one run. Raises ``RunRefused`` if the events cannot be written where they should."""

    def __init__(self, options: Options, config: Config, redactor: Redactor) -> None:
        self.tally = Tally()
        self.console = Console(sys.stderr, os.environ)
        self._stack = ExitStack()
        self._warnings: list[str] = []
        self._all: list[Listener] = []
        self._told: events_file.EventsFile | None = None
        with self._stack as closing:
            self._add(self.tally)
            self._open_log(options, config, redactor)
            self._add(log.LogListener(self.logger))
            if options.events is not None:
                self._told = self._events(options.events, redactor)
                self._add(self._told)
            if not (options.embedded and options.quiet):
                self._add(self._summary(options, redactor))
            self._stack = closing.pop_all()

    def emit(self, event: Event) -> None:
        """Tell everyone, in order."""
        for listener in self._all:
            listener.on(event)

    def lost(self) -> str | None:
        """Why some of the events so far were not written, or ``None``; hands over what waits."""
        if self._told is None:
            return None
        self._told.flush()
        return self._told.lost

    def close(self) -> None:
        """Flush and release, the last one first."""
        self._stack.close()

    def _add(self, listener: Listener) -> None:
        self._stack.callback(listener.close)
        self._all.append(listener)

    def _open_log(self, options: Options, config: Config, redactor: Redactor) -> None:
        if options.embedded:
            self.logger = log.embedded(redactor)
            return
        level = log.level(config.log.level, verbose=options.verbose, quiet=options.quiet)
        chosen = log.configure(level, config.log.format, self.console, redactor)
        self._stack.callback(chosen.close)
        self.logger = chosen.logger

    def _events(self, where: str, redactor: Redactor) -> events_file.EventsFile:
        try:
            stream = events_file.open_events(where)
        except OSError as error:
            raise RunRefused(f"--events {where}: {error.strerror}") from error
        return events_file.EventsFile(stream, redactor, warn=self._warnings.append)

    def _summary(self, options: Options, redactor: Redactor) -> Listener:
        return TextReport(
            self.tally,
            self.console,
            redactor,
            quiet=options.quiet,
            report=None if options.report is None else str(options.report),
            warnings=self._warnings,
        )
