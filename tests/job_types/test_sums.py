from __future__ import annotations

import hashlib
from typing import Any

import pytest

from crawler.errors import BadStatus, IntegrityFailed
from crawler.job_types.digests import Checksum
from crawler.job_types.sums import checksum_of, parse_sums
from crawler.model import Outcome
from tests.job_types.bench import Bench, expand, job, task
from tests.server import Server

SHA256, SHA512, MD5, SHA1 = "ab" * 32, "cd" * 64, "ef" * 16, "12" * 20


@pytest.mark.parametrize(
    ("text", "name", "algorithm"),
    [
        (f"{SHA256}  a.iso\n", "a.iso", "sha256"),
        (f"{SHA256} *a.iso\n", "a.iso", "sha256"),
        (f"{SHA256} a.iso\n", "a.iso", "sha256"),
        (f"{SHA256.upper()}  a.iso\r\n", "a.iso", "sha256"),
        (f"{SHA512}  ./dir/a b.iso\n", "dir/a b.iso", "sha512"),
        (f"{MD5}  a\n", "a", "md5"),
        (f"{SHA1}  a\n", "a", "sha1"),
        (f"SHA256 (a (1).iso) = {SHA256}\n", "a (1).iso", "sha256"),
        (f"SHA2-512 (a) = {SHA512}\n", "a", "sha512"),
        (f"BLAKE2b (a) = {SHA512}\n", "a", "blake2b"),
        (f"MD5 (a)= {MD5}\n", "a", "md5"),
        (f"\\{SHA256}  a\\nb\\\\c\n", "a\nb\\c", "sha256"),
        (f"\\SHA256 (a\\nb) = {SHA256}\n", "a\nb", "sha256"),
        (f"{SHA256}  a\\nb\n", "a\\nb", "sha256"),
        (f"  {SHA256}\n", "", "sha256"),
        (f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{SHA256}  a\n", "a", "sha256"),
    ],
)
def test_every_usual_form_of_a_line_is_read(text: str, name: str, algorithm: str) -> None:
    [(found, checksum)] = parse_sums(text, "SUMS").items()
    assert (found, checksum.algorithm) == (name, algorithm)
    assert checksum.hex in (SHA256, SHA512, MD5, SHA1)


def test_the_name_of_the_list_tells_two_algorithms_of_one_length_apart() -> None:
    assert parse_sums(f"{SHA512}  a", "B2SUMS")["a"].algorithm == "blake2b"
    assert parse_sums(f"{SHA512}  a", "SHA512SUMS")["a"].algorithm == "sha512"


def test_of_several_checksums_the_strongest_counts() -> None:
    text = f"MD5 (a) = {MD5}\nSHA256 (a) = {SHA256}\nSHA1 (a) = {SHA1}\n"
    assert parse_sums(text, "CHECKSUMS") == {"a": Checksum("sha256", SHA256)}


def test_two_lines_that_contradict_each_other_are_no_checksum() -> None:
    sums = parse_sums(f"{SHA256}  a\n{'00' * 32}  a\n{SHA256}  b\n{SHA256}  b\n", "SUMS")
    with pytest.raises(IntegrityFailed, match="twice"):
        checksum_of(sums, "http://h/a", "http://h/SUMS")
    assert checksum_of(sums, "http://h/b", "http://h/SUMS").hex == SHA256


def test_lines_that_are_none_are_passed_over() -> None:
    assert parse_sums(f"# comment\n{SHA256}\n\nabc  a\n{'0' * 96}  a\nSHA256 (a) = {MD5}\n", "SUMS") == {}


@pytest.mark.parametrize(
    ("listed", "url", "sums_url", "found"),
    [
        ("a.iso", "http://h/pub/a.iso", "http://h/pub/SUMS", True),
        ("iso/a.iso", "http://h/pub/iso/a.iso?x=1", "http://h/pub/SUMS", True),
        ("a.iso", "http://h/pub/iso/a.iso", "http://h/other/SUMS", True),
        ("a b.iso", "http://h/a%20b.iso", "http://h/SUMS", True),
        ("other/a.iso", "http://h/pub/a.iso", "http://h/pub/SUMS", False),
        ("b.iso", "http://h/a.iso", "http://h/SUMS", False),
    ],
)
def test_a_file_is_found_by_its_path_from_the_list_or_its_bare_name(
    listed: str, url: str, sums_url: str, found: bool
) -> None:
    sums = {listed: Checksum("sha256", SHA256)}
    if found:
        assert checksum_of(sums, url, sums_url).hex == SHA256
    else:
        with pytest.raises(IntegrityFailed, match="not listed in http://h/"):
            checksum_of(sums, url, sums_url)


ONE = b"version one " * 5000


def listed(server: Server, **keys: Any) -> Any:
    return task("download", urls=[server.url("/versions/a")], to="a", checksum={"sums": "SHA256SUMS"}, **keys)


async def test_a_file_that_its_list_knows_is_saved(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    server.set_file("SHA256SUMS", f"{hashlib.sha256(ONE).hexdigest()} *a\n".encode())
    assert (await bench.perform(listed(server), "download")).outcome is Outcome.NEW
    assert [request.path for request in server.log] == ["/versions/SHA256SUMS", "/versions/a"]


async def test_other_bytes_than_the_list_says_are_refused(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    server.set_file("SHA256SUMS", f"{SHA256} *a\n".encode())
    with pytest.raises(IntegrityFailed, match=SHA256):
        await bench.perform(listed(server), "download")
    assert bench.names() == []


async def test_a_file_that_is_not_listed_is_not_even_asked_for(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    server.set_file("SHA256SUMS", f"{SHA256} *b\n".encode())
    with pytest.raises(IntegrityFailed, match=r"'a' is not listed in .*/SHA256SUMS.*1 listed"):
        await bench.perform(listed(server), "download")
    assert [request.path for request in server.log] == ["/versions/SHA256SUMS"]


async def test_a_list_that_cannot_be_had_fails_as_itself(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    server.set_file("SHA256SUMS", b"", status=503)
    with pytest.raises(BadStatus, match=r"the checksum file .*SHA256SUMS: .*503") as caught:
        await bench.perform(listed(server), "download")
    assert caught.value.failure().status == 503


async def test_a_list_may_be_on_another_host_and_behind_a_redirect(bench: Bench, server: Server) -> None:
    server.set_file("a", ONE)
    async with Server() as other:
        other.set_file("L", f"{hashlib.sha256(ONE).hexdigest()}\n".encode())
        sums = server.url(f"/redirect-to?url={other.url('/versions/L')}")
        made = task(
            "download",
            urls=[{"url": server.url("/versions/a"), "checksum": {"sums": sums}}],
            to="a",
            headers={"X-Secret": "s3cret", "Authorization": "Basic eDp5"},
            cookies={"c": "s3cret"},
        )
        assert (await bench.perform(made, "download")).outcome is Outcome.NEW
        assert "s3cret" not in repr(other.log)
        assert other.log[0].header("Authorization") is None


def test_the_list_is_a_url_like_others_and_may_be_a_template() -> None:
    (made,) = expand(job("download", urls=["http://h/d/a.iso"], checksum={"sums": "${name}.sha256"}))
    assert made.sums.url == "http://h/d/a.iso.sha256"  # type: ignore[union-attr]
    (bad,) = expand(job("download", urls=["http://h/d/a.iso"], checksum={"sums": "ftp://h/SUMS"}))
    assert "scheme 'ftp'" in bad.failure.message  # type: ignore[union-attr]


@pytest.mark.parametrize("checksum", [{"sums": ""}, {"sum": "x"}, {}, "SHA256SUMS", 5])
def test_anything_else_is_no_checksum(checksum: object) -> None:
    with pytest.raises(ValueError, match="checksum"):
        job("download", urls=["http://h/a"], checksum=checksum)
