"""Decoders give back what was encoded, however it is cut, in bounded steps, and want to see the end."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import DecodeFailed
from crawler.net.decoding import ACCEPTED, PIECE, decoder_for

zstd = pytest.importorskip(
    "backports.zstd" if __import__("sys").version_info < (3, 14) else "compression.zstd"
)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "padded": ("gzip", lambda data: gzip.compress(data) + bytes(512)),
    "zlib": ("deflate", zlib.compress),
    "raw": ("Deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "frames": ("zstd", lambda data: zstd.compress(data[:9]) + zstd.compress(data[9:])),
    "both": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
}


def decoded(coding: str, wire: bytes, step: int) -> bytes:
    decoder = decoder_for(coding)
    assert decoder is not None
    pieces = []
    for start in range(0, len(wire), step):
        for piece in decoder.feed(wire[start : start + step]):
            assert 0 < len(piece) <= 2 * PIECE
            pieces.append(piece)
    decoder.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("kind", CODINGS)
@given(data=st.binary(max_size=3000), step=st.integers(1, 5000))
def test_any_cut_gives_the_same_bytes(kind: str, data: bytes, step: int) -> None:
    coding, encode = CODINGS[kind]
    assert decoded(coding, encode(data), step) == data


@pytest.mark.parametrize("kind", CODINGS)
@given(data=st.binary(min_size=10, max_size=300), cut=st.integers(1, 40))
def test_a_cut_stream_is_never_taken_for_a_whole_one(kind: str, data: bytes, cut: int) -> None:
    if kind in ("members", "frames", "padded"):
        return  # a cut between two members leaves a valid stream; only the length can tell
    coding, encode = CODINGS[kind]
    wire = encode(data)
    with pytest.raises(DecodeFailed, match="ended before"):
        decoded(coding, wire[: max(1, len(wire) - cut)], 7)


@pytest.mark.parametrize("kind", ["gzip", "zlib", "raw", "br", "zstd", "both"])
def test_large_bodies_come_in_bounded_pieces(kind: str) -> None:
    coding, encode = CODINGS[kind]
    data = bytes(8 << 20)
    assert decoded(coding, encode(data), 1 << 20) == data


@pytest.mark.parametrize("kind", ["gzip", "zlib"])  # br has no checksum, zstd rarely one
def test_damage_is_found(kind: str) -> None:
    coding, encode = CODINGS[kind]
    wire = bytearray(encode(bytes(range(256)) * 40))
    wire[len(wire) // 2] ^= 0xFF
    wire[len(wire) // 2 + 1] ^= 0xFF
    with pytest.raises(DecodeFailed):
        decoded(coding, bytes(wire), 100)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_what_follows_the_end_is_an_error(coding: str) -> None:
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[coding]
    with pytest.raises(DecodeFailed):
        decoded(coding, encode(b"body") + b"surplus", 1000)


def test_thousands_of_empty_members_are_an_attack() -> None:
    with pytest.raises(DecodeFailed, match="tiny members"):
        decoded("gzip", gzip.compress(b"") * 5000, 1 << 20)


def test_many_members_of_some_size_are_fine() -> None:
    block = zlib.compressobj(0, wbits=31)
    member = block.compress(b"m" * 2000) + block.flush()
    assert len(decoded("gzip", member * 3000, 1 << 20)) == 6_000_000


def test_a_zstd_window_larger_than_the_rfc_allows_is_refused() -> None:
    level = {zstd.CompressionParameter.window_log: 26}
    wire = zstd.compress(bytes(100_000_000), options=level)
    with pytest.raises(DecodeFailed, match="zstd"):
        decoded("zstd", wire, 1 << 20)


def test_every_coding_offered_can_be_undone() -> None:
    assert ACCEPTED == "gzip, deflate, br, zstd"
    for coding in ACCEPTED.split(", "):
        assert decoder_for(coding) is not None
    assert decoder_for("") is None
    assert decoder_for("identity, IDENTITY") is None
