"""Every TLS connection has the context that the settings made; aiohttp's own contexts are never asked."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp.connector
import pytest
import trustme

from crawler.errors import TlsFailed
from tests.net.client import Client
from tests.net.test_tls import CA, context
from tests.server import Server

FILE = (
    ssl.get_default_verify_paths().openssl_cafile_env
)  # SSL_CERT_FILE: the system's authorities, to OpenSSL


class Untouchable(ssl.SSLContext):
    """A context that must not be used."""

    def wrap_bio(self, *arguments: object, **named: object) -> ssl.SSLObject:
        raise AssertionError("aiohttp's own TLS context was used")

    def wrap_socket(self, *arguments: object, **named: object) -> ssl.SSLSocket:
        raise AssertionError("aiohttp's own TLS context was used")


@pytest.fixture(autouse=True)
def aiohttp_contexts_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SSL_CONTEXT_VERIFIED", "_SSL_CONTEXT_UNVERIFIED"):
        assert isinstance(getattr(aiohttp.connector, name), ssl.SSLContext)
        monkeypatch.setattr(aiohttp.connector, name, Untouchable(ssl.PROTOCOL_TLS_CLIENT))


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's authorities, which are our own one."""
    path = tmp_path / "system.pem"
    CA.cert_pem.write_to_path(str(path))
    monkeypatch.setenv(FILE, str(path))
    return path


async def test_https_and_wss_trust_the_systems_authorities(system: Path) -> None:
    async with Client() as client, Server(tls=context("127.0.0.1")) as secure:
        assert (await client.fetch(secure.url("/file/1000"))).status == 200
        assert (await client.fetch(secure.url("/echo"), method="POST")).status == 200
        async with client.websocket(secure.ws("/ws/echo")) as socket:
            await socket.send_text("hello")
            assert (await socket.receive()).data == "hello"


async def test_so_they_do_through_a_proxys_tunnel(system: Path, other: Server) -> None:
    async with Client(keepalive=0.0) as client, Server(tls=context("127.0.0.1")) as secure:
        assert (await client.fetch(secure.url("/file/1000"), proxy=other.base)).status == 200
        async with client.websocket(secure.ws("/ws/echo"), proxy=other.base) as socket:
            await socket.send_text("through")
            assert (await socket.receive()).data == "through"
    assert [seen.method for seen in other.log] == ["CONNECT", "CONNECT"]


async def test_a_proxy_that_is_asked_by_https_must_verify_too(system: Path, server: Server) -> None:
    async with Server(tls=context("127.0.0.1")) as proxy, Client() as client:
        assert (await client.fetch(server.url("/echo"), proxy=proxy.base)).status == 200
        assert len(proxy.log) == 1
    async with Server(tls=context("127.0.0.1", ca=trustme.CA())) as proxy, Client() as client:
        with pytest.raises(TlsFailed):
            await client.fetch(server.url("/echo"), proxy=proxy.base)
        assert proxy.log == []
    assert server.log == []


async def test_authorities_that_the_settings_name_replace_the_systems(system: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.pem"
    trustme.CA().cert_pem.write_to_path(str(named))
    async with Client(tls_ca=str(named)) as client, Server(tls=context("127.0.0.1")) as secure:
        with pytest.raises(TlsFailed):
            await client.fetch(secure.url("/echo"))
        assert secure.log == []


async def test_the_systems_authorities_are_read_once_and_not_before_https_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, nobody = tmp_path / "system.pem", tmp_path / "nobody.pem"
    CA.cert_pem.write_to_path(str(path))
    monkeypatch.setenv(FILE, str(nobody))
    async with (
        Client(keepalive=0.0) as client,
        Server() as plain,
        Server(tls=context("127.0.0.1")) as secure,
    ):
        assert (await client.fetch(plain.url("/echo"))).status == 200
        monkeypatch.setenv(FILE, str(path))
        assert (await client.fetch(secure.url("/echo"))).status == 200
        monkeypatch.setenv(FILE, str(nobody))
        assert (await client.fetch(secure.url("/echo"))).status == 200
        assert secure.connections == 2


SPARED = """
import ssl, sys
from crawler.net.sparing import import_aiohttp
{before}
import_aiohttp()
import aiohttp.connector
verified, not_verified = aiohttp.connector._SSL_CONTEXT_VERIFIED, aiohttp.connector._SSL_CONTEXT_UNVERIFIED
print(len(verified.get_ca_certs()), verified.verify_mode.name, verified.check_hostname)
print(len(not_verified.get_ca_certs()))
print(len(ssl.create_default_context().get_ca_certs()), "set_default_verify_paths" in vars(ssl.SSLContext))
"""


@pytest.mark.parametrize(
    ("before", "known"),
    [
        pytest.param("", "0", id="first-import"),
        pytest.param("import aiohttp", "1", id="imported-before"),
    ],
)
def test_aiohttps_own_contexts_are_spared_the_authorities_and_still_verify(
    system: Path, before: str, known: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPARED.format(before=before)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [f"{known} CERT_REQUIRED True", known, "1 False"]
