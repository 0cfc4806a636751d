"""What goes into a letter, and what comes out: plain frozen values, so that a letter can be written without a store.

What is made for every letter is a NamedTuple: made in a third of the time of a frozen dataclass.

A letter in wire form: headers (RFC 5322, 2047, 2369, 2919, 3834, 8058) and two bodies (RFC 2046).

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

from digest.errors import PermanentDeliveryError
from digest.mail.transfer_encoding import (
    EncodedBody,
    QuotedPrintable,
    decode_quoted_printable,
    encode_quoted_printable,
    encode_shortest,
)


class EmailContent:
    """A letter as its reader sees it. `subject` is one line; `text` and `html` say the same.

    Both are kept in wire form, because most letters are joined from pieces that are in it already.
    """

    __slots__ = ("encoded_html", "encoded_text", "subject")

    def __init__(self, subject: str, text: str | QuotedPrintable, html: str | QuotedPrintable) -> None:
        self.subject = subject
        self.encoded_text = encode_quoted_printable(text) if isinstance(text, str) else text
        self.encoded_html = encode_quoted_printable(html) if isinstance(html, str) else html

    @property
    def text(self) -> str:
        return decode_quoted_printable(self.encoded_text)

    @property
    def html(self) -> str:
        return decode_quoted_printable(self.encoded_html)


LINE_LENGTH, ENCODED_WORD_LENGTH, MAX_LINE_LENGTH = (
    78,
    75,
    998,
)  # characters: a line to aim at, an encoded word at most, a line at most


MAX_CACHED_SUBJECTS = 1024  # that are kept: many readers are told the same


# "=_" stands in neither quoted-printable nor base64, so no body can hold this line (RFC 2045, 6.7).
BOUNDARY = "=_letter"


_CLOSING_BOUNDARY = f"--{BOUNDARY}--\r\n".encode()


_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


_PLAIN_TEXT = re.compile(r"[!-~]+(?: [!-~]+)*")


_TOKEN = re.compile(r"[!-;=?-~]+")  # printable ASCII without space, "<" and ">"


_ADDRESS = re.compile(r"[!-;=?A-~]+@[A-Za-z0-9.-]+|[!-;=?A-~]+@\[[0-9A-Fa-f.:IPv]+\]")


# A message as it goes over the wire: every line ends in CRLF, and none begins with a dot (RFC 5321, 4.5.2).
RawMessage = NewType("RawMessage", bytes)


class MessageHeaders(NamedTuple):
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


def build_message(content: EmailContent, fields: MessageHeaders) -> RawMessage:
    """The whole message.

    Raises Rejected when no message can be addressed to `to`, ValueError when a value of our own cannot stand in a
    header. Breaks and controls in the subject and in the sender's name become spaces.
    """
    return assemble_message(
        build_headers(content.subject, fields),
        encode_shortest(content.encoded_text),
        encode_shortest(content.encoded_html),
    )


def assemble_message(header_block: bytes, text: EncodedBody, html: EncodedBody) -> RawMessage:
    """Headers and encoded bodies in one; the order of the alternatives is RFC 2046's, the richest last."""
    parts = (header_block, b"\r\n", *_build_part("plain", text), *_build_part("html", html), _CLOSING_BOUNDARY)
    return RawMessage(b"".join(parts))


def build_headers(subject: str, fields: MessageHeaders) -> bytes:
    """All headers with their last line end, without the empty line."""
    lines = [
        f"From: {_format_sender(fields.from_)}",
        f"To: {_check_recipient(fields.to)}",
        f"Subject: {_encode_text(subject, len('Subject: '))}",
        f"Date: {_format_date(fields.date)}",
        f"Message-ID: <{_check_token('Message-ID', fields.message_id.removeprefix('<').removesuffix('>'))}>",
        f"List-Id: <{_check_token('List-Id', fields.list_id.removeprefix('<').removesuffix('>'))}>",
        *_unsubscribe_headers(fields.unsubscribe_url, fields.unsubscribe_mail),
        *([f"Feedback-ID: {_check_token('Feedback-ID', fields.feedback)}"] if fields.feedback else []),
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
    ]
    head = "\r\n".join(lines)
    if len(head) > MAX_LINE_LENGTH:  # as few are
        longest = max(head.split("\r\n"), key=len)
        if len(longest) > MAX_LINE_LENGTH:
            raise ValueError(f"a header line is longer than {MAX_LINE_LENGTH} characters: {longest[:LINE_LENGTH]}…")
    return f"{head}\r\n".encode("ascii")


