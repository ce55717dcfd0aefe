"""Every setting with its built-in value, and how it weighs against what a manifest says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from crawler.model import RetryRule
from crawler.request import Timeouts
from crawler.syntax.fields import Duration, HostMap, OptionalByteRate, RetrySpec, Size, Spec, TimeoutSpec
from crawler.syntax.schema import json_schema
from crawler.syntax.template import Text
from crawler.syntax.urls import problem
from crawler.syntax.words import shown

_SMALLEST_CHUNK = 1 << 10  # bytes; below it a call costs more than what it carries
_LARGEST_CHUNK = 64 << 20  # bytes; every worker holds one in memory


def _path(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError(f"expected a path, found {shown(value)}")
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        raise ValueError(f"there is no home folder for {shown(value)}") from None


def _proxy(value: str) -> str:
    if problem(value):  # the reason may quote a password, so it is not repeated
        raise ValueError("expected a proxy's URL such as http://proxy.example.org:3128")
    return value


def _chunk(value: int) -> int:
    if not _SMALLEST_CHUNK <= value <= _LARGEST_CHUNK:
        raise ValueError(f"expected a size from 1KiB to 64MiB, found {value} bytes")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


PathText = Annotated[str, AfterValidator(_path)]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


class Connections(Spec):
    """The connection pool and the resolver's cache."""

    per_host: int = Field(4, ge=1, description="Connections to one host at once.")
    keepalive: Duration = Field(15.0, description="How long an idle connection is kept; 0 keeps none.")
    total: int | None = Field(
        None, ge=1, description="Open connections at most, idle ones included; null: what open files allow."
    )
    dns_cache: Duration = Field(300.0, description="How long a resolved name is believed; 0 asks each time.")
    dns: Literal["auto", "system"] = Field(
        "auto", description="Who resolves names: auto is aiodns if it is installed, else the system."
    )


class Tls(Spec):
    """Whom to trust, and what to show of oneself; PEM files."""

    ca: PathText | None = Field(None, description="Authorities to trust instead of the system's.")
    client_cert: PathText | None = Field(None, description="Certificate to show to servers that ask.")
    client_key: PathText | None = Field(None, description="Its key, if it is not in the same file.")


class LogSettings(Spec):
    """What goes to stderr."""

    level: Level = Field("warning", description="Least severe messages shown.")
    format: Literal["text", "json"] = Field("text", description="For people, or one JSON object a line.")


class Config(Spec):
    """One machine's settings. Relative paths start at the working directory."""

    workers: int = Field(16, ge=1, le=4096, description="Tasks under way at once, at most 4096.")
    processes: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        1,
        description="Processes to work in: one keeps the books, the others make transfers; auto: one a core.",
    )
    queue: int = Field(
        1000, ge=1, le=1_000_000, description="Bound of the queue of tasks that are ready to start."
    )
    connections: Connections = Field(Connections.unset(), description="The connection pool.")
    timeout: TimeoutSpec = Field(
        default_factory=TimeoutSpec.unset,
        description="Limits of one attempt; what is not set here follows the job's type.",
    )
    retry: RetrySpec = Field(RetrySpec.unset(), description="How often and how patiently a task is tried.")
    chunk_size: Annotated[Size, AfterValidator(_chunk)] = Field(
        1 << 20, description="Bytes read and written at once, 1KiB to 64MiB."
    )
    output: PathText = Field("./data", description="Folder that every target lies below.")
    state: PathText = Field("{output}/.crawler", description="Folder of the ledgers.")
    durability: Literal["full", "none"] = Field(
        "full", description="full: nothing is reported before it is on disk; none: never wait for the disk."
    )
    min_free_disk: Size = Field(0, description="Stop before less than this is free below output; 0 is off.")
    allow_private: bool | None = Field(
        None,
        description="Private addresses: true reaches them, false never; null only for URLs in the manifest.",
    )
    tls: Tls = Field(Tls.unset(), description="Certificates.")
    proxy: Annotated[str, AfterValidator(_proxy)] | None = Field(
        None, repr=False, description="URL of an http(s) proxy for every request."
    )
    log: LogSettings = Field(LogSettings.unset(), description="Which messages are shown, and how.")
    progress: Literal["auto", "bar", "plain", "none"] = Field(
        "auto", description="Progress display; auto is a bar on a terminal and lines elsewhere."
    )
    bandwidth: OptionalByteRate = Field(
        None, description="Bytes a second of all transfers together; 0 or null is no limit."
    )
    hosts: HostMap = Field(default_factory=dict, description="Rules by host pattern, as in a manifest.")

    _forced: frozenset[str] = PrivateAttr(frozenset())

    @property
    def forced(self) -> frozenset[str]:
        """Dotted keys that a flag or ``CRAWLER_*`` set, which win over the manifest."""
        return self._forced

    @property
    def output_root(self) -> Path:
        """The folder that every target lies below."""
        return Path(self.output)

    @property
    def state_root(self) -> Path:
        """The folder of the ledgers."""
        return Path(self.state.replace("{output}", self.output))

    def timeouts(self, builtin: Timeouts, *given: TimeoutSpec) -> Timeouts:
        """A job's limits: its type's, then the file's, then ``given`` weakest first, then what is forced."""
        limits = self.timeout.over(builtin)
        for spec in given:
            limits = spec.over(limits)
        return dataclasses.replace(limits, **self._forced_below("timeout"))

    def retry_rule(self, *given: RetrySpec) -> RetryRule:
        """A job's retry rule: the file's, then ``given`` weakest first, then what is forced."""
        rule = self.retry.over(RetryRule())
        for spec in given:
            rule = spec.over(rule)
        return dataclasses.replace(rule, **self._forced_below("retry"))

    def proxy_for(self, given: Text | None) -> Text | None:
        """The proxy of a job whose manifest says ``given``."""
        return self.proxy if given is None or "proxy" in self._forced else given

    def _forced_below(self, key: str) -> dict[str, Any]:
        spec = getattr(self, key)
        names = [dotted.removeprefix(f"{key}.") for dotted in self._forced if dotted.startswith(f"{key}.")]
        return {name: getattr(spec, name) for name in names}


def config_json_schema() -> dict[str, object]:
    """JSON Schema (draft-07) of the config file, for editors."""
    return json_schema(Config, "crawler config")
