"""Every job type by name; a new one is a file and a line here."""

from __future__ import annotations

from crawler.job_types.base import JobType
from crawler.job_types.crawl import Crawl
from crawler.job_types.download import Download
from crawler.job_types.request import Post, RequestJob
from crawler.job_types.upload import Upload
from crawler.job_types.websocket import WebSocketJob

_ALL: tuple[JobType, ...] = (Download(), RequestJob(), Post(), Upload(), Crawl(), WebSocketJob())

JOB_TYPES = {job_type.name: job_type for job_type in _ALL}
