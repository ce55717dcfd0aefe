"""What a person can do about a failed task, one sentence for each class."""

from __future__ import annotations

from crawler.model import ErrorClass

UNKNOWN = "check at the server whether it arrived before you send it again"

_BY_CLASS = {
    ErrorClass.DNS: "check the host name, and that this machine's resolver works",
    ErrorClass.CONNECT: "check host, port, proxy and firewall, or try again later",
    ErrorClass.TLS: (
        "check the certificate's name and dates, and this machine's clock; "
        "a private CA goes into `tls: {ca: …}` of the config"
    ),
    ErrorClass.TIMEOUT: "try again later, or raise the `timeout` that the message names",
    ErrorClass.TOO_SLOW: "try again later, or lower `timeout: {min_rate: …}`",
    ErrorClass.TRUNCATED: "run again; if it comes back, the server or a proxy cuts the answer short",
    ErrorClass.DECODE: "run again; if it comes back, the server compresses badly",
    ErrorClass.PROTOCOL: "check that the port really speaks HTTP, and ask the server's owner",
    ErrorClass.REDIRECT: "put the final address into the manifest, if you trust it",
    ErrorClass.TOO_LARGE: "raise `max_bytes` if such a size is right",
    ErrorClass.INTEGRITY: "these are not the expected bytes: check the `checksum`, then run again",
    ErrorClass.UNEXPECTED_CONTENT: "look at the answer, then correct the URL, `expect` or `extract`",
    ErrorClass.EXISTS: "set `overwrite: true`, choose another `to`, or move the file away",
    ErrorClass.UNSAFE_PATH: "choose a `to` that stays below the output root and passes no symbolic link",
    ErrorClass.STORAGE: "free space or repair the disk, then run again: the run continues",
    ErrorClass.ROBOTS: "robots.txt forbids it; ask the site's owner before you set `robots: false`",
    ErrorClass.ROBOTS_UNREACHABLE: "robots.txt could not be read, so nothing was fetched; run again later",
    ErrorClass.SCOPE: "widen `scope` if this page belongs to the crawl",
    ErrorClass.BLOCKED_ADDRESS: "the address is private; set `allow_private` if you trust what led there",
    ErrorClass.SOURCE_CHANGED: "wait until nobody writes the file any more, then run again",
    ErrorClass.TEMPLATE: "correct the expression, or the row that it reads",
    ErrorClass.BUG: "this is a mistake of the program, not yours: please report it with the log",
}


def advice(kind: ErrorClass, status: int | None) -> str:
    """What to do about failures of this class; for ``http_status`` it depends on the status."""
    return _BY_CLASS[kind] if kind is not ErrorClass.HTTP_STATUS else _for_status(status or 0)


def _for_status(status: int) -> str:
    if status in (401, 403, 407):
        return "check the credentials (`auth`, `headers`) and what they may access"
    if status in (404, 410):
        return "correct the URL, or leave it out (`deny` it in a crawl) if the resource is gone"
    if status == 429:
        return "lower the host's `concurrency` or `rate` under `hosts`, or run again later"
    if status >= 500:
        return "the server has a problem: run again later, or ask its owner"
    if status in (408, 425):
        return "run again later"
    return "the server refuses the request: compare URL, method, headers and body with its documentation"
