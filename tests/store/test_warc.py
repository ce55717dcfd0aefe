"""What is archived comes back byte for byte, in files that another program calls whole."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
from base64 import b32encode
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import IntegrityFailed, StorageFailed, UnsafePath
from crawler.store.warc.archive import Archive
from crawler.store.warc.exchange import BodyFile, Capture
from crawler.store.warc.http_block import response_head
from tests.store.archives import (
    ABOUT,
    archive,
    bodies,
    everything,
    exchange,
    index,
    names,
    only_file,
    seen,
    warcio_check,
)

RANDOM = random.Random(5).randbytes(3 * 1024 * 1024 + 1)


def sha1(body: bytes) -> str:
    return "sha1:" + b32encode(hashlib.sha1(body).digest()).decode()


async def test_every_body_comes_back_byte_for_byte_with_its_digest(tmp_path: Path) -> None:
    sent = {
        "/empty": b"",
        "/text": "grüße\r\n\r\n".encode(),
        "/large": RANDOM,
        "/chunked-looking": b"5\r\nhello\r\n0\r\n\r\n",
        "/a-record": b"\r\n\r\nWARC/1.1\r\nWARC-Type: response\r\n\r\n",
        "/gzip": b"\x1f\x8b\x08" + bytes(100),
        "/zeros": bytes(5_000_000),
    }
    async with archive(tmp_path) as site:
        captures = await asyncio.gather(*(site.append(exchange(*each)) for each in sent.items()))
    assert {capture.url: capture.payload_digest for capture in captures} == {
        f"http://example.org{path}": sha1(body) for path, body in sent.items()
    }
    assert bodies(everything(tmp_path)) == {f"http://example.org{path}": body for path, body in sent.items()}


async def test_warcio_check_finds_nothing_wrong_with_any_kind_of_record(tmp_path: Path) -> None:
    async with archive(tmp_path, max_bytes=4000) as site:
        first = await site.append(exchange("/a", b"hello" * 100))
        for number in range(20):
            await site.append(exchange(f"/{number}", RANDOM[:500], via="http://example.org/", hops=1))
        await site.append(exchange("/a", b"hello" * 100, earlier=first))
        await site.append(exchange("/a", b"", status_line=b"HTTP/1.1 304 Not Modified", earlier=first))
        await site.append(exchange("/empty", b"", status_line=b"HTTP/1.1 301 Moved Permanently"))
    files = [tmp_path / "warc" / name for name in names(tmp_path, ".warc.gz")]
    assert len(files) > 3
    assert warcio_check(*files) == (0, "")
    damaged = bytearray(files[1].read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    files[1].write_bytes(damaged)
    assert warcio_check(files[1])[0] == 1  # so that the line above says something


async def test_every_file_begins_with_who_made_it_and_how(tmp_path: Path) -> None:
    async with archive(tmp_path, max_bytes=1) as site:
        for number in range(3):
            await site.append(exchange(f"/{number}"))
    for name in names(tmp_path, ".warc.gz"):
        first, *others = seen(tmp_path / "warc" / name)
        assert (first.kind, first["WARC-Filename"]) == ("warcinfo", name)
        told = dict(line.split(": ", 1) for line in first.content.decode().splitlines())
        assert told["software"] == "crawler/1.0"
        assert told["format"] == "WARC File Format 1.1"
        assert told["robots"] == "obey"
        assert told["operator"] == "Ops <ops@example.org>"
        assert told["isPartOf"] == "nightly, run r1"
        assert told["http-header-user-agent"] == ABOUT.user_agent
        assert [record.kind for record in others] == ["response", "request"]


async def test_the_records_of_a_page_are_tied_together(tmp_path: Path) -> None:
    page = exchange(
        "/a", ip="192.0.2.7", seconds=0.0423, via="http://example.org/", hops=2, outlinks=("http://o.test/",)
    )
    async with archive(tmp_path) as site:
        capture = await site.append(page)
    _, response, request, metadata = everything(tmp_path)
    assert [response.kind, request.kind, metadata.kind] == ["response", "request", "metadata"]
    assert response["WARC-Record-ID"] == f"<{capture.record_id}>"
    assert re.fullmatch(r"<urn:uuid:[0-9a-f-]{36}>", response["WARC-Record-ID"])
    for other in (request, metadata):
        assert other["WARC-Concurrent-To"] == response["WARC-Record-ID"]
        assert other["WARC-Record-ID"] != response["WARC-Record-ID"]
        assert other["WARC-Target-URI"] == "http://example.org/a"
    assert {each["WARC-Date"] for each in (response, request, metadata)} == {"2023-11-14T22:13:20.123456Z"}
    assert response["WARC-IP-Address"] == request["WARC-IP-Address"] == "192.0.2.7"
    assert response["Content-Type"] == "application/http;msgtype=response"
    assert request["Content-Type"] == "application/http;msgtype=request"
    assert request.status_line == "GET /a HTTP/1.1"
    assert metadata.content.decode().splitlines() == [
        "via: http://example.org/",
        "hopsFromSeed: 2",
        "fetchTimeMs: 42",
        "outlink: http://o.test/",
    ]


async def test_no_credential_reaches_the_archive(tmp_path: Path) -> None:
    secret = b"s3cr3t"
    headers = tuple((name, secret) for name in (b"authorization", b"Cookie", b"Proxy-Authorization"))
    page = exchange("/a", url="http://ann:s3cr3t@example.org/a#top", request_headers=headers)
    async with archive(tmp_path) as site:
        await site.append(replace(page, via="http://ann:s3cr3t@example.org/"))
    records = everything(tmp_path)
    assert records[2].headers == tuple((name.decode(), "***") for name, _ in headers)
    assert records[1].url == "http://example.org/a"
    assert "s3cr3t" not in repr(records)


async def test_the_caller_says_what_else_is_secret(tmp_path: Path) -> None:
    def redact(name: bytes, value: bytes) -> bytes:
        return b"gone" if name == b"X-Api-Key" else value

    async with archive(tmp_path, redact=redact) as site:
        await site.append(exchange(request_headers=((b"X-Api-Key", b"k"), (b"Accept", b"a"))))
    assert everything(tmp_path)[2].headers == (("X-Api-Key", "gone"), ("Accept", "a"))


async def test_what_the_stored_body_no_longer_is_keeps_its_header_under_another_name(tmp_path: Path) -> None:
    headers = (
        (b"Transfer-Encoding", b"chunked"),
        (b"content-encoding", b"gzip"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
    )
    async with archive(tmp_path) as site:
        await site.append(exchange("/decoded", response_headers=headers, decoded=True))
        await site.append(exchange("/coded", response_headers=headers[1:]))
    decoded, coded = (each for each in everything(tmp_path) if each.kind == "response")
    assert decoded.headers == (
        ("X-Crawler-Transfer-Encoding", "chunked"),
        ("X-Crawler-content-encoding", "gzip"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Length", "5"),
    )
    assert coded.headers == (("content-encoding", "gzip"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (((b"Content-Length", b"5"),), b"Content-Length: 5\r\n"),
        (((b"content-length", b"9"),), b"X-Crawler-content-length: 9\r\nContent-Length: 5\r\n"),
        (((b"A", b"x\r\n y"),), b"A: x  y\r\n"),
        (
            ((b"Content-Length", b"5"), (b"Content-Length", b"5")),
            b"Content-Length: 5\r\nX-Crawler-Content-Length: 5\r\n",
        ),
        ((), b""),
    ],
)
def test_a_head_tells_the_length_of_the_stored_body(
    headers: tuple[tuple[bytes, bytes], ...], told: bytes
) -> None:
    head = response_head(b"HTTP/1.1 200 OK", headers, 5, decoded=False)
    assert head == b"HTTP/1.1 200 OK\r\n" + told + b"\r\n"


@given(
    st.binary(max_size=40),
    st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40)), max_size=5),
    st.none() | st.integers(0, 100),
)
def test_a_head_ends_where_it_ends_whatever_the_server_sent(
    line: bytes, headers: list[tuple[bytes, bytes]], length: int | None
) -> None:
    head = response_head(line, tuple(headers), length, decoded=True)
    assert head.endswith(b"\r\n\r\n")
    assert len(head.split(b"\r\n")) - 3 in (len(headers), len(headers) + 1)
    assert b"\n" not in head.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("request_line", "status"), [(b"HEAD /a HTTP/1.1", b"200 OK"), (b"GET /a HTTP/1.1", b"304 Not Modified")]
)
async def test_an_answer_without_a_body_keeps_the_length_it_tells_of(
    tmp_path: Path, request_line: bytes, status: bytes
) -> None:
    page = exchange(
        "/a",
        b"",
        request_line=request_line,
        status_line=b"HTTP/1.1 " + status,
        response_headers=((b"Content-Length", b"5000"),),
    )
    async with archive(tmp_path) as site:
        await site.append(page)
    assert everything(tmp_path)[1].headers == (("Content-Length", "5000"),)


async def test_the_same_payload_again_is_a_revisit_of_the_first(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        first = await site.append(exchange("/a"))
    async with archive(tmp_path) as site:
        again = await site.append(exchange("/a", earlier=first, started=1.8e9))
        thrice = await site.append(exchange("/b", earlier=again, started=1.9e9))
    assert first == again == thrice
    revisits = [each for each in everything(tmp_path) if each.kind == "revisit"]
    assert len(revisits) == 2
    for revisit in revisits:
        assert revisit["WARC-Profile"].endswith("/warc/1.1/revisit/identical-payload-digest")
        assert revisit["WARC-Refers-To"] == f"<{first.record_id}>"
        assert revisit["WARC-Refers-To-Target-URI"] == "http://example.org/a"
        assert revisit["WARC-Refers-To-Date"] == first.date
        assert revisit["WARC-Payload-Digest"] == sha1(b"hello")
        assert (revisit.status_line, revisit.content) == ("HTTP/1.1 200 OK", b"")
        assert ("Content-Length", "5") in revisit.headers


async def test_not_modified_is_a_revisit_even_where_only_url_and_date_are_known(tmp_path: Path) -> None:
    earlier = Capture("http://example.org/a", "2026-01-02T03:04:05.000006Z")
    async with archive(tmp_path) as site:
        status = b"HTTP/1.1 304 Not Modified"
        assert await site.append(exchange("/a", b"", status_line=status, earlier=earlier)) == earlier
    revisit = everything(tmp_path)[1]
    assert revisit["WARC-Profile"] == "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
    assert revisit["WARC-Refers-To-Date"] == earlier.date
    assert not {"WARC-Refers-To", "WARC-Payload-Digest"} & set(revisit.fields)


@pytest.mark.parametrize("digest", [sha1(b"other"), None])
async def test_a_payload_that_is_not_known_to_be_the_same_is_stored(
    tmp_path: Path, digest: str | None
) -> None:
    earlier = Capture("http://example.org/a", "2026-01-02T03:04:05Z", digest, "urn:uuid:1")
    async with archive(tmp_path) as site:
        capture = await site.append(exchange("/a", earlier=earlier))
    assert bodies(everything(tmp_path)) == {"http://example.org/a": b"hello"}
    assert capture.payload_digest == sha1(b"hello")


async def test_a_url_stands_in_its_header_as_printable_ascii(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        await site.append(exchange("/a", url="http://example.org/ü b\r\nWARC-Type: x\ud800"))
    assert everything(tmp_path)[1].url == "http://example.org/%C3%BC%20b%0D%0AWARC-Type:%20x%3F"


async def test_a_body_in_a_file_is_archived_though_the_caller_closes_it_at_once(tmp_path: Path) -> None:
    source = tmp_path / "body"
    source.write_bytes(RANDOM + b"not this")
    async with archive(tmp_path) as site:
        fd = os.open(source, os.O_RDONLY)
        waiting = asyncio.ensure_future(site.append(exchange("/f", BodyFile(fd, len(RANDOM)))))
        await asyncio.sleep(0)
        os.close(fd)
        await waiting
    assert bodies(everything(tmp_path)) == {"http://example.org/f": RANDOM}


async def test_a_file_that_is_too_short_fails_alone_and_leaves_no_trace(tmp_path: Path) -> None:
    source = tmp_path / "body"
    source.write_bytes(RANDOM)
    async with archive(tmp_path) as site:
        with source.open("rb") as file:
            before, short, after = await asyncio.gather(
                site.append(exchange("/1")),
                site.append(exchange("/2", BodyFile(file.fileno(), len(RANDOM) + 1))),
                site.append(exchange("/3")),
                return_exceptions=True,
            )
    assert isinstance(short, IntegrityFailed)
    assert f"ends after {len(RANDOM)} bytes" in str(short)
    assert isinstance(before, Capture)
    assert isinstance(after, Capture)
    assert set(bodies(everything(tmp_path))) == {"http://example.org/1", "http://example.org/3"}


async def test_what_is_packed_already_is_stored_and_the_rest_is_packed(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        await site.append(exchange("/random", RANDOM))
        await site.append(exchange("/text", b"the same words again " * 50_000))
    told = {fields["url"][-6:]: int(fields["length"]) for _, _, fields in index(only_file(tmp_path))}
    assert len(RANDOM) < told["random"] < len(RANDOM) + 2000
    assert told["g/text"] < 10_000


async def test_a_full_file_is_followed_by_the_next_and_no_page_is_split(tmp_path: Path) -> None:
    async with archive(tmp_path, max_bytes=20_000) as site:
        for number in range(30):
            await site.append(exchange(f"/{number}", RANDOM[:5000]))
    files = names(tmp_path, ".warc.gz")
    assert len(files) == 8
    assert all(re.fullmatch(r"site-20\d{15}-0000[0-7]\.warc\.gz", name) for name in files)
    assert [int(name[-13:-8]) for name in files] == list(range(8))
    assert len(bodies(everything(tmp_path))) == 30
    for name in files:
        kinds = [record.kind for record in seen(tmp_path / "warc" / name)]
        assert kinds == ["warcinfo"] + ["response", "request"] * (len(kinds) // 2)


async def test_no_file_is_ever_written_over(tmp_path: Path) -> None:
    before: dict[str, bytes] = {}
    for turn in range(3):
        async with archive(tmp_path) as one, archive(tmp_path) as other:
            await asyncio.gather(one.append(exchange(f"/{turn}")), other.append(exchange(f"/other{turn}")))
        now = {name: (tmp_path / "warc" / name).read_bytes() for name in names(tmp_path)}
        assert before.items() <= now.items()
        assert len(now) == len(before) + 4
        before = now
    assert len(bodies(everything(tmp_path))) == 6


async def test_a_file_is_open_by_name_until_it_is_whole(tmp_path: Path) -> None:
    async with archive(tmp_path, durability="full") as site:
        await site.append(exchange())
        (name,) = names(tmp_path)
        assert name.endswith(".warc.gz.open")
        assert len(seen(tmp_path / "warc" / name)) == 3
    assert names(tmp_path) == [name.replace(".warc.gz.open", ".cdxj"), name.removesuffix(".open")]


async def test_an_archive_in_which_nothing_was_put_leaves_no_file(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        await site.close()
        with pytest.raises(StorageFailed, match="closed already"):
            await site.append(exchange())
    assert names(tmp_path) == []


async def test_whoever_is_cancelled_takes_nobody_along(tmp_path: Path) -> None:
    async with archive(tmp_path) as site:
        tasks = [asyncio.ensure_future(site.append(exchange(f"/{number}"))) for number in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [each.url for each in done if isinstance(each, Capture)]
    assert len(kept) >= 25
    assert set(kept) <= set(bodies(everything(tmp_path)))


@pytest.mark.parametrize("folder", ["..", "a/../../b", "/etc", "link", "link/deeper"])
async def test_nothing_is_written_outside_the_output_root(tmp_path: Path, folder: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside)
    with pytest.raises(UnsafePath):
        await Archive.open(root, folder, "site", about=ABOUT, durability="none")
    assert list(outside.iterdir()) == []


async def test_a_name_becomes_one_that_stays_in_its_folder(tmp_path: Path) -> None:
    async with archive(tmp_path, "../a b/ü") as site:
        await site.append(exchange())
    assert only_file(tmp_path).name.startswith("_._a_b_-20")


async def test_memory_stays_flat_over_ten_thousand_records(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    async with archive(tmp_path) as site:
        for start in range(0, 5000, 100):
            if start == 1000:
                before = resident()
            await asyncio.gather(*(site.append(exchange(f"/{start + n}", RANDOM[:200])) for n in range(100)))
        assert resident() - before < 8 * 1024 * 1024
    lines = only_file(tmp_path).with_name(names(tmp_path, ".cdxj")[0]).read_text().splitlines()
    assert len(set(lines)) == 5000


async def test_space_that_must_stay_free_is_left_alone(tmp_path: Path) -> None:
    async with archive(tmp_path, min_free_disk=1 << 60) as site:
        with pytest.raises(StorageFailed, match="min_free_disk asks for"):
            await site.append(exchange())
    assert names(tmp_path) == []
