"""One run put together: ledger, files, transport, engine and listeners, in the order of their lives."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from crawler import __version__
from crawler.config import Config
from crawler.engine.admitted import Bench
from crawler.engine.jobs import JobTable
from crawler.engine.local import Engine
from crawler.engine.recovery import Intents, recover
from crawler.errors import StorageFailed
from crawler.events import RunFinished, RunStarted, RunStopping, Warned
from crawler.job_types.table import JOB_TYPES
from crawler.listeners import Listeners
from crawler.manifest.manifest import Manifest
from crawler.manifest.sources import ManifestSources
from crawler.net import descriptors
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.options import Options
from crawler.policy.redact import Redactor
from crawler.policy.rounds import Intent
from crawler.report import json_report, progress
from crawler.report.exit_code import Ending, Verdict, decide
from crawler.report.gauges import Gauges
from crawler.report.json_report import Report
from crawler.store.ledger import Ledger
from crawler.store.output import OutputRoot
from crawler.store.records import RunInfo, RunRecord

if TYPE_CHECKING:
    from crawler.job_types.crawling.rules import WarcRules
    from crawler.store.warc.archive import Archive


class Session:
    """Everything that lives exactly as long as one run."""

    def __init__(self, config: Config, manifest: Manifest, options: Options) -> None:
        self._config = config
        self._manifest = manifest
        self._options = options
        self._redactor = Redactor(manifest.secrets)
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
            self._files = OutputRoot(
                config.output_root,
                durability=config.durability,
                chunk_size=config.chunk_size,
                journal=Intents(self._ledger, self._redactor.text),
                min_free_disk=config.min_free_disk,
            )
            stack.callback(self._files.close)
            self._listeners = Listeners(options, config, self._redactor)
            stack.callback(self._listeners.close)
            self._shares = descriptors.share(
                limit=descriptors.limit(),
                taken=descriptors.in_use() + self._files.descriptors,
                workers=config.workers,
                total=config.connections.total,
            )
            self._transport = AiohttpTransport(
                self._transport_settings(), options.json_bytes or msgspec.json.encode
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
            continue_round=self._options.retry_failed,
        )
        # A round that was broken off goes on whole; only one that came to its end has just failures left.
        only_failed = self._options.retry_failed and not info.continues
        self._engine = Engine(self._table, self._bench(Intent(only_failed, self._options.force), info))
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
            message = "the last run was broken off; this one continues it"
            self._listeners.emit(Warned(time=started, message=message))
        if self._shares.lowered:
            self._listeners.emit(Warned(time=started, message=self._shares.warning))
        tally, console = self._listeners.tally, self._listeners.console
        shown = progress.choose(
            self._config.progress, tally, self._gauges, console, self._redactor, total=self._total
        )
        shown.start(asyncio.get_running_loop())
        try:
            await self._work()
        finally:
            shown.close()
        return await self._finish(signal_received())

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

    async def _finish(self, received: int | None) -> Report:
        number = signal.SIGTERM if received == signal.SIGHUP else received
        verdict = self._verdict(number, self._engine.storage_failed)
        try:
            await self._close_books(verdict)
        except StorageFailed as error:
            verdict = self._verdict(number, str(error))
        finished, report = self._conclude(verdict)
        if self._options.report is not None:
            try:
                json_report.write(report, str(self._options.report))
            except StorageFailed as error:
                finished, report = self._conclude(self._verdict(number, str(error)))
        self._listeners.emit(finished)
        return report

    def _verdict(self, number: int | None, storage: str | None) -> Verdict:
        ending = Ending(
            bug=self._bug, storage=storage, signal=number, budget=self._budget or self._engine.budget
        )
        tally = self._listeners.tally
        return decide(tally.total.tasks, tally.causes, ending)

    def _conclude(self, verdict: Verdict) -> tuple[RunFinished, Report]:
        finished = RunFinished(
            time=time.time(), run_id=self._run_id, exit_code=verdict.code, reason=verdict.reason
        )
        return finished, json_report.build(self._listeners.tally, finished, self._redactor)

    async def _close_books(self, verdict: Verdict) -> None:
        await self._transport.close()
        await self._ledger.finish(
            RunRecord(
                run_id=self._run_id,
                finished=time.time(),
                exit_code=verdict.code,
                complete=self._table.ended and self._engine.stopping is None and self._engine.budget is None,
                totals=self._listeners.tally.total,
            )
        )
        await self._ledger.close()

    async def _open_archive(self, rules: WarcRules) -> Archive:
        """The WARC files of one job, below the output root."""
        from crawler.store.warc.archive import Archive  # few crawls write one
        from crawler.store.warc.exchange import Provenance

        config = self._config
        archive = await Archive.open(
            config.output_root,
            rules.folder,
            rules.name,
            about=Provenance(
                software=f"crawler/{__version__}",
                manifest=self._manifest.name,
                run_id=self._run_id,
                robots="obey" if rules.robots else "ignore",
                operator=rules.operator,
            ),
            durability=config.durability,
            max_bytes=rules.max_bytes,
            min_free_disk=config.min_free_disk,
            redact=self._archived_header,
        )
        for each in archive.recovered:
            message = f"{each.name}: an earlier run left it open; it was closed with what is whole of it"
            self._listeners.emit(Warned(time=time.time(), message=message))
        return archive

    def _archived_header(self, name: bytes, value: bytes) -> bytes:
        """A request header as an archive may show it."""
        from crawler.store.warc.exchange import hide_credentials

        text = hide_credentials(name, value).decode("latin-1")
        return self._redactor.text(text).encode("latin-1", "replace")

    def _transport_settings(self) -> TransportSettings:
        config = self._config
        return TransportSettings(
            keepalive=config.connections.keepalive,
            dns_cache=config.connections.dns_cache,
            dns=config.connections.dns,
            dns_threads=self._shares.dns_threads,
            connections=self._shares.connections,
            tls_ca=config.tls.ca,
            tls_client_cert=config.tls.client_cert,
            tls_client_key=config.tls.client_key,
            proxy=config.proxy,
            allow_private=config.allow_private,
        )

    def _bench(self, intent: Intent, info: RunInfo) -> Bench:
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
            emit=self._listeners.emit,
            redact=self._redactor.text,
            conceals=self._redactor.holds,
            hosts=self._manifest.host_rules(self._config.connections.per_host),
            monotonic=asyncio.get_running_loop().time,
            wall=time.time,
            random=random.random,
            workers=self._shares.workers,
            queue=self._config.queue,
            chunk_size=self._config.chunk_size,
            intent=intent,
            bandwidth=self._config.bandwidth,
            budget=self._manifest.budget,
            open_archive=self._open_archive,
            tells_each=self._options.events is not None,
            idle=info.idle,
            continues=info.continues,
        )
