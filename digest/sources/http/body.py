"""Bodies of answers: bounded as sent and as unpacked, and a truncated one is never taken for whole."""

import zlib

import httpx

from digest.errors import MalformedAnswerError
from digest.sources import messages

MAX_BODY_BYTES = 20 * 2**20  # after decompression; the largest feed seen has 5 MB


GZIP_MAGIC = b"\x1f\x8b"


MAX_GZIP_MEMBERS = 500


async def read_body(response: httpx.Response, location: str) -> bytes:
    """Read a streamed body, decompressing it chunk by chunk.

    A small compressed body must not swell in memory, and a truncated one must not pass as whole. What was sent is
    bounded as well as what it unpacks to. Raises MalformedAnswerError when it is too large, compressed otherwise or
    cannot be decompressed, httpx.RemoteProtocolError when it is truncated.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower() or "identity"
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise MalformedAnswerError(messages.unknown_encoding(location, encoding))
    unpacker = GzipDecoder() if encoding != "identity" else None
    chunks: list[bytes] = []
    received = size = 0
    async for raw in response.aiter_raw():
        received += len(raw)
        if unpacker is None and not chunks and raw.startswith(GZIP_MAGIC):
            unpacker = GzipDecoder()  # a packed file that is served as it lies there
        try:
            chunk = unpacker.unpack(raw, MAX_BODY_BYTES - size + 1) if unpacker else raw
        except zlib.error as error:
            raise MalformedAnswerError(messages.invalid_body(location)) from error
        size += len(chunk)
        if max(size, received) > MAX_BODY_BYTES:
            raise MalformedAnswerError(messages.body_too_large(location, MAX_BODY_BYTES))
        chunks.append(chunk)
    if unpacker and received and not unpacker.is_complete:
        raise httpx.RemoteProtocolError(messages.CUT_OFF)
    return b"".join(chunks)


class GzipDecoder:
    """Decompressor of a gzip stream: any number of members (RFC 1952, 2.2); what follows the last one is ignored."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._rest = b""  # what follows a member, until it is long enough to tell whether it is one more
        self._members = 1
        self._is_ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the member that was begun last has ended."""
        return self._member.eof

    def unpack(self, raw: bytes, limit: int) -> bytes:
        """Return up to `limit` bytes of what `raw` unpacks to. Raises zlib.error."""
        chunks: list[bytes] = []
        raw = self._rest + raw
        self._rest = b""
        while raw and limit > 0 and not self._is_ended:
            if self._member.eof:
                if len(raw) < len(GZIP_MAGIC):
                    self._rest = raw
                    break
                if not raw.startswith(GZIP_MAGIC):
                    self._is_ended = True
                    break
                self._members += 1
                if self._members > MAX_GZIP_MEMBERS:
                    raise zlib.error("too many members")
                self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            chunk = self._member.decompress(raw, limit)
            chunks.append(chunk)
            limit -= len(chunk)
            raw = self._member.unused_data
        return b"".join(chunks)
