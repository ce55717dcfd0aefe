"""``upload``: one local file sent whole, and refused if it changes while it is on its way."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from msgspec import structs
from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from crawler.errors import SourceChanged, TemplateFailed
from crawler.job_types.answer import answer
from crawler.job_types.base import Fetch, Job, Misfit, Sources
from crawler.job_types.bodies import guessed_type
from crawler.job_types.expand import Item, Requests, expand
from crawler.job_types.expect import Expectation
from crawler.job_types.expect_spec import ExpectSpec
from crawler.job_types.globs import check_glob, matches
from crawler.job_types.prepare import Values
from crawler.job_types.request import IDEMPOTENT
from crawler.job_types.saving import refuse_foreign
from crawler.job_types.spec import JobSpec, OneOrMany
from crawler.job_types.tools import Tools
from crawler.model import Outcome, Result, Task
from crawler.policy import urls
from crawler.policy.names import safe_target
from crawler.request import Body, FileBody, FormFileBody, MultipartBody, Part, Timeouts
from crawler.syntax.fields import HttpUrl, ParamMap, Spec, TextField, param_pairs
from crawler.syntax.template import text

Form = Literal["multipart", "raw", "form"]
Method = Literal["POST", "PUT", "PATCH"]


class ProducedSpec(Spec):
    """The files that an earlier job of this run ended with."""

    job: str = Field(description="A job that this one needs, directly or through others.")
    outcome: Annotated[tuple[Literal["new", "changed", "unchanged"], ...], OneOrMany] = Field(
        ("new", "changed"), description="Which of its files."
    )


def _produced_or_globs(value: object) -> str:
    return "job" if isinstance(value, dict | ProducedSpec) else "globs"


Glob = Annotated[str, AfterValidator(check_glob)]
FilesField = Annotated[
    Annotated[tuple[Glob, ...], OneOrMany, Tag("globs")] | Annotated[ProducedSpec, Tag("job")],
    Discriminator(_produced_or_globs),
]


class UploadSpec(JobSpec):
    """Upload files."""

    type: Literal["upload"]
    url: HttpUrl = Field(description="Where to; may say ${name}, ${stem}, ${ext}, ${path}, ${index}.")
    files: FilesField = Field(description="Globs below the output root, or {job: NAME}.")
    form: Form = Field("multipart", alias="as", description="How the file is wrapped.")
    method: Method | None = Field(None, description="By default POST, for raw PUT.")
    field: TextField = Field("file", description="The form field that carries the file.")
    fields: ParamMap = Field(default_factory=dict, description="Further form fields.")
    filename: TextField | None = Field(None, description="The name to tell; by default the file's own.")
    content_type: TextField | None = Field(None, description="By default guessed from the file's name.")
    save: TextField | None = Field(None, description="Save the answer's body at this path.")
    expect: ExpectSpec = Field(ExpectSpec.unset(), description="What the answer must be.")

    def taken_from(self) -> str | None:
        """The job of ``files: {job: NAME}``."""
        return self.files.job if isinstance(self.files, ProducedSpec) else None

    @model_validator(mode="after")
    def _raw_has_no_fields(self) -> UploadSpec:
        given = self.model_fields_set & {"field", "fields", "filename"}
        if self.form == "raw" and given:
            raise ValueError(f"a raw body is the file alone and has no {sorted(given)[0]!r}")
        if self.form == "form" and self.model_fields_set & {"filename", "content_type"}:
            raise ValueError("a form field has no 'filename' or 'content_type'; expected as: multipart")
        return self


class UploadTask(Task, frozen=True, kw_only=True):
    """One file to send: where it is, and its size and time when the task was made."""

    path: str
    size: int
    mtime_ns: int
    expect: Expectation


class Upload:
    """The ``upload`` job type."""

    name: ClassVar[str] = "upload"
    spec: ClassVar[type[UploadSpec]] = UploadSpec
    timeouts: ClassVar[Timeouts] = Timeouts(total=120.0)

    def tasks(self, job: Job, sources: Sources) -> Iterator[Task | Misfit | Fetch]:
        """A task a file, its key the method, URL and the file's path below the output root."""
        return expand(job, _items(job, sources), _Builder(job, sources.output).build)

    def awaits_needs(self, job: Job) -> bool:
        """The files to send are those that earlier jobs put there."""
        return bool(job.needs)

    def portable(self, task: UploadTask) -> bool:
        """One request and its answer can be made anywhere."""
        return True

    async def perform(self, task: UploadTask, tools: Tools) -> Result:
        """Send the file and check the answer. Raises ``SourceChanged`` if the file is another by now."""
        refuse_foreign(tools.files, task)
        _refuse_changed(task, sent=False)
        tools.gauge.start(task.size)
        async with tools.transport.open(task.request, slot=task.slot, hop=task.hop) as response:
            tools.gauge.add(task.size)
            result = await answer(response, task, task.expect, structs.replace(tools, gauge=_Unwatched()))
        _refuse_changed(task, sent=True)
        return structs.replace(result, bytes=task.size)


