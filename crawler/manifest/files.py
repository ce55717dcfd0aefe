"""Files that a manifest names are looked for when it loads, not in the middle of the night."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from crawler.job_types.spec import DownloadRowsSpec, RowsSpec
from crawler.manifest.drafts import Draft
from crawler.manifest.findings import Findings
from crawler.manifest.rows.gunzip import seen_through
from crawler.manifest.rows.table import FORMATS, STDIN, format_of, is_url
from crawler.manifest.rows.text import SourceBroken
from crawler.model import Row
from crawler.syntax.template import Template, Text
from crawler.syntax.urls import problem
from crawler.syntax.words import suggestion


def check_files(drafts: Sequence[Draft], folder: Path, findings: Findings, *, stdin_taken: bool) -> None:
    """Report row files and body files that cannot be read.

    A job with ``needs`` may wait for a file that is still to be made, so it is not asked for here.
    """
    takers = ["the manifest"] if stdin_taken else []
    for draft in drafts:
        rows: RowsSpec | None = getattr(draft.spec, "rows", None)
        if rows is not None:
            _check_rows(draft, rows, folder, takers, findings)
        if draft.spec.needs:
            continue
        for steps, file in _body_files(draft.spec):
            if isinstance(file, str):
                _readable(folder / file, draft, steps, findings)


def _check_rows(draft: Draft, rows: RowsSpec, folder: Path, takers: list[str], findings: Findings) -> None:
    steps = ("from", "file")
    form = rows.format or format_of(rows.file)
    if is_url(rows.file) and (why := problem(rows.file)) is not None:
        findings.add(draft.at(*steps), why)
        return
    if form is None:
        known = ", ".join(FORMATS)
        findings.add(
            draft.at(*steps), f"the name {rows.file!r} does not tell its format; set 'format': {known}"
        )
        return
    if form == "parquet" and find_spec("pyarrow") is None:
        from crawler.manifest.rows.parquet import MISSING

        findings.add(draft.at("from", "format"), MISSING)
        return
    if is_url(rows.file):
        return
    if not FORMATS[form].urls and _takes_column(draft, rows):
        example = '"https://example.org/${row.name | urlencode}"'
        findings.add(draft.at(*steps), f"{form} lists names and no URLs; set 'url', such as {example}")
    if rows.file == STDIN:
        if takers:
            findings.add(draft.at(*steps), f"stdin is already read by {takers[0]}")
        takers.append(f"job {draft.name!r}")
    elif not draft.spec.needs and _readable(folder / rows.file, draft, steps, findings):
        _check_columns(draft, rows, folder / rows.file, form, findings)


def _readable(path: Path, draft: Draft, steps: Sequence[str | int], findings: Findings) -> bool:
    """Whether it is a file that can be opened; a pipe is left alone, opening it would wait for a writer."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(0, "is a folder")
        if stat.S_ISREG(path.stat().st_mode):
            path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        findings.add(draft.at(*steps), f"the file {str(path)!r} cannot be read: {reason}")
        return False
    return path.is_file()


def _check_columns(draft: Draft, rows: RowsSpec, path: Path, form: str, findings: Findings) -> None:
    """Where the first row tells every column, those that ``from`` names must be among them."""
    named = list(_named_columns(draft, rows))
    if not (FORMATS[form].columns and named):
        return
    try:
        with path.open("rb") as stream:
            first = next(FORMATS[form].rows(seen_through(stream), rows.file), None)
    except (SourceBroken, OSError):
        return  # a damaged file is a failure of the run, located there
    for steps, column in named:
        if isinstance(first, Row) and column not in first.fields:
            columns = list(first.fields)
            hint = suggestion(column, columns) or f"; it has {', '.join(map(repr, columns[:20]))}"
            findings.add(draft.at("from", *steps), f"{rows.file} has no column {column!r}{hint}")


def _takes_column(draft: Draft, rows: RowsSpec) -> bool:
    """Whether a column holds the URL: the job has none of its own, and ``from`` no template of it."""
    return getattr(draft.spec, "url", None) is None and isinstance(rows.url, str)


def _named_columns(draft: Draft, rows: RowsSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every column that ``from`` names, and where."""
    found: list[tuple[tuple[str | int, ...], Text | None]] = []
    if _takes_column(draft, rows):
        found.append((("url",), rows.url))
    if isinstance(rows, DownloadRowsSpec):
        found += [(("to",), rows.to), (("checksum",), rows.checksum)]
        found += [(("mirrors", at), each) for at, each in enumerate(rows.mirrors)]
    found += [(("headers", name), each) for name, each in rows.headers.items()]
    for steps, column in found:
        if column is not None and not isinstance(column, Template):
            yield steps, column


def _body_files(spec: object) -> Iterator[tuple[tuple[str | int, ...], Text]]:
    """Every file that a request's body is made of, and where it is written."""
    if not hasattr(spec, "body_file"):
        return
    from crawler.job_types.bodies import BodySpec

    assert isinstance(spec, BodySpec)
    if spec.body_file is not None:
        yield ("body_file",), spec.body_file
    parts = spec.multipart.items() if isinstance(spec.multipart, dict) else enumerate(spec.multipart or ())
    for key, part in parts:
        if part.file is not None:
            yield ("multipart", key, "file"), part.file