def _build_part(subtype: str, body: EncodedBody) -> tuple[bytes, bytes, bytes]:
    return _part_headers(subtype, body.encoding), body.body, b"\r\n"


@lru_cache
def _part_headers(subtype: str, encoding: str) -> bytes:
    lines = (
        f"--{BOUNDARY}",
        f"Content-Type: text/{subtype}; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def _unsubscribe_headers(url: str | None, address: str) -> list[str]:
    """RFC 8058: the address on one line, as it is, and the promise that one POST to it is enough.

    A mail to `mail` does the same (RFC 2369, 3.2); it comes second, as programs take the first that they know.
    """
    if url is None:
        return []
    if not url.startswith(("https://", "http://")):
        raise ValueError("List-Unsubscribe wants an address that begins with https://")
    by_mail = f", <mailto:{_check_token('List-Unsubscribe', address)}?subject=unsubscribe>" if address else ""
    return [
        f"List-Unsubscribe: <{_check_token('List-Unsubscribe', url)}>{by_mail}",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]


def _check_token(header: str, value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{header} cannot hold {value!r}")
    return value


@lru_cache(maxsize=16)
def _format_date(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError(f"a naive instant reached a header: {when!r}")
    return format_datetime(when.astimezone(UTC))


def _check_recipient(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise PermanentDeliveryError("the address cannot stand in a header", recipient_refused=True)
    return address


@lru_cache(maxsize=16)
def _format_sender(mail_from: str) -> str:
    """The name is quoted where it must be (RFC 5322) and encoded where it must be (RFC 2047)."""
    name, address = parseaddr(_CONTROL_CHARACTERS.sub(" ", mail_from))
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not a sender: {mail_from!r}")
    if not name:
        return address
    if _PLAIN_TEXT.fullmatch(name) and "=?" not in name and len(name) <= LINE_LENGTH - len("From: "):
        return formataddr((name, address))
    return f"{_encoded_words(name, len('From: '))}\r\n <{address}>"


@lru_cache(maxsize=MAX_CACHED_SUBJECTS)
def _encode_text(value: str, offset: int) -> str:
    """Unstructured text: as it is where it is plain, folded at spaces; else in encoded words."""
    value = _CONTROL_CHARACTERS.sub(" ", value).strip()
    if not value or (
        _PLAIN_TEXT.fullmatch(value) and "=?" not in value and max(map(len, value.split(" "))) < LINE_LENGTH - offset
    ):
        return _fold(value, offset)
    return _encoded_words(value, offset)


def _fold(value: str, offset: int) -> str:
    """Line ends go before spaces, so unfolding gives back what was there (RFC 5322, 2.2.3)."""
    lines = [""]
    for word in value.split(" "):
        room = LINE_LENGTH - (offset if len(lines) == 1 else 1)
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded_words(value: str, offset: int) -> str:
    """Encoded words, each of whole characters, one a line: white space between them counts for nothing (RFC 2047)."""
    raw = value.encode()
    if email.quoprimime.header_length(raw) <= email.base64mime.header_length(raw):
        return "\r\n ".join(
            email.quoprimime.header_encode(piece, "utf-8")
            for piece in _split_encoded_words(value, offset, _q_encoded_length)
        )
    return "\r\n ".join(
        email.base64mime.header_encode(piece, "utf-8")
        for piece in _split_encoded_words(value, offset, _b_encoded_length)
    )


def _q_encoded_length(raw: bytes) -> int:
    return len("=?utf-8?q??=") + email.quoprimime.header_length(raw)


def _b_encoded_length(raw: bytes) -> int:
    return len("=?utf-8?b??=") + email.base64mime.header_length(raw)


def _split_encoded_words(value: str, offset: int, encoded_length: Callable[[bytes], int]) -> list[bytes]:
    pieces = [b""]
    for character in value:
        raw = character.encode()
        room = min(ENCODED_WORD_LENGTH, LINE_LENGTH - offset) if len(pieces) == 1 else ENCODED_WORD_LENGTH
        if pieces[-1] and encoded_length(pieces[-1] + raw) > room:
            pieces.append(raw)
        else:
            pieces[-1] += raw
    return pieces
