"""Every job type by name, imported when it is first asked for; a new one is a file and two lines here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crawler.job_types.base import JobType


def _download() -> JobType:
    from crawler.job_types.download import Download

    return Download()


def _request() -> JobType:
    from crawler.job_types.request import RequestJob

    return RequestJob()


def _post() -> JobType:
    from crawler.job_types.request import Post

    return Post()


def _upload() -> JobType:
    from crawler.job_types.upload import Upload

    return Upload()


def _crawl() -> JobType:
    from crawler.job_types.crawl import Crawl

    return Crawl()


def _websocket() -> JobType:
    from crawler.job_types.websocket import WebSocketJob

    return WebSocketJob()


class JobTypes(Mapping[str, JobType]):
    """Job types by name. A run pays for those that its manifest names: a crawl's imports take 40 ms."""

    def __init__(self, makers: Mapping[str, Callable[[], JobType]]) -> None:
        self._makers = makers
        self._made: dict[str, JobType] = {}

    def __getitem__(self, name: str) -> JobType:
        """The one of that name, always the same object."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is one of that name; nothing is imported."""
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        """The names, as they stand in the table."""
        return iter(self._makers)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._makers)


MAKERS: Mapping[str, Callable[[], JobType]] = {
    "download": _download,
    "request": _request,
    "post": _post,
    "upload": _upload,
    "crawl": _crawl,
    "websocket": _websocket,
}
JOB_TYPES = JobTypes(MAKERS)
