"""What the log says of hosts that are paused or given up: much of the first time, little of the hundredth."""

from __future__ import annotations

import structlog

from crawler.events import HostGivenUp, HostPaused
from crawler.report.human import span

SHORT = 5.0  # seconds; a shorter pause is an ordinary retry, and nothing that wakes anybody
MOST_HOSTS = 20  # warned of one by one unless asked to say more: cron mails what is written here


class HostLog:
    """Warns of each host once, of so many hosts at most; the rest is ``info``, and the summary adds it up."""

    def __init__(self, logger: structlog.stdlib.BoundLogger) -> None:
        self._log = logger
        self._warned: set[str] = set()
        self._full = False

    def on(self, event: HostPaused | HostGivenUp) -> None:
        """Log one event."""
        if isinstance(event, HostGivenUp):
            text = f"host {event.why}; its tasks fail, a later run tries again"
            self._warn(text, event.host, again=True)
        elif event.seconds < SHORT:
            self._log.info(f"host paused for {span(event.seconds)}: {event.why}", host=event.host)
        else:
            self._warn(f"host paused for {span(event.seconds)}: {event.why}", event.host, again=False)

    def _warn(self, text: str, host: str, *, again: bool) -> None:
        """Warn, unless there were too many hosts already, or it was this one and it is nothing new."""
        known = host in self._warned
        if known and not again:
            self._log.info(text, host=host)
        elif known or len(self._warned) < MOST_HOSTS:
            self._warned.add(host)
            self._log.warning(text, host=host)
        else:
            if not self._full:
                self._full = True
                self._log.warning("more hosts were paused or given up; the summary counts them")
            self._log.info(text, host=host)
