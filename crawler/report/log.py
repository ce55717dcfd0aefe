"""The log: structlog over a stdlib handler, so that libraries' messages are redacted as ours are."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from crawler.events import (
    Event,
    HostGivenUp,
    HostPaused,
    JobFinished,
    RunStopping,
    TaskFinished,
    TaskRetried,
    Warned,
)
from crawler.model import ErrorClass, Outcome
from crawler.policy.redact import Redactor, printable
from crawler.report import ascii_json
from crawler.report.console import Console
from crawler.report.host_log import HostLog
from crawler.report.human import span

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["text", "json"]
Fields = MutableMapping[str, Any]

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # sd-daemon(3)
_STYLE = {"warning": "yellow", "error": "red", "critical": "red", "debug": "dim"}


def level(configured: Level, *, verbose: int = 0, quiet: bool = False) -> Level:
    """The level after ``-v`` (info), ``-vv`` (debug) and ``-q`` (error); flags win over the config."""
    if quiet:
        return "error"
    if verbose:
        return "info" if verbose == 1 else "debug"
    return configured


@dataclass(frozen=True, slots=True)
class Log:
    """A configured log; ``close`` puts the root logger back as it was."""

    logger: structlog.stdlib.BoundLogger
    handler: logging.Handler
    previous: int

    def close(self) -> None:
        """Write nothing any more."""
        root = logging.getLogger()
        root.removeHandler(self.handler)
        root.setLevel(self.previous)


def configure(level: Level, form: Form, console: Console, redactor: Redactor) -> Log:
    """Send our messages and every library's to the console, redacted, one line each.

    Text carries no time on a terminal, RFC 3339 elsewhere, and ``<priority>`` in the systemd journal.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    render = _json_renderer(redactor) if form == "json" else _text_renderer(console, redactor)
    handler = _ConsoleHandler(console)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    log = Log(
        structlog.wrap_logger(
            logging.getLogger("crawler"),
            processors=[
                structlog.stdlib.filter_by_level,
                *shared,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
        ),
        handler,
        root.level,
    )
    root.addHandler(handler)
    root.setLevel(level.upper())
    return log


def embedded(redactor: Redactor) -> structlog.stdlib.BoundLogger:
    """Our messages alone, redacted, to the standard logger ``crawler``; handlers and levels are the host's.

    Where the host program has not set up logging, nothing is written.
    """
    logger = logging.getLogger("crawler")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # else Python's last resort would write to stderr
    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            _message_renderer(redactor),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return bound


MOST_FAILURES = 20  # told one by one unless asked to say more: cron mails what is written here


class LogListener:
    """Listener that logs what a person may want to know while the run goes on."""

    def __init__(self, logger: structlog.stdlib.BoundLogger) -> None:
        self._log = logger
        self._told = 0  # failures
        self._hosts = HostLog(logger)

    def on(self, event: Event) -> None:
        """Log one event, if it is worth a line."""
        match event:
            case TaskRetried():
                text = f"attempt {event.attempt} failed, the next in {span(event.delay)}: {event.message}"
                self._log.info(text, job=event.job, url=event.url, **{"class": str(event.kind)})
            case TaskFinished():
                self._finished(event)
            case RunStopping():
                self._log.warning(f"stopping: {event.reason}; running tasks save what they have")
            case Warned():
                self._log.warning(event.message)
            case HostPaused() | HostGivenUp():
                self._hosts.on(event)
            case JobFinished():
                if event.reason is not None:
                    self._log.info(f"job {event.outcome}: {event.reason}", job=event.job)
                for note in event.notes:
                    self._log.info(f"job ended: {note}", job=event.job)
            case _:
                pass

    def close(self) -> None:
        """Nothing to release; whoever configured the log closes it."""

    def _finished(self, event: TaskFinished) -> None:
        failure = event.result.failure
        if failure is None:
            return
        bug = failure.kind is ErrorClass.BUG
        self._told += 1
        if self._told > MOST_FAILURES and not bug and not self._log.isEnabledFor(logging.INFO):
            if self._told == MOST_FAILURES + 1:
                self._log.warning("more tasks failed; the summary counts them, --events lists every one")
            return
        fields: dict[str, object] = {
            "job": event.job,
            "url": event.url,
            "class": str(failure.kind),
            "attempts": event.attempts,
            "retryable": failure.retryable and event.result.outcome is not Outcome.UNKNOWN,
        }
        if failure.detail:
            fields["traceback" if bug else "detail"] = failure.detail
        text = f"task {event.result.outcome}: {failure.message}"
        (self._log.error if bug else self._log.warning)(text, **fields)


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # a library's bad format string must not end the run, nor print unredacted
            text = f"crawler: error: a message of {printable(record.name)} could not be formatted"
        self._console.line(text)


def _json_renderer(redactor: Redactor) -> Callable[[Any, str, Fields], str]:
    def render(logger: Any, method: str, fields: Fields) -> str:
        ordered = {key: fields.pop(key) for key in ("time", "level", "event") if key in fields}
        return ascii_json.dumps(_redacted({**ordered, **fields}, redactor)).decode()

    return render


def _message_renderer(redactor: Redactor) -> Callable[[Any, str, Fields], str]:
    def render(logger: Any, method: str, fields: Fields) -> str:
        return "\n".join(_message(fields, redactor))

    return render


def _message(fields: Fields, redactor: Redactor) -> list[str]:
    """The message with its fields in brackets, and below it the lines of tracebacks, indented."""
    event = redactor.line(str(fields.pop("event", "")))
    blocks = [fields.pop(key) for key in ("traceback", "exception", "stack") if fields.get(key)]
    shown = (
        (redactor.line(key), _shown(value, redactor)) for key, value in fields.items() if value is not None
    )
    pairs = " ".join(f"{key}={value}" for key, value in shown)
    below = [line for block in blocks for line in redactor.text(str(block)).splitlines()]
    return [event + (f" ({pairs})" if pairs else ""), *(f"    {printable(line)}" for line in below)]


def _text_renderer(console: Console, redactor: Redactor) -> Callable[[Any, str, Fields], str]:
    journal = console.journal

    def render(logger: Any, method: str, fields: Fields) -> str:
        time, name = fields.pop("time", ""), fields.pop("level", "info")
        first, *rest = _message(fields, redactor)
        lines = [f"crawler: {name}: {first}", *rest]
        if journal:
            return "\n".join(f"<{_PRIORITY.get(name, 6)}>{line}" for line in lines)
        if not console.tty:
            lines[0] = f"{time} {lines[0]}"
        style = _STYLE.get(name)
        return "\n".join([console.paint(lines[0], style) if style else lines[0], *lines[1:]])

    return render


def _shown(value: object, redactor: Redactor) -> str:
    text = redactor.line(str(value))
    return f'"{text}"' if " " in text or not text else text


def _redacted(value: Any, redactor: Redactor) -> Any:
    """The value as JSON can hold it, every text in it redacted."""
    if isinstance(value, dict):
        return {redactor.text(str(key)): _redacted(item, redactor) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(item, redactor) for item in value]
    return value if isinstance(value, (bool, int, float, type(None))) else redactor.text(str(value))
