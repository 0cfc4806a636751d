"""A body in its wire form. It lives here because a letter must know what it weighs: Gmail clips near 102 KB.

Quoted-printable (RFC 2045, 6.7), or base64 where that is shorter, as it is for Chinese. Lines end in CRLF and
have at most 76 characters. No line begins with a dot, so SMTP's dot-stuffing (RFC 5321, 4.5.2) never changes a
letter, nor with "From ", which some mailboxes still quote.

A piece ends with a line end of its own or with a soft one, so pieces are joined as they are.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple, NewType

LINE_LENGTH = 76


SOFT_BREAK = b"=\r\n"


UNSAFE_PREFIXES = (b".", b"From ")


SAMPLE_STEP, MIN_SAMPLE = 61, 100  # one byte of so many is looked at, where that makes so many; 61 divides no line


_UNSAFE_LINE = re.compile(rb"(?m)^(?:\.|From ).*$")


QuotedPrintable = NewType("QuotedPrintable", bytes)


class EncodedBody(NamedTuple):
    """`encoding` is the word for Content-Transfer-Encoding."""

    encoding: str
    body: bytes


class EncodedSize(NamedTuple):
    """Bytes in both encodings."""

    quoted_printable: int
    raw: int

    @classmethod
    def of(cls, body: QuotedPrintable) -> "EncodedSize":
        # Every "=" is either =XX, three bytes for one, or a soft line break, three bytes for none.
        return cls(len(body), len(body) - 2 * body.count(b"=") - body.count(SOFT_BREAK))

    @property
    def base64(self) -> int:
        full, rest = divmod(self.raw, 57)
        return 78 * full + (4 * -(-rest // 3) + 2 if rest else 0)

    @property
    def shortest(self) -> int:
        return min(self.quoted_printable, self.base64)


class SizeBudget:
    """Weighs pieces one after the other. The weight in base64 is worked out only where it can decide."""

    def __init__(self, body: QuotedPrintable) -> None:
        self._encoded_bytes = len(body)
        self._raw_bytes = 0
        self._unmeasured = [body]

    def try_add(self, body: QuotedPrintable, limit: int) -> bool:
        """Add a piece, unless all would then weigh more than `limit` bytes in the lighter encoding."""
        quoted = self._encoded_bytes + len(body)
        if quoted > limit:
            self._raw_bytes += sum(EncodedSize.of(each).raw for each in self._unmeasured)
            self._unmeasured.clear()
            if EncodedSize(quoted, self._raw_bytes + EncodedSize.of(body).raw).shortest > limit:
                return False
        self._encoded_bytes = quoted
        self._unmeasured.append(body)
        return True


def encode_quoted_printable(text: str) -> QuotedPrintable:
    """All of a body."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text.replace("\n", "\r\n").encode()
    encoded = binascii.b2a_qp(raw)
    if b"\n" not in raw:  # then it cannot know which line ends we use, and breaks long lines with LF
        encoded = encoded.replace(b"\n", b"\r\n")
    return QuotedPrintable(_UNSAFE_LINE.sub(_escape_line_start, encoded) if has_unsafe_line(encoded) else encoded)


def encode_part(text: str) -> QuotedPrintable:
    """A part of a body, which others may stand before and behind."""
    if text.isascii() and "=" not in text:
        lines = text.split("\n")
        if lines[1:]:
            return _encode_plain_lines(lines) or _with_line_end(encode_quoted_printable(text))
        if text and text.isprintable():
            return encode_plain(text)
    return _with_line_end(encode_quoted_printable(text))


def _encode_plain_lines(lines: Sequence[str]) -> QuotedPrintable:
    """The same for lines of ASCII without "=", as paragraphs are; nothing where they need more than line ends."""
    fit = "".join(lines).isprintable() and max(map(len, lines)) < LINE_LENGTH
    if fit and not any(line[-1:] in {"", " "} for line in lines):
        raw = "\r\n".join(lines).encode()
        if not has_unsafe_line(raw):
            return QuotedPrintable(raw + SOFT_BREAK)
    return QuotedPrintable(b"")


def encode_plain(text: str) -> QuotedPrintable:
    """A part of characters that stand for themselves, as most parts are: ASCII without "=", controls and line ends."""
    raw = text.encode()
    if len(raw) >= LINE_LENGTH:
        raw = SOFT_BREAK.join([raw[at : at + LINE_LENGTH - 1] for at in range(0, len(raw), LINE_LENGTH - 1)])
    return (
        QuotedPrintable(raw + SOFT_BREAK) if not has_unsafe_line(raw) else _with_line_end(encode_quoted_printable(text))
    )


def _with_line_end(encoded: QuotedPrintable) -> QuotedPrintable:
    if not encoded or encoded.endswith(b"\r\n"):
        return encoded
    if len(encoded) - encoded.rfind(b"\n") > LINE_LENGTH:  # no room for the "=" of the soft line break
        last = 3 if encoded[-3:-2] == b"=" else 1
        encoded = QuotedPrintable(encoded[:-last] + SOFT_BREAK + encoded[-last:].replace(b".", b"=2E"))
    return QuotedPrintable(encoded + SOFT_BREAK)


def decode_quoted_printable(body: QuotedPrintable) -> str:
    """The text again, its lines ended by LF."""
    return binascii.a2b_qp(body).decode().replace("\r\n", "\n")


def encode_shortest(body: QuotedPrintable) -> EncodedBody:
    """The shorter of the two; quoted-printable when they are equal, because people can read it."""
    if _is_mostly_plain(body) or len(body) <= EncodedSize.of(body).base64:
        return EncodedBody("quoted-printable", body)
    return EncodedBody("base64", base64.encodebytes(binascii.a2b_qp(body)).replace(b"\n", b"\r\n"))


def _is_mostly_plain(body: QuotedPrintable) -> bool:
    """Whether so little is encoded that nobody need count it: base64 pays from about one "=" in twelve bytes."""
    sample = body[::SAMPLE_STEP]
    return len(sample) >= MIN_SAMPLE and 20 * sample.count(b"=") < len(sample)


def has_unsafe_line(encoded: bytes) -> bool:
    """Whether a line begins with what it must not begin with."""
    # This is ten times quicker than the expression, and nearly always finds nothing.
    return encoded.startswith(UNSAFE_PREFIXES) or b"\n." in encoded or b"\nFrom " in encoded


def _escape_line_start(line: re.Match[bytes]) -> bytes:
    rest, done = line[0], b""
    while rest.startswith(UNSAFE_PREFIXES):
        first, rest = b"=%02X" % rest[0], rest[1:]
        # `.` in the pattern takes the carriage return along; it does not count for the length of a line.
        done += first if len(first + rest.rstrip(b"\r")) <= LINE_LENGTH else first + SOFT_BREAK
        if not done.endswith(b"\n"):
            break
    return done + rest
