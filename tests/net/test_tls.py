"""Nothing is sent to a server whose identity does not verify."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from crawler.errors import ConnectFailed, RedirectRefused, RunRefused, TlsFailed, Truncated
from crawler.net.aiohttp_transport import AiohttpTransport
from crawler.net.settings import TransportSettings
from crawler.request import Auth
from tests.net.client import Client, scripted
from tests.server import Server

CA = trustme.CA()


def context(*names: str, ca: trustme.CA = CA) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(made)
    return made


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
async def trusting(ca_file: Path) -> AsyncIterator[Client]:
    async with Client(tls_ca=str(ca_file)) as running:
        yield running


async def test_a_verified_server_answers(trusting: Client) -> None:
    async with Server(tls=context("127.0.0.1")) as server:
        assert (await trusting.fetch(server.url("/gzip"))).status == 200
        assert (await trusting.fetch(server.url("/file/3000000"))).status == 200
        assert server.connections == 1


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (context("other.test"), "mismatch|not valid for"),
        (context("127.0.0.1", ca=trustme.CA()), "self.signed|unable to get"),
    ],
)
async def test_a_certificate_that_does_not_verify_is_refused_with_nothing_sent(
    trusting: Client, made: ssl.SSLContext, says: str
) -> None:
    async with Server(tls=made) as server:
        with pytest.raises(
            TlsFailed, match=rf"127\.0\.0\.1:{server.port} does not verify: .*({says})"
        ) as caught:
            await trusting.fetch(server.url("/echo"))
        assert server.log == []
    assert not caught.value.sent
    assert not caught.value.retryable


async def test_without_settings_the_systems_authorities_decide(client: Client) -> None:
    async with Server(tls=context("127.0.0.1")) as server:
        with pytest.raises(TlsFailed):
            await client.fetch(server.url("/echo"))
        assert server.log == []


async def test_a_folder_of_authorities_works(tmp_path: Path) -> None:
    async with Client(tls_ca=str(tmp_path)) as client, Server(tls=context("127.0.0.1")) as server:
        with pytest.raises(TlsFailed):
            await client.fetch(server.url("/echo"))


async def test_a_server_that_wants_a_client_certificate_gets_it(ca_file: Path, tmp_path: Path) -> None:
    made = context("127.0.0.1")
    made.verify_mode = ssl.CERT_REQUIRED
    CA.configure_trust(made)
    ours = CA.issue_cert("client@example.org")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    ours.private_key_pem.write_to_path(str(key))
    ours.cert_chain_pems[0].write_to_path(str(cert))
    settings: dict[str, Any] = {"tls_ca": str(ca_file)}
    async with Server(tls=made) as server:
        async with Client(**settings, tls_client_cert=str(cert), tls_client_key=str(key)) as client:
            assert (await client.fetch(server.url("/echo"))).status == 200
        async with Client(**settings) as client:
            with pytest.raises((TlsFailed, ConnectFailed)):
                await client.fetch(server.url("/echo"))


async def test_plain_http_on_a_tls_port_is_a_tls_failure(trusting: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 This Is Plain HTTP\r\n\r\n")

    async with scripted(talk) as base:
        with pytest.raises(TlsFailed, match="no TLS with"):
            await trusting.fetch(base.replace("http:", "https:") + "/")


async def test_a_hangup_in_the_handshake_can_be_tried_again(trusting: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with scripted(talk) as base:
        with pytest.raises(ConnectFailed) as caught:
            await trusting.fetch(base.replace("http:", "https:") + "/")
    assert not caught.value.sent


async def test_a_body_cut_under_tls_is_truncated(trusting: Client) -> None:
    async with Server(tls=context("127.0.0.1")) as server:
        with pytest.raises(Truncated):
            await trusting.fetch(server.url("/short"))


async def test_a_redirect_from_https_to_http_is_refused(trusting: Client, server: Server) -> None:
    async with Server(tls=context("127.0.0.1")) as secure:
        with pytest.raises(RedirectRefused, match="plain http"):
            await trusting.fetch(secure.url("/redirect-to?url=") + server.url("/echo"))
    assert server.connections == 0


async def test_an_upgrade_to_https_drops_credentials(trusting: Client, server: Server) -> None:
    async with Server(tls=context("127.0.0.1")) as secure:
        url = server.url("/redirect-to?url=") + secure.url("/echo")
        await trusting.fetch(url, auth=Auth("bearer", "", "hush"))
        assert server.log[0].header("Authorization") == "Bearer hush"
        assert secure.log[0].header("Authorization") is None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tls_ca": "/nowhere.pem"}, "tls.ca /nowhere.pem: No such file"),
        ({"tls_ca": __file__}, "expected a file or folder of PEM certificates"),
        ({"tls_client_cert": "/nowhere.pem"}, "tls.client_cert /nowhere.pem: No such file"),
        ({"tls_client_cert": __file__}, "expected a PEM certificate"),
    ],
)
async def test_settings_that_cannot_be_used_refuse_the_run(settings: dict[str, str], says: str) -> None:
    with pytest.raises(RunRefused, match=says):
        AiohttpTransport(TransportSettings(**settings))  # type: ignore[arg-type]
