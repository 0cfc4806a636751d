"""A body in its wire form. It lives here because a letter must know what it weighs: Gmail clips near 102 KB.

Quoted-printable (RFC 2045, 6.7), or base64 where that is shorter, as it is for Chinese. Lines end in CRLF and
have at most 76 characters. No line begins with a dot, so SMTP's dot-stuffing (RFC 5321, 4.5.2) never changes a
letter, nor with "From ", which some mailboxes still quote.
"""

import base64
import binascii
import re
from typing import NamedTuple

LINE = 76
RISKS = (b".", b"From ")
_RISKY = re.compile(rb"(?m)^(?:\.|From ).*$")


class Encoded(NamedTuple):
    """`encoding` is the word for Content-Transfer-Encoding."""

    encoding: str
    body: bytes


class Weight(NamedTuple):
    """Bytes in both encodings. Parts that end in a newline may be added up: the sum is exact for their joined text."""

    quoted: int
    raw: int

    @classmethod
    def of(cls, text: str) -> "Weight":
        raw = _bytes(text)
        return cls(len(_quoted(raw)), len(raw))

    def plus(self, other: "Weight") -> "Weight":
        return Weight(self.quoted + other.quoted, self.raw + other.raw)

    @property
    def base64(self) -> int:
        full, rest = divmod(self.raw, 57)
        return 78 * full + (4 * -(-rest // 3) + 2 if rest else 0)

    @property
    def on_wire(self) -> int:
        return min(self.quoted, self.base64)


def encoded(text: str) -> Encoded:
    """The shorter of the two; quoted-printable when they are equal, because people can read it."""
    raw = _bytes(text)
    quoted = _quoted(raw)
    if len(quoted) <= Weight(0, len(raw)).base64:
        return Encoded("quoted-printable", quoted)
    return Encoded("base64", base64.encodebytes(raw).replace(b"\n", b"\r\n"))


def _bytes(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode()


def _quoted(raw: bytes) -> bytes:
    quoted = binascii.b2a_qp(raw)
    if b"\n" not in raw:  # then it cannot know which line ends we use, and breaks long lines with LF
        quoted = quoted.replace(b"\n", b"\r\n")
    # The search is ten times quicker than the expression, and nearly always finds nothing.
    if quoted.startswith(RISKS) or any(b"\n" + risk in quoted for risk in RISKS):
        return _RISKY.sub(_harmless, quoted)
    return quoted


def _harmless(line: re.Match[bytes]) -> bytes:
    rest, done = line[0], b""
    while rest.startswith(RISKS):
        first, rest = b"=%02X" % rest[0], rest[1:]
        # `.` in the pattern takes the carriage return along; it does not count for the length of a line.
        done += first if len(first + rest.rstrip(b"\r")) <= LINE else first + b"=\r\n"
        if not done.endswith(b"\n"):
            break
    return done + rest
