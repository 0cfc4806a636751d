"""What a host sends, up to a cap: a small packed answer must not swell in memory, a cut one must not pass as whole."""

import zlib

import httpx

from digest.errors import MalformedAnswerError

MAX_BODY_BYTES = 20 * 2**20  # bytes after decompression; the largest feed seen has 5 MB


async def read_body(response: httpx.Response, location: str) -> bytes:
    """The body of a streamed answer, unpacked piece by piece.

    Raises Malformed when it is too large or cannot be unpacked, httpx.RemoteProtocolError when it was cut off.
    """
    packed = response.headers.get("content-encoding", "").lower() in {"gzip", "x-gzip"}
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed else None
    pieces: list[bytes] = []
    size = 0
    async for raw in response.aiter_raw():
        try:
            piece = unpack.decompress(raw, MAX_BODY_BYTES - size + 1) if unpack else raw
        except zlib.error as error:
            raise MalformedAnswerError(f"{location} sent a body that cannot be unpacked") from error
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise MalformedAnswerError(f"{location} sent more than {MAX_BODY_BYTES // 2**20} MiB")
        pieces.append(piece)
    if unpack and size and not unpack.eof:
        raise httpx.RemoteProtocolError("the answer was cut off")
    return b"".join(pieces)
