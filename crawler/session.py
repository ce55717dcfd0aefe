"""One run put together: ledger, files, transport, engine and listeners, in the order of their lives."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType

import msgspec

from crawler import children
from crawler.archives import Archives
from crawler.closing import Closing
from crawler.config import Config
from crawler.engine.admitted import Bench
from crawler.engine.jobs import JobTable
from crawler.engine.local import Engine
from crawler.engine.recovery import Intents, recover
from crawler.errors import StorageFailed
from crawler.events import RunStarted, RunStopping, Warned
from crawler.job_types.table import JOB_TYPES
from crawler.listeners import Listeners
from crawler.manifest.manifest import Manifest
from crawler.manifest.sources import ManifestSources
from crawler.net import descriptors
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.options import Options
from crawler.policy.redact import Redactor
from crawler.policy.rounds import Asked, Intent
from crawler.report import progress
from crawler.report.gauges import Gauges
from crawler.report.json_report import Report
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import RunInfo


class Session:
    """Everything that lives exactly as long as one run."""

    def __init__(self, config: Config, manifest: Manifest, options: Options, redactor: Redactor) -> None:
        self._config = config
        self._manifest = manifest
        self._options = options
        self._redactor = redactor
        self._gauges = Gauges()
        self._run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._bug: str | None = None
        self._budget: str | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Session:
        """Take the ledger's lock first: a second run must leave before it touches anything."""
        config, options = self._config, self._options
        if not options.embedded:
            descriptors.raise_limit()
        async with AsyncExitStack() as stack:
            self._ledger = Ledger.open(config.state_root, self._manifest.name, durability=config.durability)
            stack.push_async_callback(self._ledger.close)
            self._journal = Intents(self._ledger, self._redactor.text)
            self._files = OutputRoot(
                config.output_root,
                durability=config.durability,
                chunk_size=config.chunk_size,
                journal=self._journal,
                min_free_disk=config.min_free_disk,
                alone=not children.wanted(config),
            )
            stack.callback(self._files.close)
            self._listeners = Listeners(options, config, self._redactor)
            stack.callback(self._listeners.close)
            limit, taken = descriptors.limit(), descriptors.in_use() + self._files.descriptors
            self._further = descriptors.processes(limit=limit, taken=taken, wanted=children.wanted(config))
            self._shares = descriptors.share(
                limit=limit,
                taken=taken + self._further * descriptors.PER_PROCESS,
                workers=config.workers,
                total=config.connections.total,
            )
            self._transport_settings = TransportSettings.of(
                config, connections=self._shares.connections, dns_threads=self._shares.dns_threads
            )
            self._transport = AiohttpTransport(
                self._transport_settings, options.json_bytes or msgspec.json.encode
            )
            stack.push_async_callback(self._transport.close)
            self._files.on_shortage(self._transport.close_idle)
            self._table = JobTable(self._manifest.jobs)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def stop(self, reason: str) -> None:
        """Stop in order: no new task, running ones end or checkpoint."""
        self._listeners.emit(RunStopping(time=time.time(), reason=reason))
        self._engine.stop(reason)

    async def run(self, signal_received: Callable[[], int | None]) -> Report:
        """The whole run, from the first record to the last line."""
        started = time.time()
        info = self._ledger.begin(
            self._run_id,
            started,
            manifest=self._options.name,
            jobs=[run.job.name for run in self._table],
            asked=self._asked(),
        )
        intent = Intent(self._options.retry_failed, self._options.force)
        self._engine = Engine(self._table, self._bench(intent, info))
        self._ledger.on_failure(lambda error: self._engine.fail_storage(str(error)))
        self._listeners.emit(
            RunStarted(
                manifest=self._options.name,
                run_id=self._run_id,
                time=started,
                jobs=tuple((run.job.name, run.job.type) for run in self._table),
                workers=self._shares.workers,
                output=str(self._config.output_root),
            )
        )
        if info.continues:
            self._warn("an earlier run was broken off; this one continues it")
        if self._shares.lowered:
            self._warn(self._shares.warning)
        if self._further < children.wanted(self._config):
            self._warn(children.fewer(self._shares.limit, self._further, self._config))
        tally, console = self._listeners.tally, self._listeners.console
        shown = progress.choose(
            self._config.progress, tally, self._gauges, console, self._redactor, total=self._total
        )
        shown.start(asyncio.get_running_loop())
        try:
            await self._work()
        finally:
            shown.close()
        return await self._closing().finish(signal_received())

    def _warn(self, message: str) -> None:
        self._listeners.emit(Warned(time=time.time(), message=message))

    def _asked(self) -> Asked:
        if self._options.retry_failed:
            return Asked.AGAIN
        return Asked.ONLY if self._options.only else Asked.ALL

    async def _work(self) -> None:
        options = self._options
        timer = None
        if options.deadline is not None:
            timer = asyncio.get_running_loop().call_later(
                options.deadline, self._out_of_time, options.deadline
            )
        try:
            await recover(self._ledger, self._files, self._redactor.text, time.time)
            await self._engine.run()
        except StorageFailed as error:
            self._engine.fail_storage(str(error))
        except Exception as error:
            self._bug = f"{type(error).__name__}: {error}"
            self._listeners.logger.exception("the engine broke")
        finally:
            if timer is not None:
                timer.cancel()

    def _out_of_time(self, deadline: float) -> None:
        self._budget = f"the deadline of {deadline:g} s"
        self.stop(self._budget)

    def _total(self) -> int | None:
        """How many tasks there are, once every job has been read."""
        runs = list(self._table)
        if all(run.ended or (run.started and run.source is None) for run in runs):
            return sum(run.counts.tasks + run.open for run in runs)
        return None

    def _closing(self) -> Closing:
        return Closing(
            run_id=self._run_id,
            report=self._options.report,
            bug=self._bug,
            budget=self._budget,
            run_budget=self._manifest.budget,
            table=self._table,
            engine=self._engine,
            transport=self._transport,
            ledger=self._ledger,
            tally=self._listeners.tally,
            emit=self._listeners.emit,
            lost=self._listeners.lost,
            redactor=self._redactor,
        )

    def _bench(self, intent: Intent, info: RunInfo) -> Bench:
        emit, manifest = self._listeners.emit, self._manifest.name
        archives = Archives(self._config, manifest, self._run_id, self._redactor, emit)
        hosts = self._manifest.host_rules(self._config.connections.per_host)
        return Bench(
            run_id=self._run_id,
            types=JOB_TYPES,
            sources=ManifestSources(
                self._config.output_root,
                self._ledger.produced,
                self._config.state_root / f"{self._manifest.name}.rows",
            ),
            transport=self._transport,
            files=self._files,
            ledger=self._ledger,
            gauges=self._gauges,
            emit=emit,
            redact=self._redactor.text,
            conceals=self._redactor.holds,
            hide=self._redactor.learn,
            naming=self._redactor.naming,
            hosts=hosts,
            monotonic=asyncio.get_running_loop().time,
            wall=time.time,
            random=random.random,
            workers=self._shares.workers,
            queue=self._config.queue,
            chunk_size=self._config.chunk_size,
            intent=intent,
            bandwidth=self._config.bandwidth,
            budget=self._manifest.budget,
            open_archive=archives.open,
            tells_each=self._options.events is not None,
            idle=info.idle,
            processes=children.processes(
                self._further,
                self._config,
                self._transport_settings,
                workers=self._shares.workers,
                files=self._files,
                transport=self._transport,
                ledger=self._ledger,
                journal=self._journal,
                hosts=hosts,
                own_json=self._options.json_bytes is not None,
                warn=self._warn,
            ),
        )
