"""What one process's transport is set up with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from crawler import __version__
from crawler.config import Config
from crawler.net.resolver import Dns
from crawler.request import Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """Times in seconds. A request's own timeouts win over these.

    ``allow_private`` says whether private addresses may be connected to: ``True`` always, ``False``
    never, ``None`` for the URLs of the manifest and for redirects that stay among the hosts it names
    (``trusted_hosts``: bare names, lower case). ``connections`` are the most that are open at once, idle
    ones included; ``dns_threads`` look names up where the system does that.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    keepalive: float = 15.0
    dns_cache: float = 300.0
    dns: Dns = "auto"
    dns_threads: int = 16
    connections: int | None = None
    tls_ca: str | None = None  # a PEM file or folder that replaces the system's authorities, as curl --cacert
    tls_client_cert: str | None = None
    tls_client_key: str | None = None
    allow_private: bool | None = None
    user_agent: str = f"crawler/{__version__}"
    trusted_hosts: frozenset[str] = frozenset()
    rate_window: float = 60.0  # over which min_rate is measured
    head_limit: float = 600.0  # for the head of an answer that is arriving, where silence is limited at all

    @classmethod
    def of(cls, config: Config, *, connections: int | None, dns_threads: int) -> Self:
        """What a machine's settings say."""
        return cls(
            keepalive=config.connections.keepalive,
            dns_cache=config.connections.dns_cache,
            dns=config.connections.dns,
            dns_threads=dns_threads,
            connections=connections,
            tls_ca=config.tls.ca,
            tls_client_cert=config.tls.client_cert,
            tls_client_key=config.tls.client_key,
            allow_private=config.allow_private,
        )
