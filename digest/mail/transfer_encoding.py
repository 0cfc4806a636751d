"""Content transfer encodings of a body: quoted-printable (RFC 2045, 6.7), or base64 where that is shorter.

Lines end in CRLF and have at most 76 characters. No line begins with a dot, so that the dot-stuffing of SMTP (RFC 5321,
4.5.2) never changes a message, nor with "From ", which some mailboxes still quote. A part ends with a line end of its
own or with a soft line break, so that parts are joined as they are.
"""

import base64
import binascii
import re
from typing import NamedTuple, NewType

LINE_LENGTH = 76
SOFT_BREAK = b"=\r\n"
UNSAFE_PREFIXES = (b".", b"From ")
SAMPLE_STEP, MIN_SAMPLE = 61, 100  # bytes; 61 divides the length of no line. Base64 pays from one "=" in seven bytes
_UNSAFE_LINE = re.compile(rb"(?m)^(?:\.|From ).*$")
_SHORT_PLAIN_TEXT = re.compile(r"(?!From )[!-\-/-<>-~](?:[ -<>-~]{0,73}[!-<>-~])?")

QuotedPrintable = NewType("QuotedPrintable", bytes)


class EncodedBody(NamedTuple):
    """Body and its Content-Transfer-Encoding."""

    encoding: str
    body: bytes


class SizeBudget:
    """Adds up the sizes of parts, in quoted-printable and in base64."""

    def __init__(self, body: QuotedPrintable) -> None:
        self._encoded_bytes, self._raw_bytes = len(body), raw_size(body)

    def try_add(self, body: QuotedPrintable, limit: int) -> bool:
        """Add a part, unless the whole would exceed `limit` bytes in the shorter encoding."""
        encoded_bytes, raw_bytes = self._encoded_bytes + len(body), self._raw_bytes + raw_size(body)
        if min(encoded_bytes, base64_size(raw_bytes)) > limit:
            return False
        self._encoded_bytes, self._raw_bytes = encoded_bytes, raw_bytes
        return True


def raw_size(body: QuotedPrintable) -> int:
    """Return the bytes of a body without its encoding."""
    # Every "=" begins either =XX, three bytes for one, or a soft line break, three bytes for none.
    return len(body) - 2 * body.count(b"=") - body.count(SOFT_BREAK)


def base64_size(raw_bytes: int) -> int:
    """Return the bytes that so many take in base64, with line ends."""
    lines, rest = divmod(raw_bytes, 57)
    return 78 * lines + (4 * -(-rest // 3) + 2 if rest else 0)


def encode_quoted_printable(text: str) -> QuotedPrintable:
    """Encode a whole body."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text.replace("\n", "\r\n").encode()
    encoded = binascii.b2a_qp(raw)
    if b"\n" not in raw:  # then it cannot know which line ends we use, and breaks long lines with LF
        encoded = encoded.replace(b"\n", b"\r\n")
    return QuotedPrintable(_UNSAFE_LINE.sub(_escape_line_start, encoded) if has_unsafe_line(encoded) else encoded)


def encode_part(text: str) -> QuotedPrintable:
    """Encode a part of a body, which others may precede and follow."""
    if _SHORT_PLAIN_TEXT.fullmatch(text):  # as most personal values: it is its own encoding
        return QuotedPrintable(text.encode() + SOFT_BREAK)
    encoded = encode_quoted_printable(text)
    if not encoded or encoded.endswith(b"\r\n"):
        return encoded
    if len(encoded) - encoded.rfind(b"\n") > LINE_LENGTH:  # no room for the "=" of the soft line break
        last = 3 if encoded[-3:-2] == b"=" else 1
        encoded = QuotedPrintable(encoded[:-last] + SOFT_BREAK + encoded[-last:].replace(b".", b"=2E"))
    return QuotedPrintable(encoded + SOFT_BREAK)


def decode_quoted_printable(body: QuotedPrintable) -> str:
    """Return the text of a body, its lines ended by LF."""
    return binascii.a2b_qp(body).decode().replace("\r\n", "\n")


def encode_shortest(body: QuotedPrintable) -> EncodedBody:
    """Choose the shorter encoding; quoted-printable when both are equal, because people can read it."""
    sample = body[::SAMPLE_STEP]  # counting all of 50 KB takes as long as building the rest of the message
    is_mostly_plain = len(sample) >= MIN_SAMPLE and 20 * sample.count(b"=") < len(sample)
    if is_mostly_plain or len(body) <= base64_size(raw_size(body)):
        return EncodedBody("quoted-printable", body)
    return EncodedBody("base64", base64.encodebytes(binascii.a2b_qp(body)).replace(b"\n", b"\r\n"))


def has_unsafe_line(encoded: bytes) -> bool:
    """Return whether a line begins with what it must not begin with."""
    # Ten times faster than the regular expression, and nearly always False.
    return encoded.startswith(UNSAFE_PREFIXES) or b"\n." in encoded or b"\nFrom " in encoded


def _escape_line_start(line: re.Match[bytes]) -> bytes:
    rest, done = line[0], b""
    while rest.startswith(UNSAFE_PREFIXES):
        first, rest = b"=%02X" % rest[0], rest[1:]
        # `.` in the pattern takes the carriage return along, which does not count for the length of a line.
        done += first if len(first + rest.rstrip(b"\r")) <= LINE_LENGTH else first + SOFT_BREAK
        if not done.endswith(b"\n"):
            break
    return done + rest
