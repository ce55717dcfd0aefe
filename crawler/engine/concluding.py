"""What a growing job does once its last task has ended: one call, and whatever it raises becomes data."""

from __future__ import annotations

from crawler.engine.admitted import Bench
from crawler.engine.jobs import JobRun
from crawler.engine.settle import Settler
from crawler.errors import StorageFailed, TaskError
from crawler.job_types.base import Growing
from crawler.job_types.tools import Tools
from crawler.model import Checkpoint


async def conclude(run: JobRun, bench: Bench, settler: Settler) -> StorageFailed | None:
    """Conclude the job and gather its notes. A bug becomes a failed task, a refusing disk is returned."""
    job_type = bench.types[run.job.type]
    assert isinstance(job_type, Growing)
    assert run.site is not None
    gauge = bench.gauges.open(f"{run.job.name}: concluding")
    tools = Tools(
        transport=bench.transport,
        files=bench.files,
        gauge=gauge,
        checkpoint=_nothing_to_continue,
        chunk_size=bench.chunk_size,
        site=run.site,
    )
    try:
        run.notes += await job_type.conclude(run.job, tools)
        await run.site.close()
    except StorageFailed as error:
        return error
    except TaskError as error:
        settler.concluded_badly(run, error.failure())
    except Exception as error:
        settler.broken_source(run, error)
    finally:
        gauge.close()
    await settler.rest()
    run.notes += run.site.notes()
    return None


async def _nothing_to_continue(reached: Checkpoint) -> None:
    """Concluding starts over if it is broken off."""
