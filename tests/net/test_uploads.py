"""Bodies arrive byte for byte, with their length, and files are read only while they are sent."""

from __future__ import annotations

import asyncio
import os
import re
import warnings
from email import message_from_bytes
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import SourceChanged
from crawler.net.multipart import multipart
from crawler.net.sources import InMemory
from crawler.request import Body, BytesBody, FileBody, FormFileBody, JsonBody, MultipartBody, Part
from tests.net.client import Client
from tests.server import Received, Server, file_bytes

LARGE = 2_500_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(file_bytes(LARGE))
    return path


async def post(client: Client, server: Server, body: Body, **more: object) -> Received:
    await client.fetch(server.url("/echo"), method="POST", body=body, idempotent=False, **more)
    return server.log[-1]


@pytest.mark.parametrize("size", [0, 1, 1000, LARGE])
async def test_bytes_arrive_with_their_type_and_length(client: Client, server: Server, size: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # aiohttp warns of large bytes that it sends in one go
        got = await post(client, server, BytesBody(file_bytes(size), "application/octet-stream"))
    assert got.body == file_bytes(size)
    assert got.header("Content-Length") == str(size)
    assert got.header("Content-Type") == "application/octet-stream"


async def test_json_arrives_as_json(client: Client, server: Server) -> None:
    got = await post(client, server, JsonBody({"a": [1, "é", None]}))
    assert got.json() == {"a": [1, "é", None]}
    assert got.header("Content-Type") == "application/json"


async def test_a_written_content_type_wins(client: Client, server: Server) -> None:
    written = (("content-type", "application/vnd.api+json"),)
    got = await post(client, server, JsonBody({}), headers=written)
    assert [pair for pair in got.headers if pair[0].lower() == "content-type"] == [*written]


async def test_a_file_is_streamed_with_its_exact_length(client: Client, server: Server, large: Path) -> None:
    got = await post(client, server, FileBody(str(large), "text/csv"))
    assert got.body == file_bytes(LARGE)
    assert got.header("Content-Length") == str(LARGE)
    assert got.header("Transfer-Encoding") is None
    assert open_files(large) == 0


async def test_a_file_is_sent_whole_again_after_a_redirect(
    client: Client, server: Server, large: Path
) -> None:
    await client.fetch(
        server.url("/redirect-to?status=307&url=/echo"),
        method="PUT",
        body=FileBody(str(large), "text/csv"),
    )
    assert [len(request.body) for request in server.log] == [LARGE, LARGE]


async def test_a_missing_file_is_reported_before_anything_is_sent(
    client: Client, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(SourceChanged, match=r"gone\.csv cannot be read: No such file") as caught:
        await post(client, server, FileBody(str(tmp_path / "gone.csv"), "text/csv"))
    assert not caught.value.sent
    assert server.connections == 0


@pytest.mark.parametrize("change", ["shrinks", "grows", "is rewritten", "vanishes"])
async def test_a_file_that_changes_while_it_is_sent_never_arrives_whole(
    client: Client, server: Server, large: Path, change: str
) -> None:
    def meddle(request: Received) -> None:
        raise AssertionError("the request arrived whole")

    server.on_request = meddle
    sending = asyncio.ensure_future(post(client, server, FileBody(str(large), "text/csv")))
    while not server.log:
        await asyncio.sleep(0)
    if change == "shrinks":
        os.truncate(large, 10)
    elif change == "grows":
        large.write_bytes(file_bytes(LARGE) + b"more")
    elif change == "is rewritten":
        os.utime(large, (1, 1))
    else:
        large.write_bytes(b"")
        large.unlink()
    with pytest.raises(SourceChanged, match="changed while it was being sent") as caught:
        await sending
    assert caught.value.sent
    assert not server.log[0].whole


async def test_cancelling_an_upload_closes_the_file_and_the_connection(
    client: Client, server: Server, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    sending = asyncio.ensure_future(post(client, server, FileBody(str(huge), "text/csv")))
    while not open_files(huge):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    async with asyncio.timeout(5):
        while server.open_connections or open_files(huge):
            await asyncio.sleep(0.01)


async def test_a_file_goes_as_a_form_field(client: Client, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "any.bin"
    content = bytes(range(256)) * 9000  # more than one block
    path.write_bytes(content)
    got = await post(client, server, FormFileBody(str(path), "f ile", (("a", "1&2"), ("b", "é"))))
    assert got.header("Content-Type") == "application/x-www-form-urlencoded"
    assert got.header("Content-Length") == str(len(got.body))
    pairs = parse_qsl(got.body.decode("ascii"), keep_blank_values=True, encoding="latin-1")
    assert pairs[2] == ("f ile", content.decode("latin-1"))
    assert pairs[0] == ("a", "1&2")
    assert b"b=%C3%A9&" in got.body


async def test_multipart_arrives_byte_for_byte(client: Client, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(b"a,b\r\n1,2\r\n")
    parts = (
        Part("note", value="zwölf"),
        Part("meta", value="{}", content_type="application/json"),
        Part("file", path=str(path)),
        Part("named", path=str(path), filename="ü.bin", content_type="x/y"),
    )
    got = await post(client, server, MultipartBody(parts))
    content_type = got.header("Content-Type") or ""
    found = re.fullmatch(r"multipart/form-data; boundary=(crawler-[0-9a-f]{32})", content_type)
    assert found is not None
    mark = found[1]
    expected = (
        f'--{mark}\r\nContent-Disposition: form-data; name="note"\r\n\r\nzwölf\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="meta"\r\n'
        "Content-Type: application/json\r\n\r\n{}\r\n"
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="report.csv"\r\n'
        "Content-Type: text/csv\r\n\r\na,b\r\n1,2\r\n\r\n"
        f'--{mark}\r\nContent-Disposition: form-data; name="named"; filename="ü.bin"\r\n'
        "Content-Type: x/y\r\n\r\na,b\r\n1,2\r\n\r\n"
        f"--{mark}--\r\n"
    )
    assert got.body == expected.encode()
    assert got.header("Content-Length") == str(len(expected.encode()))


async def test_names_cannot_break_out_of_their_header(client: Client, server: Server) -> None:
    evil = 'a"\r\nX-Injected: 1\r\n\r\nbody\x00'
    got = await post(
        client, server, MultipartBody((Part(evil, value="v", filename=evil, content_type="a/b\r\nc"),))
    )
    quoted = "a%22%0D%0AX-Injected: 1%0D%0A%0D%0Abody%00"
    head = f'Content-Disposition: form-data; name="{quoted}"; filename="{quoted}"\r\n'
    head += "Content-Type: a/bc\r\n\r\nv\r\n"
    assert head.encode() in got.body
    assert b"\r\nX-Injected" not in got.body


@pytest.mark.parametrize(
    ("written", "mark"), [("multipart/mixed; boundary=abc", b"abc"), ('multipart/x; boundary="a b"', b"a b")]
)
async def test_a_written_boundary_is_used(client: Client, server: Server, written: str, mark: bytes) -> None:
    got = await post(
        client, server, MultipartBody((Part("a", value="1"),)), headers=(("Content-Type", written),)
    )
    assert got.header("Content-Type") == written
    assert got.body.startswith(b"--" + mark + b"\r\n")


async def test_a_written_multipart_type_gets_the_boundary_that_it_lacks(
    client: Client, server: Server
) -> None:
    headers = (("Content-Type", "multipart/related"),)
    got = await post(client, server, MultipartBody((Part("a", value="1"),)), headers=headers)
    assert re.fullmatch(r"multipart/related; boundary=\S+", got.header("Content-Type") or "")


@given(st.text(), st.text(), st.text(st.characters(codec="utf-8")))
def test_any_part_can_be_read_back(name: str, filename: str, value: str) -> None:
    sources = multipart(MultipartBody((Part(name, value=value, filename=filename or None),)), "mark")
    assert all(isinstance(source, InMemory) for source in sources)
    body = b"".join(source.data for source in sources if isinstance(source, InMemory))
    parsed = message_from_bytes(b'Content-Type: multipart/form-data; boundary="mark"\r\n\r\n' + body)
    payload = parsed.get_payload()
    assert isinstance(payload, list)
    assert len(payload) == 1
    assert body.startswith(b"--mark\r\n")
    assert body.endswith(value.encode() + b"\r\n--mark--\r\n")


def open_files(path: Path) -> int:
    """How often this process has the file open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += link.readlink() == path
        except OSError:
            continue
    return found


async def test_what_has_no_length_of_its_own_is_refused_and_not_sent_as_nothing(
    client: Client, server: Server, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for whoever writes
    for path in (str(tmp_path / "pipe"), os.devnull, str(tmp_path)):
        with pytest.raises(SourceChanged, match="is no regular file"):
            await post(client, server, FileBody(path, "text/csv"))
    assert server.log == []
