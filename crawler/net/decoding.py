"""Content codings undone in bounded steps, each with a demand for its own end-of-stream mark.

A body whose Content-Length matches may still be half of a gzip stream; only the decoder can tell.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from crawler.errors import DecodeFailed

PIECE = 256 * 1024  # bytes that one step may inflate to (br: twice as many), whatever the input claims
MOST_CODINGS = 4
# A member or frame has to be worth its set-up: thousands of empty ones only burn CPU.
FREE_MEMBERS = 1024
BYTES_A_MEMBER = 1024
ZSTD_WINDOW_LOG = 23  # 8 MiB, the most that RFC 9659 §3 lets a server use


class Decoder(Protocol):
    """One content coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` decodes to, in pieces of bounded size. Raises ``DecodeFailed``."""

    def finish(self) -> None:
        """Raises ``DecodeFailed`` unless the stream is at its end."""


def failed(message: str) -> DecodeFailed:
    """A ``DecodeFailed`` of an answer that came."""
    return DecodeFailed(message, sent=True, answered=True)


class Inflater:
    """gzip (RFC 1952, any number of members) and deflate (zlib's format, or raw as some servers send it)."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: Any = None
        self._head = b""  # the first byte of a deflate body, until its format shows
        self._members = 0
        self._received = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See ``Decoder``."""
        self._received += len(data)
        data, self._head = self._head + data, b""
        while data:
            if self._stream is None:
                if self._members:
                    data = data.lstrip(b"\0")  # padding after the last member, as on tapes
                if not data or not self._begin(data):
                    return
            try:
                while True:
                    piece = self._stream.decompress(data, PIECE)
                    data = self._stream.unconsumed_tail
                    if piece:
                        yield piece
                    # A full piece may leave more inside the decoder, with no input left to show for it.
                    if self._stream.eof or (not data and len(piece) < PIECE):
                        break
            except zlib.error as error:
                raise failed(f"the {self._coding} body is damaged: {error}") from error
            if self._stream.eof:
                data = self._stream.unused_data
                self._stream = None

    def _begin(self, data: bytes) -> bool:
        """Set up the next member; ``False`` if more input is needed to know how."""
        if self._coding == "deflate":
            if self._members:
                raise failed("the deflate body goes on after its end")
            if len(data) < 2:
                self._head = data
                return False
            # RFC 1950 §2.2: the first two bytes of zlib's format are a multiple of 31, its method is 8.
            wrapped = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            bits = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
        else:
            bits = zlib.MAX_WBITS | 16
        _count_member(self._coding, self._members, self._received)
        self._members += 1
        self._stream = zlib.decompressobj(bits)
        return True

    def finish(self) -> None:
        """See ``Decoder``."""
        if self._stream is not None or not self._members or self._head:
            raise failed(f"the {self._coding} body ended before its end-of-stream mark")


class Brotli:
    """br (RFC 7932)."""

    def __init__(self, module: Any) -> None:
        self._error = module.error
        self._stream = module.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See ``Decoder``."""
        try:
            while True:
                piece = self._stream.process(data, output_buffer_limit=PIECE)
                data = b""
                if piece:
                    yield piece
                # A full piece may leave more inside the decoder although it takes input again.
                drained = len(piece) < PIECE and self._stream.can_accept_more_data()
                if drained or self._stream.is_finished():
                    break
        except self._error as error:
            raise failed(f"the br body is damaged: {error}") from error

    def finish(self) -> None:
        """See ``Decoder``."""
        if not self._stream.is_finished():
            raise failed("the br body ended before its end-of-stream mark")


class Zstandard:
    """zstd (RFC 8878), any number of frames."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._options = {module.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG}
        self._stream: Any = None
        self._frames = 0
        self._received = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See ``Decoder``."""
        self._received += len(data)
        while data:
            if self._stream is None:
                _count_member("zstd", self._frames, self._received)
                self._frames += 1
                self._stream = self._module.ZstdDecompressor(options=self._options)
            try:
                while True:
                    piece = self._stream.decompress(data, PIECE)
                    data = b""
                    if piece:
                        yield piece
                    if self._stream.eof or self._stream.needs_input:
                        break
            except self._module.ZstdError as error:
                raise failed(f"the zstd body is damaged: {error}") from error
            if self._stream.eof:
                data = self._stream.unused_data
                self._stream = None

    def finish(self) -> None:
        """See ``Decoder``."""
        if self._stream is not None or not self._frames:
            raise failed("the zstd body ended before its end-of-stream mark")


class Chain:
    """Several codings on one body, undone from the last applied to the first (RFC 9110 §8.4)."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    def feed(self, data: bytes) -> Iterator[bytes]:
        """See ``Decoder``."""
        return self._through(0, data)

    def _through(self, index: int, data: bytes) -> Iterator[bytes]:
        if index == len(self._decoders):
            yield data
            return
        for piece in self._decoders[index].feed(data):
            yield from self._through(index + 1, piece)

    def finish(self) -> None:
        """See ``Decoder``."""
        for decoder in self._decoders:
            decoder.finish()


def _count_member(coding: str, members: int, received: int) -> None:
    if members >= FREE_MEMBERS + received // BYTES_A_MEMBER:
        raise failed(f"the {coding} body consists of {members} tiny members; it looks like an attack")


def _optional(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _makers() -> dict[str, Callable[[], Decoder]]:
    makers: dict[str, Callable[[], Decoder]] = {
        "gzip": lambda: Inflater("gzip"),
        "x-gzip": lambda: Inflater("gzip"),  # RFC 9110 §8.4.1.3
        "deflate": lambda: Inflater("deflate"),
    }
    brotli = _optional("brotli", "brotlicffi")
    # Older releases have no way to bound a step.
    if brotli is not None and hasattr(brotli.Decompressor, "can_accept_more_data"):
        makers["br"] = lambda: Brotli(brotli)
    zstd = _optional("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    if zstd is not None:
        makers["zstd"] = lambda: Zstandard(zstd)
    return makers


_MAKERS = _makers()
ACCEPTED = ", ".join(name for name in _MAKERS if name != "x-gzip")  # for Accept-Encoding


def decoder_for(content_encoding: str) -> Decoder | None:
    """What undoes a Content-Encoding header, or ``None`` where nothing was done.

    Raises ``DecodeFailed`` for a coding that cannot be undone here.
    """
    codings = [name for part in content_encoding.split(",") if (name := part.strip().lower())]
    codings = [name for name in codings if name != "identity"]
    if not codings:
        return None
    unknown = [name for name in codings if name not in _MAKERS]
    if unknown or len(codings) > MOST_CODINGS:
        raise failed(
            f"the server applied the content coding {content_encoding!r}; expected one of {ACCEPTED}"
        )
    decoders = [_MAKERS[name]() for name in reversed(codings)]
    return decoders[0] if len(decoders) == 1 else Chain(decoders)
