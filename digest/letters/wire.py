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

LINE = 76
SOFT = b"=\r\n"
RISKS = (b".", b"From ")
SPARSE, ENOUGH = 61, 100  # one byte of so many is looked at, where that makes so many; 61 divides no line
_RISKY = re.compile(rb"(?m)^(?:\.|From ).*$")

Quoted = NewType("Quoted", bytes)


class Encoded(NamedTuple):
    """`encoding` is the word for Content-Transfer-Encoding."""

    encoding: str
    body: bytes


class Weight(NamedTuple):
    """Bytes in both encodings."""

    quoted: int
    raw: int

    @classmethod
    def of(cls, body: Quoted) -> "Weight":
        # Every "=" is either =XX, three bytes for one, or a soft line break, three bytes for none.
        return cls(len(body), len(body) - 2 * body.count(b"=") - body.count(SOFT))

    @property
    def base64(self) -> int:
        full, rest = divmod(self.raw, 57)
        return 78 * full + (4 * -(-rest // 3) + 2 if rest else 0)

    @property
    def on_wire(self) -> int:
        return min(self.quoted, self.base64)


class Scale:
    """Weighs pieces one after the other. The weight in base64 is worked out only where it can decide."""

    def __init__(self, body: Quoted) -> None:
        self._quoted = len(body)
        self._raw = 0
        self._pieces = [body]

    def takes(self, body: Quoted, limit: int) -> bool:
        """Add a piece, unless all would then weigh more than `limit` bytes in the lighter encoding."""
        quoted = self._quoted + len(body)
        if quoted > limit:
            self._raw += sum(Weight.of(each).raw for each in self._pieces)
            self._pieces.clear()
            if Weight(quoted, self._raw + Weight.of(body).raw).on_wire > limit:
                return False
        self._quoted = quoted
        self._pieces.append(body)
        return True


def quoted(text: str) -> Quoted:
    """All of a body."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text.replace("\n", "\r\n").encode()
    made = binascii.b2a_qp(raw)
    if b"\n" not in raw:  # then it cannot know which line ends we use, and breaks long lines with LF
        made = made.replace(b"\n", b"\r\n")
    return Quoted(_RISKY.sub(_harmless, made) if risky(made) else made)


def piece(text: str) -> Quoted:
    """A part of a body, which others may stand before and behind."""
    if text.isascii() and "=" not in text:
        lines = text.split("\n")
        if lines[1:]:
            return _unencoded(lines) or _ended(quoted(text))
        if text and text.isprintable():
            return unencoded(text)
    return _ended(quoted(text))


def _unencoded(lines: Sequence[str]) -> Quoted:
    """The same for lines of ASCII without "=", as paragraphs are; nothing where they need more than line ends."""
    fit = "".join(lines).isprintable() and max(map(len, lines)) < LINE
    if fit and not any(line[-1:] in {"", " "} for line in lines):
        raw = "\r\n".join(lines).encode()
        if not risky(raw):
            return Quoted(raw + SOFT)
    return Quoted(b"")


def unencoded(text: str) -> Quoted:
    """A part of characters that stand for themselves, as most parts are: ASCII without "=", controls and line ends."""
    raw = text.encode()
    if len(raw) >= LINE:
        raw = SOFT.join([raw[at : at + LINE - 1] for at in range(0, len(raw), LINE - 1)])
    return Quoted(raw + SOFT) if not risky(raw) else _ended(quoted(text))


def _ended(made: Quoted) -> Quoted:
    if not made or made.endswith(b"\r\n"):
        return made
    if len(made) - made.rfind(b"\n") > LINE:  # no room for the "=" of the soft line break
        last = 3 if made[-3:-2] == b"=" else 1
        made = Quoted(made[:-last] + SOFT + made[-last:].replace(b".", b"=2E"))
    return Quoted(made + SOFT)


def read(body: Quoted) -> str:
    """The text again, its lines ended by LF."""
    return binascii.a2b_qp(body).decode().replace("\r\n", "\n")


def shortest(body: Quoted) -> Encoded:
    """The shorter of the two; quoted-printable when they are equal, because people can read it."""
    if _mostly_plain(body) or len(body) <= Weight.of(body).base64:
        return Encoded("quoted-printable", body)
    return Encoded("base64", base64.encodebytes(binascii.a2b_qp(body)).replace(b"\n", b"\r\n"))


def _mostly_plain(body: Quoted) -> bool:
    """Whether so little is encoded that nobody need count it: base64 pays from about one "=" in twelve bytes."""
    sample = body[::SPARSE]
    return len(sample) >= ENOUGH and 20 * sample.count(b"=") < len(sample)


def risky(made: bytes) -> bool:
    """Whether a line begins with what it must not begin with."""
    # This is ten times quicker than the expression, and nearly always finds nothing.
    return made.startswith(RISKS) or b"\n." in made or b"\nFrom " in made


def _harmless(line: re.Match[bytes]) -> bytes:
    rest, done = line[0], b""
    while rest.startswith(RISKS):
        first, rest = b"=%02X" % rest[0], rest[1:]
        # `.` in the pattern takes the carriage return along; it does not count for the length of a line.
        done += first if len(first + rest.rstrip(b"\r")) <= LINE else first + SOFT
        if not done.endswith(b"\n"):
            break
    return done + rest
