from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.job_types.digests import ALGORITHMS, Checksum, parse_checksum, sent_digests

BODY = b"hello"
SHA256 = hashlib.sha256(BODY)
B64 = base64.b64encode(SHA256.digest()).decode()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_is_read_in_any_case(algorithm: str) -> None:
    digest = hashlib.new(algorithm, BODY).hexdigest()
    assert parse_checksum(f" {algorithm.upper()}:{digest.upper()} ") == Checksum(algorithm, digest)


@pytest.mark.parametrize("text", ["", "sha256", "sha256:abc", "crc32:00000000", "sha1:" + "g" * 40])
def test_a_bad_checksum_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of|hex digits"):
        parse_checksum(text)


@pytest.mark.parametrize(
    "headers",
    [
        {"Repr-Digest": f"sha-256=:{B64}:"},
        {"Repr-Digest": f"unixsum=:AA==:, sha-256=:{B64}:;x=1"},
        {"Digest": f"SHA-256={B64}"},
    ],
)
def test_digests_of_the_whole_file_are_found(headers: dict[str, str]) -> None:
    assert sent_digests(headers, whole=False) == [Checksum("sha256", SHA256.hexdigest())]


def test_content_md5_speaks_about_this_message_only() -> None:
    headers = {"Content-MD5": base64.b64encode(hashlib.md5(BODY).digest()).decode()}
    assert sent_digests(headers, whole=True) == [Checksum("md5", hashlib.md5(BODY).hexdigest())]
    assert sent_digests(headers, whole=False) == []


@given(st.text(max_size=80))
def test_malformed_digest_headers_are_left_out(value: str) -> None:
    headers = {"Repr-Digest": value, "Digest": value, "Content-MD5": value}
    assert all(len(each.hex) == ALGORITHMS[each.algorithm] for each in sent_digests(headers, whole=True))
