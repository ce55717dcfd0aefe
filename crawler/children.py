"""The further processes of a run, if its settings want some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from crawler.config import Config
from crawler.engine.cores import cores
from crawler.engine.recovery import Intents
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.policy.hosts import HostRules
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot

if TYPE_CHECKING:
    from crawler.engine.processes.pool import Processes


def wanted(config: Config) -> int:
    """How many processes beside this one are to make transfers.

    A bound of all open connections is this process's to keep, so it makes them itself then.
    """
    if config.connections.total is not None:
        return 0
    return (cores() if config.processes == "auto" else config.processes) - 1


def fewer(limit: int, count: int, config: Config) -> str:
    """What to tell whoever set the limit of open files, if it has room for ``count`` only."""
    return (
        f"the limit of {limit} open files allows {count + 1} process{'es' if count else ''}, "
        f"not {wanted(config) + 1}; a higher one would allow more (ulimit -n)"
    )


def processes(
    count: int,
    config: Config,
    transport_settings: TransportSettings,
    *,
    workers: int,
    files: OutputRoot,
    transport: AiohttpTransport,
    ledger: Ledger,
    journal: Intents,
    hosts: HostRules,
    own_json: bool,
    warn: Callable[[str], None],
) -> Processes | None:
    """So many of the run, not started yet; ``None`` where it does everything itself."""
    if not count:
        return None
    from crawler.engine.processes.messages import Settings  # most runs have no other process
    from crawler.engine.processes.pool import Company, Processes

    lock = ledger.lock.descriptor
    settings = Settings(
        transport=transport_settings,
        output=config.output_root.absolute(),
        durability=config.durability,
        chunk_size=config.chunk_size,
        min_free_disk=config.min_free_disk,
        workers=workers,
    )
    return Processes(
        count,
        Company(
            settings=settings,
            files=files,
            transport=transport,
            journal=journal,
            hosts=hosts,
            keep_open=() if lock is None else (lock,),
            own_json=own_json,
            warn=warn,
        ),
    )
