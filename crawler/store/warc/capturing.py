"""Which records one exchange becomes: response or revisit, then request and metadata."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.store.warc.exchange import ArchivedExchange, Capture, Redact
from crawler.store.warc.http_block import has_body, request_head, response_head, status_of
from crawler.store.warc.payload import Payload
from crawler.store.warc.records import (
    FIELDS_TYPE,
    Fields,
    Record,
    clean_uri,
    record,
    warc_date,
    warc_fields,
)

_REQUEST = "application/http;msgtype=request"
_RESPONSE = "application/http;msgtype=response"
_PROFILE = "http://netpreserve.org/warc/1.1/revisit/"


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one exchange; the answer comes first, for the others point to it.

    ``capture`` is what a later exchange of the same page may refer to.
    """

    answer: Record
    others: tuple[Record, ...]
    capture: Capture


def exchange_records(exchange: ArchivedExchange, redact: Redact) -> Records:
    """The records of one exchange. Raises ``IntegrityFailed`` for a body file that is too short."""
    url, date = clean_uri(exchange.url), warc_date(exchange.started)
    address = [("WARC-IP-Address", exchange.ip)] if exchange.ip is not None else []
    answer, capture = _answer(exchange, url, date, address)
    tie = [("WARC-Concurrent-To", f"<{answer.record_id}>")]
    sent = request_head(exchange.request_line, exchange.request_headers, redact)
    others = [record("request", date, _REQUEST, sent, url=url, fields=tie + address)]
    if notes := _notes(exchange):
        others.append(record("metadata", date, FIELDS_TYPE, warc_fields(notes), url=url, fields=tie))
    return Records(answer, tuple(others), capture)


def _answer(exchange: ArchivedExchange, url: str, date: str, address: Fields) -> tuple[Record, Capture]:
    """A response, or a revisit where ``earlier`` has the same payload, and what to refer to later."""
    payload = Payload(exchange.body)
    bodied = payload.length or has_body(exchange.request_line, exchange.status_line)
    head = response_head(
        exchange.status_line,
        exchange.response_headers,
        payload.length if bodied else None,
        decoded=exchange.decoded,
    )
    payload_digest, block_digest = payload.digests(head)
    earlier = exchange.earlier
    profile = _profile(earlier, payload, payload_digest, status_of(exchange.status_line))
    if earlier is not None and profile is not None:
        fields = address + _reference(earlier, profile)
        known = earlier.payload_digest
        return record("revisit", date, _RESPONSE, head, url=url, fields=fields, payload_digest=known), earlier
    answer = record(
        "response",
        date,
        _RESPONSE,
        head,
        url=url,
        fields=address,
        payload=payload,
        payload_digest=payload_digest,
        block_digest=block_digest,
    )
    return answer, Capture(url, date, payload_digest, answer.record_id)


def _profile(earlier: Capture | None, payload: Payload, digest: str, status: str) -> str | None:
    """The profile of a revisit (WARC 1.1 §6.7.2, §6.7.3); ``None`` if the answer must be stored as it is."""
    if earlier is None:
        return None
    if status == "304" and not payload.length:
        return "server-not-modified"
    return "identical-payload-digest" if payload.length and earlier.payload_digest == digest else None


def _reference(earlier: Capture, profile: str) -> Fields:
    fields = [("WARC-Profile", _PROFILE + profile)]
    if earlier.record_id is not None:
        fields.append(("WARC-Refers-To", f"<{earlier.record_id}>"))
    return [
        *fields,
        ("WARC-Refers-To-Target-URI", clean_uri(earlier.url)),
        ("WARC-Refers-To-Date", earlier.date),
    ]


def _notes(exchange: ArchivedExchange) -> Fields:
    told: Fields = []
    if exchange.via is not None:
        told.append(("via", clean_uri(exchange.via)))
    if exchange.hops is not None:
        told.append(("hopsFromSeed", str(exchange.hops)))
    if exchange.seconds is not None:
        told.append(("fetchTimeMs", str(round(exchange.seconds * 1000))))
    return told + [("outlink", clean_uri(url)) for url in exchange.outlinks]
