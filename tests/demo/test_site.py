"""The sample site keeps the promises that the demo manifest counts on."""

from __future__ import annotations

import hashlib
import re
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from aiohttp import ClientSession, FormData

from crawler.demo import content
from crawler.demo.run import next_steps, site
from crawler.demo.site import serving


@pytest.fixture
async def base() -> AsyncIterator[str]:
    async with serving() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as client:
        yield client


@pytest.mark.parametrize("start", [0, 1, content.BLOCK - 1, content.BLOCK, 3 * content.BLOCK + 17])
def test_the_large_file_is_the_same_from_any_offset(start: int) -> None:
    stop = 5 * content.BLOCK + 3
    whole = b"".join(content.big(0, stop))
    assert len(whole) == stop
    assert b"".join(content.big(start, stop)) == whole[start:]


async def test_a_part_of_the_large_file_can_be_asked_for(base: str, session: ClientSession) -> None:
    headers = {"Range": f"bytes={content.BIG_SIZE - 70_000}-"}
    async with session.get(f"{base}/files/big.bin", headers=headers) as answer:
        assert answer.status == 206
        assert await answer.read() == b"".join(content.big(content.BIG_SIZE - 70_000))


async def test_the_large_file_starts_over_for_another_version(base: str, session: ClientSession) -> None:
    headers = {"Range": "bytes=100-", "If-Range": '"another"'}
    async with session.get(f"{base}/files/big.bin", headers=headers) as answer:
        assert (answer.status, answer.content_length) == (200, content.BIG_SIZE)


async def test_the_busy_file_comes_at_the_second_request(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/files/busy.txt") as first:
        assert (first.status, first.headers["Retry-After"]) == (503, "1")
    async with session.get(f"{base}/files/busy.txt") as second:
        assert (second.status, await second.read()) == (200, content.BUSY_TEXT)


async def test_an_unchanged_file_is_not_sent_again(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/files/hello.txt") as answer:
        tag = answer.headers["ETag"]
    async with session.get(f"{base}/files/hello.txt", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


async def test_every_link_of_the_handbook_leads_to_a_document_but_the_one_that_robots_txt_guards(
    base: str, session: ClientSession
) -> None:
    pages = [f"{base}/handbook/{name.removesuffix('index.html')}" for name in content.handbook()]
    lost = set()
    for page in pages:
        async with session.get(page) as answer:
            assert answer.status == 200
            text = await answer.text()
        for link in re.findall(r'(?:href|src)="([^"#]+)', text):
            async with session.get(urljoin(page, link)) as answer:
                if answer.status != 200:
                    lost.add(answer.url.path)
    assert lost == {"/handbook/drafts/storms.html"}
    async with session.get(f"{base}/robots.txt") as answer:
        assert "Disallow: /handbook/drafts/" in (await answer.text()).splitlines()


async def test_a_page_of_the_handbook_has_moved(base: str, session: ClientSession) -> None:
    async with session.get(f"{base}/handbook/lantern.html", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (301, "lamp.html")


async def test_what_was_handed_in_is_checked_and_told_to_the_hook(base: str, session: ClientSession) -> None:
    body = content.SMALL_FILES["prices.csv"]
    form = FormData()
    form.add_field("file", body, filename="prices.csv")
    async with session.post(f"{base}/ingest", data=form) as answer:
        assert answer.status == 201
        assert await answer.json() == {"taken": {"prices.csv": hashlib.sha256(body).hexdigest()}}
    damaged = FormData()
    damaged.add_field("file", body[:-1], filename="prices.csv")
    async with session.post(f"{base}/ingest", data=damaged) as answer:
        assert answer.status == 422
    async with session.post(f"{base}/hooks/done", json={"ok": True}) as answer:
        assert await answer.json() == {"noted": {"ok": True}, "uploads": ["prices.csv"]}


async def test_ticks_come_once_subscribed(base: str, session: ClientSession) -> None:
    async with session.ws_connect(f"{base}/ticks") as socket:
        await socket.send_json({"subscribe": "demo"})
        ticks = [await socket.receive_json() for _ in range(3)]
    assert [tick["tick"] for tick in ticks] == [0, 1, 2]
    assert ticks[0]["of"] == {"subscribe": "demo"}


def test_two_sites_run_side_by_side_and_are_gone_afterwards() -> None:
    with site(port=0) as one, site(port=0) as two:
        assert one != two
        with urllib.request.urlopen(f"{one}/files/hello.txt") as answer:
            assert answer.read() == content.SMALL_FILES["hello.txt"]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(one)


def test_a_taken_port_is_no_obstacle() -> None:
    with site(port=0) as one, site(port=int(one.rpartition(":")[2])) as two:
        assert one != two
        with urllib.request.urlopen(two) as answer:
            assert "/files/big.bin" in answer.read().decode()


def test_the_last_words_name_every_file_but_not_the_programs_own(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/big.bin").write_bytes(bytes(3 * 1024 * 1024))
    (tmp_path / ".crawler").mkdir()
    (tmp_path / ".crawler/demo.sqlite").write_bytes(b"x")
    said = next_steps(tmp_path)
    assert "files/big.bin  (3.0 MiB)" in said
    assert "sqlite" not in said
    assert "Try next:" in said


async def test_members_are_let_in_with_the_token_of_their_login(base: str, session: ClientSession) -> None:
    async with session.post(f"{base}/login", json={"user": ""}) as refused:
        assert refused.status == 403
    async with session.post(f"{base}/login", json={"user": "anna"}) as let_in:
        token = (await let_in.json())["token"]
    for sent, status in ((f"Bearer {token}", 200), (f"Basic {token}", 401), ("Bearer x", 401), ("", 401)):
        async with session.get(f"{base}/members/poem.txt", headers={"Authorization": sent}) as answer:
            assert answer.status == status
