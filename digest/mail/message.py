"""A letter in wire form: headers (RFC 5322, 2047, 2369, 2919, 3834, 8058) and two bodies (RFC 2046).

    letter, envelope -> headers | text | html -> bytes with CRLF, nothing left to encode, fold or dot-stuff

The message is put together here from standard pieces because `email.policy.SMTP` folds an address of 78
characters or more into an encoded word, which breaks one-click unsubscribing, and because bodies that are
already encoded can be joined as they are. The same letter and envelope always give the same bytes.
"""

import email.base64mime
import email.quoprimime
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import NamedTuple, NewType

from digest.errors import Rejected
from digest.letters.values import Letter
from digest.letters.wire import Encoded, shortest

LINE, WORD, LONGEST = 78, 75, 998  # characters: a line to aim at, an encoded word at most, a line at most
SUBJECTS = 1024  # that are kept: many readers are told the same
# "=_" stands in neither quoted-printable nor base64, so no body can hold this line (RFC 2045, 6.7).
BOUNDARY = "=_letter"
_END = f"--{BOUNDARY}--\r\n".encode()
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_TOKEN = re.compile(r"[!-;=?-~]+")  # printable ASCII without space, "<" and ">"
_ADDRESS = re.compile(r"[!-;=?A-~]+@[A-Za-z0-9.-]+|[!-;=?A-~]+@\[[0-9A-Fa-f.:IPv]+\]")


# A message as it goes over the wire: every line ends in CRLF, and none begins with a dot (RFC 5321, 4.5.2).
Wired = NewType("Wired", bytes)


class Envelope(NamedTuple):
    """What the letter itself does not say.

    `from_` is "Name <address>"; `to` a bare address. `message_id` is fixed by the record and the same on every
    attempt. `unsubscribe_url` belongs to letters that come by themselves (digest, welcome) and to no other;
    `unsubscribe_mail`, an address, is a second way beside it.
    `feedback` names the kind of letter for Feedback-ID and never a person.
    """

    from_: str
    to: str
    message_id: str
    date: datetime
    list_id: str
    unsubscribe_url: str | None = None
    unsubscribe_mail: str = ""
    feedback: str = ""


def compose(letter: Letter, envelope: Envelope) -> Wired:
    """The whole message.

    Raises Rejected when no message can be addressed to `to`, ValueError when a value of our own cannot stand in a
    header. Breaks and controls in the subject and in the sender's name become spaces.
    """
    return joined(headers(letter.subject, envelope), shortest(letter.quoted_text), shortest(letter.quoted_html))


def joined(head: bytes, text: Encoded, html: Encoded) -> Wired:
    """Headers and encoded bodies in one; the order of the alternatives is RFC 2046's, the richest last."""
    parts = (head, b"\r\n", *_part("plain", text), *_part("html", html), _END)
    return Wired(b"".join(parts))


def headers(subject: str, envelope: Envelope) -> bytes:
    """All headers with their last line end, without the empty line."""
    lines = [
        f"From: {_sender(envelope.from_)}",
        f"To: {_recipient(envelope.to)}",
        f"Subject: {_text(subject, len('Subject: '))}",
        f"Date: {_date(envelope.date)}",
        f"Message-ID: <{_token('Message-ID', envelope.message_id.removeprefix('<').removesuffix('>'))}>",
        f"List-Id: <{_token('List-Id', envelope.list_id.removeprefix('<').removesuffix('>'))}>",
        *_unsubscribe(envelope.unsubscribe_url, envelope.unsubscribe_mail),
        *([f"Feedback-ID: {_token('Feedback-ID', envelope.feedback)}"] if envelope.feedback else []),
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
    ]
    head = "\r\n".join(lines)
    if len(head) > LONGEST:  # as few are
        longest = max(head.split("\r\n"), key=len)
        if len(longest) > LONGEST:
            raise ValueError(f"a header line is longer than {LONGEST} characters: {longest[:LINE]}…")
    return f"{head}\r\n".encode("ascii")


def _part(kind: str, body: Encoded) -> tuple[bytes, bytes, bytes]:
    return _head(kind, body.encoding), body.body, b"\r\n"


@lru_cache
def _head(kind: str, encoding: str) -> bytes:
    lines = (
        f"--{BOUNDARY}",
        f"Content-Type: text/{kind}; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def _unsubscribe(url: str | None, mail: str) -> list[str]:
    """RFC 8058: the address on one line, as it is, and the promise that one POST to it is enough.

    A mail to `mail` does the same (RFC 2369, 3.2); it comes second, as programs take the first that they know.
    """
    if url is None:
        return []
    if not url.startswith(("https://", "http://")):
        raise ValueError("List-Unsubscribe wants an address that begins with https://")
    by_mail = f", <mailto:{_token('List-Unsubscribe', mail)}?subject=unsubscribe>" if mail else ""
    return [
        f"List-Unsubscribe: <{_token('List-Unsubscribe', url)}>{by_mail}",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]


def _token(header: str, value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{header} cannot hold {value!r}")
    return value


@lru_cache(maxsize=16)
def _date(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError(f"a naive instant reached a header: {when!r}")
    return format_datetime(when.astimezone(UTC))


def _recipient(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise Rejected("the address cannot stand in a header", recipient=True)
    return address


@lru_cache(maxsize=16)
def _sender(mail_from: str) -> str:
    """The name is quoted where it must be (RFC 5322) and encoded where it must be (RFC 2047)."""
    name, address = parseaddr(_CONTROLS.sub(" ", mail_from))
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not a sender: {mail_from!r}")
    if not name:
        return address
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) <= LINE - len("From: "):
        return formataddr((name, address))
    return f"{_encoded_words(name, len('From: '))}\r\n <{address}>"


@lru_cache(maxsize=SUBJECTS)
def _text(value: str, taken: int) -> str:
    """Unstructured text: as it is where it is plain, folded at spaces; else in encoded words."""
    value = _CONTROLS.sub(" ", value).strip()
    if not value or (_PLAIN.fullmatch(value) and "=?" not in value and max(map(len, value.split(" "))) < LINE - taken):
        return _folded(value, taken)
    return _encoded_words(value, taken)


def _folded(value: str, taken: int) -> str:
    """Line ends go before spaces, so unfolding gives back what was there (RFC 5322, 2.2.3)."""
    lines = [""]
    for word in value.split(" "):
        room = LINE - (taken if len(lines) == 1 else 1)
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded_words(value: str, taken: int) -> str:
    """Encoded words, each of whole characters, one a line: white space between them counts for nothing (RFC 2047)."""
    raw = value.encode()
    if email.quoprimime.header_length(raw) <= email.base64mime.header_length(raw):
        return "\r\n ".join(
            email.quoprimime.header_encode(piece, "utf-8") for piece in _pieces(value, taken, _q_length)
        )
    return "\r\n ".join(email.base64mime.header_encode(piece, "utf-8") for piece in _pieces(value, taken, _b_length))


def _q_length(raw: bytes) -> int:
    return len("=?utf-8?q??=") + email.quoprimime.header_length(raw)


def _b_length(raw: bytes) -> int:
    return len("=?utf-8?b??=") + email.base64mime.header_length(raw)


def _pieces(value: str, taken: int, length: Callable[[bytes], int]) -> list[bytes]:
    pieces = [b""]
    for character in value:
        raw = character.encode()
        room = min(WORD, LINE - taken) if len(pieces) == 1 else WORD
        if pieces[-1] and length(pieces[-1] + raw) > room:
            pieces.append(raw)
        else:
            pieces[-1] += raw
    return pieces