class _Unwatched:
    """The progress of an upload is the file's; its answer's bytes do not count."""

    def start(self, total: int | None, done: int = 0) -> None:
        return

    def add(self, count: int) -> None:
        return


def _items(job: Job, sources: Sources) -> Iterator[Item | Misfit]:
    spec: UploadSpec = job.spec
    seen: set[str] = set()
    if isinstance(spec.files, ProducedSpec):
        outcomes = frozenset(map(Outcome, spec.files.outcome))
        for name in job.takes_from:
            for target in sources.produced(name, outcomes):
                if target not in seen:
                    seen.add(target)
                    yield _item(job, len(seen) - 1, target)
        return
    ordinal = 0
    for glob in spec.files:
        found = matches(sources.output, glob)
        if not found:
            yield _nothing(job, ordinal, glob, sources.output)
            ordinal += 1
        for path in found:
            if path not in seen:
                seen.add(path)
                yield _item(job, ordinal, path)
                ordinal += 1


def _item(job: Job, ordinal: int, relative: str) -> Item:
    name = posixpath.basename(relative)
    stem, ext = posixpath.splitext(name)
    values: Values = {"index": ordinal, "path": relative, "name": name, "stem": stem, "ext": ext}
    return Item(ordinal, job.spec.url, values, own=relative)


def _nothing(job: Job, ordinal: int, glob: str, output: Path) -> Misfit:
    error = TemplateFailed(f"no file below {output} matches {glob!r}; expected at least one to upload")
    url = job.spec.url
    return Misfit(
        job=job.name,
        ordinal=ordinal,
        url=url if isinstance(url, str) else url.source,
        failure=error.failure(),
    )


class _Builder:
    def __init__(self, job: Job, output: Path) -> None:
        spec: UploadSpec = job.spec
        self._job = job
        self._spec = spec
        self._output = output
        self._method = spec.method or ("PUT" if spec.form == "raw" else "POST")
        self._requests = Requests(
            job, method=self._method, idempotent=self._method in IDEMPOTENT, url_fields=False
        )
        self._expect = spec.expect.expectations()

    def build(self, item: Item) -> UploadTask:
        """Raises ``TemplateFailed``, ``UnsafePath``, or ``SourceChanged`` for a file that is not there."""
        job, spec, values = self._job, self._spec, item.values
        relative = str(item.own)
        path = str(self._output / relative)
        found = _stat(path)
        url, auth = self._requests.url(item)
        body = _body(spec, path, values)
        return UploadTask(
            job=job.name,
            key=f"{self._method} {self._requests.name(item, url)} {relative}",
            ordinal=item.ordinal,
            slot=urls.slot(url),
            request=self._requests.make(url, values, auth, body),
            target=None if spec.save is None else safe_target(text(spec.save, values)),
            retry=job.retry,
            path=path,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            expect=self._expect(values),
        )


def _body(spec: UploadSpec, path: str, values: Values) -> Body:
    fields: Any = spec.fields
    pairs = param_pairs(fields, values)
    field = text(spec.field, values)
    if spec.form == "form":
        return FormFileBody(path, field, pairs)
    content_type = text(spec.content_type, values) if spec.content_type is not None else guessed_type(path)
    if spec.form == "raw":
        return FileBody(path, content_type)
    filename = text(spec.filename, values) if spec.filename is not None else posixpath.basename(path)
    file = Part(name=field, path=path, filename=filename, content_type=content_type)
    return MultipartBody((*(Part(name=name, value=value) for name, value in pairs), file))


def _stat(path: str, *, sent: bool = False) -> os.stat_result:
    """The file's own facts. Raises ``SourceChanged`` if there is no regular file."""
    try:
        found = Path(path).lstat()
    except OSError as error:
        raise SourceChanged(f"{path} cannot be read: {error.strerror}", sent=sent, answered=sent) from error
    if not stat.S_ISREG(found.st_mode):
        raise SourceChanged(f"{path} is no regular file any more", sent=sent, answered=sent)
    return found


def _refuse_changed(task: UploadTask, *, sent: bool) -> None:
    found = _stat(task.path, sent=sent)
    if (found.st_size, found.st_mtime_ns) != (task.size, task.mtime_ns):
        when = "while it was being sent" if sent else "before it was sent"
        raise SourceChanged(
            f"{task.path} changed {when}: {task.size} bytes when the task was made, {found.st_size} now",
            sent=sent,
            answered=sent,
        )
