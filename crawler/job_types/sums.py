"""Checksum files as coreutils and BSD write them: what they say of one file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from posixpath import basename, dirname
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from crawler.errors import IntegrityFailed, TaskError
from crawler.job_types import reading
from crawler.job_types.digests import ALGORITHMS, Checksum
from crawler.job_types.expect import LARGEST_IN_MEMORY
from crawler.job_types.tools import Tools
from crawler.net.transport import MovedAway
from crawler.policy import urls
from crawler.request import Hop, Request

if TYPE_CHECKING:
    from crawler.job_types.download import DownloadTask

# `hash  name` and `hash *name` (GNU), `SHA256 (name) = hash` (BSD); a backslash in front says that
# backslash, newline and carriage return in the name are escaped (coreutils manual, "md5sum").
_GNU = re.compile(r"(?P<escaped>\\?)(?P<hex>[0-9a-fA-F]{32,128}) [ *]?(?P<name>.+)")
_BSD = re.compile(
    r"(?P<escaped>\\?)(?P<kind>[A-Za-z0-9-]+) \((?P<name>.+)\) ?= ?(?P<hex>[0-9a-fA-F]{32,128})"
)
_ALONE = re.compile(r"\s*([0-9a-fA-F]{32,128})\s*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "r": "\r", "\\": "\\"}
_BLAKE2 = re.compile(r"b2sums?|blake2", re.IGNORECASE)
STRENGTH = ("blake2b", "sha512", "sha256", "sha1", "md5")

ANY_FILE = ""  # the name in a file that holds nothing but one hash
AMBIGUOUS = Checksum("", "")  # two lines of equal strength that contradict each other

Sums = Mapping[str, Checksum]


def parse_sums(text: str, called: str) -> dict[str, Checksum]:
    """Every listed file with its strongest checksum; ``called`` is the checksum file's own name.

    The algorithm is the line's own word, else told by the hash's length (and the name, for 128 digits).
    Lines of other kinds, such as a signature around the list, are passed over.
    """
    if alone := _ALONE.fullmatch(text):
        one = _checksum(alone[1], None, called)
        return {} if one is None else {ANY_FILE: one}
    listed: dict[str, Checksum] = {}
    for line in text.splitlines():
        if (found := listed_in(line, called)) is not None:
            name, checksum = found
            name = name.removeprefix("./")
            listed[name] = _stronger(listed.get(name), checksum)
    return listed


def listed_in(line: str, called: str) -> tuple[str, Checksum] | None:
    """The file that one line of a checksum file names, and its checksum; ``None`` for any other line."""
    match = _BSD.fullmatch(line.rstrip()) or _GNU.fullmatch(line.rstrip("\r\n"))
    if match is None:
        return None
    fields = match.groupdict()
    checksum = _checksum(fields["hex"], fields.get("kind"), called)
    if checksum is None:
        return None
    name = fields["name"]
    if fields["escaped"]:
        name = _ESCAPE.sub(lambda pair: _ESCAPED.get(pair[1], pair[0]), name)
    return name, checksum


def checksum_of(sums: Sums, url: str, sums_url: str) -> Checksum:
    """What the file at ``sums_url`` says of the one at ``url``: by its path from there, or its bare name.

    Raises ``IntegrityFailed`` if it says nothing, or two things.
    """
    path, folder = unquote(urlsplit(url).path), dirname(unquote(urlsplit(sums_url).path))
    names = [basename(path), ANY_FILE]
    if path.startswith(folder.rstrip("/") + "/"):
        names.insert(0, path[len(folder.rstrip("/")) + 1 :])
    for name in names:
        if (found := sums.get(name)) is AMBIGUOUS:
            raise IntegrityFailed(f"{sums_url} lists {name!r} twice with different checksums")
        if found is not None:
            return found
    raise IntegrityFailed(
        f"{names[0]!r} is not listed in {sums_url}; expected a line with its checksum ({len(sums)} listed)"
    )


async def listed_checksum(task: DownloadTask, tools: Tools) -> Checksum:
    """The task's checksum, from a file that is fetched once for all tasks of the job.

    Raises ``IntegrityFailed``, and what fetching raises: without it nothing can be verified.
    """
    request = task.sums
    assert request is not None
    sums = await tools.once(f"{task.job} {request.url}", partial(_fetched, request, tools))
    return checksum_of(sums, task.url, request.url)


async def _fetched(request: Request, tools: Tools) -> Sums:
    hop: Hop | None = None
    while True:
        slot = urls.slot(hop.url if hop is not None else request.url)
        try:
            async with tools.transport.open(request, slot=slot, hop=hop) as response:
                if response.status != 200:
                    raise reading.bad_status(response)
                body = await reading.whole_body(response, _Unseen(), LARGEST_IN_MEMORY)
        except MovedAway as moved:
            hop = moved.hop
        except TaskError as error:
            error.args = (f"the checksum file {request.url}: {error}",)
            raise
        else:
            return parse_sums(body.decode("utf-8", "surrogateescape"), basename(urlsplit(request.url).path))


class _Unseen:
    """The progress shown is the file's own."""

    def start(self, total: int | None, done: int = 0) -> None:
        return

    def add(self, count: int) -> None:
        return


def _checksum(digits: str, kind: str | None, called: str) -> Checksum | None:
    if kind is not None:
        algorithm = kind.lower().replace("sha2-", "sha").replace("-", "")
    else:
        algorithm = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}.get(len(digits), "")
        if len(digits) == ALGORITHMS["blake2b"] and _BLAKE2.search(called):
            algorithm = "blake2b"
    fits = ALGORITHMS.get(algorithm) == len(digits)
    return Checksum(algorithm, digits.lower()) if fits else None


def _stronger(one: Checksum | None, other: Checksum) -> Checksum:
    if one is None or one == other:
        return other
    if one is AMBIGUOUS or one.algorithm == other.algorithm:
        return AMBIGUOUS
    return min(one, other, key=lambda each: STRENGTH.index(each.algorithm))
