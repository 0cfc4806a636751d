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
_UNSAFE_LINE = re.compile(rb"(?m)^(?:\.|From ).*$")

QuotedPrintable = NewType("QuotedPrintable", bytes)


class EncodedBody(NamedTuple):
    """Body and its Content-Transfer-Encoding."""

    encoding: str
    body: bytes


class EncodedSize(NamedTuple):
    """Size of a body in bytes: quoted-printable, and not encoded."""

    quoted_printable: int
    raw: int

    @classmethod
    def of(cls, body: QuotedPrintable) -> "EncodedSize":
        """Measure a body."""
        # Every "=" begins either =XX, three bytes for one, or a soft line break, three bytes for none.
        return cls(len(body), len(body) - 2 * body.count(b"=") - body.count(SOFT_BREAK))

    @property
    def base64(self) -> int:
        """Size in base64."""
        lines, rest = divmod(self.raw, 57)
        return 78 * lines + (4 * -(-rest // 3) + 2 if rest else 0)

    @property
    def shortest(self) -> int:
        """Size in the shorter encoding."""
        return min(self.quoted_printable, self.base64)


class SizeBudget:
    """Adds up the sizes of parts. The size in base64 is computed only where it can decide."""

    def __init__(self, body: QuotedPrintable) -> None:
        self._encoded_bytes = len(body)
        self._raw_bytes = 0
        self._unmeasured = [body]

    def try_add(self, body: QuotedPrintable, limit: int) -> bool:
        """Add a part, unless the whole would exceed `limit` bytes in the shorter encoding."""
        encoded_bytes = self._encoded_bytes + len(body)
        if encoded_bytes > limit:
            self._raw_bytes += sum(EncodedSize.of(part).raw for part in self._unmeasured)
            self._unmeasured.clear()
            if EncodedSize(encoded_bytes, self._raw_bytes + EncodedSize.of(body).raw).shortest > limit:
                return False
        self._encoded_bytes = encoded_bytes
        self._unmeasured.append(body)
        return True


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
    encoded = encode_quoted_printable(text)
    if not encoded or encoded.endswith(b"\r\n"):
        return encoded
    if len(encoded) - encoded.rfind(b"\n") > LINE_LENGTH:  # no room for the "=" of the soft line break
        last = 3 if encoded[-3:-2] == b"=" else 1
        encoded = QuotedPrintable(encoded[:-last] + SOFT_BREAK + encoded[-last:].replace(b".", b"=2E"))
    return QuotedPrintable(encoded + SOFT_BREAK)


def encode_plain(text: str) -> QuotedPrintable:
    """Encode a part of printable ASCII without "=" and line ends, as most are: the same in a third of the time."""
    raw = text.encode()
    if has_unsafe_line(raw) or len(raw) >= LINE_LENGTH:
        return encode_part(text)
    return QuotedPrintable(raw + SOFT_BREAK)


def decode_quoted_printable(body: QuotedPrintable) -> str:
    """Return the text of a body, its lines ended by LF."""
    return binascii.a2b_qp(body).decode().replace("\r\n", "\n")


def encode_shortest(body: QuotedPrintable) -> EncodedBody:
    """Choose the shorter encoding; quoted-printable when both are equal, because people can read it."""
    # An "=" stands for three bytes at most, so that one count decides for nearly all bodies.
    least = EncodedSize(len(body), len(body) - 3 * body.count(b"="))
    if len(body) <= least.base64 or len(body) <= EncodedSize.of(body).base64:
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
