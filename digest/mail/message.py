"""Messages: headers (RFC 5322, 2047, 2369, 2919, 3834, 8058) and two alternative bodies (RFC 2046).

They are assembled here because `email.policy.SMTP` folds an address of 78 characters or more into an encoded word,
which breaks one-click unsubscribing, and because bodies that are encoded already can be joined as they are. The same
content and headers always give the same bytes.
"""

import email.base64mime
import email.quoprimime
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import Any, NewType

from digest.errors import PermanentDeliveryError, SmtpStep
from digest.mail.transfer_encoding import (
    EncodedBody,
    QuotedPrintable,
    decode_quoted_printable,
    encode_quoted_printable,
    encode_shortest,
)

LINE_LENGTH, ENCODED_WORD_LENGTH, MAX_LINE_LENGTH = 78, 75, 998  # characters
MAX_CACHED_SUBJECTS = 1024  # many subscribers get the same one
# "=_" stands in neither quoted-printable nor base64, so no body can hold this line (RFC 2045, 6.7).
BOUNDARY = "=_letter"
_CLOSING_BOUNDARY = f"--{BOUNDARY}--\r\n".encode()
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PLAIN_TEXT = re.compile(r"[!-~]+(?: [!-~]+)*")
_TOKEN = re.compile(r"[!-;=?-~]+")  # printable ASCII without space, "<" and ">"
_ADDRESS = re.compile(r"[!-;=?A-~]+@[A-Za-z0-9.-]+|[!-;=?A-~]+@\[[0-9A-Fa-f.:IPv]+\]")

# A message as it is sent: every line ends in CRLF, and none begins with a dot (RFC 5321, 4.5.2).
RawMessage = NewType("RawMessage", bytes)


class EmailContent:
    """What an e-mail says: one line of subject, and the same as text and as HTML.

    Both bodies are kept encoded, because most are joined from parts that are encoded already.
    """

    __slots__ = ("encoded_html", "encoded_text", "subject")

    def __init__(self, subject: str, text: str | QuotedPrintable, html: str | QuotedPrintable) -> None:
        self.subject = subject
        self.encoded_text = encode_quoted_printable(text) if isinstance(text, str) else text
        self.encoded_html = encode_quoted_printable(html) if isinstance(html, str) else html

    @property
    def text(self) -> str:
        """Text body."""
        return decode_quoted_printable(self.encoded_text)

    @property
    def html(self) -> str:
        """HTML body."""
        return decode_quoted_printable(self.encoded_html)


@dataclass(frozen=True, slots=True)
class MessageHeaders:
    """What the headers say beside the subject.

    `from_` is "Name <address>"; `to` a bare address. `unsubscribe_url` belongs to e-mails that nobody asked for
    (digest, welcome) and to no other; `unsubscribe_mail`, an address, is a second way beside it. `feedback` is for
    Feedback-ID: the kind of e-mail, never a person.
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
    """Build a whole message.

    Raises PermanentDeliveryError when no message can be addressed to `to`, ValueError when a value of our own cannot
    stand in a header. Line breaks and control characters in the subject and in the sender's name become spaces.
    """
    headers = build_headers(content.subject, fields)
    return assemble_message(headers, encode_shortest(content.encoded_text), encode_shortest(content.encoded_html))


def assemble_message(headers: bytes, text: EncodedBody, html: EncodedBody) -> RawMessage:
    """Join headers and bodies; the richest alternative is the last (RFC 2046)."""
    parts = (
        *(headers, b"\r\n"),
        *(_part_headers("plain", text.encoding), text.body, b"\r\n"),
        *(_part_headers("html", html.encoding), html.body, b"\r\n"),
    )
    return RawMessage(b"".join([*parts, _CLOSING_BOUNDARY]))


@lru_cache
def _part_headers(subtype: str, encoding: str) -> bytes:
    lines = (
        f"--{BOUNDARY}",
        f"Content-Type: text/{subtype}; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
        "\r\n",
    )
    return "\r\n".join(lines).encode()


def build_headers(subject: str, fields: MessageHeaders) -> bytes:
    """Build all headers with their last line end, without the empty line."""
    if not _ADDRESS.fullmatch(fields.to):
        raise PermanentDeliveryError("the address cannot stand in a header", step=SmtpStep.RCPT)
    lines = [
        f"From: {_format_sender(fields.from_)}",
        f"To: {fields.to}",
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
    headers = "\r\n".join(lines)
    if len(headers) > MAX_LINE_LENGTH:  # as few are
        longest = max(headers.split("\r\n"), key=len)
        if len(longest) > MAX_LINE_LENGTH:
            raise ValueError(f"a header line is longer than {MAX_LINE_LENGTH} characters: {longest[:LINE_LENGTH]}…")
    return f"{headers}\r\n".encode("ascii")


def _unsubscribe_headers(url: str | None, address: str) -> list[str]:
    """Return the headers of RFC 8058: the URL on one line, as it is, and that one POST to it is enough.

    A mail to `address` does the same (RFC 2369, 3.2); it comes second, as programs take the first that they know.
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
def _format_date(date: datetime) -> str:
    if date.tzinfo is None:
        raise ValueError(f"a naive instant reached a header: {date!r}")
    return format_datetime(date.astimezone(UTC))


@lru_cache(maxsize=16)
def _format_sender(mail_from: str) -> str:
    """Quote the name where it must be quoted (RFC 5322), encode it where it must be encoded (RFC 2047)."""
    name, address = parseaddr(_CONTROL_CHARACTERS.sub(" ", mail_from))
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not a sender: {mail_from!r}")
    if not name:
        return address
    if _PLAIN_TEXT.fullmatch(name) and "=?" not in name and len(name) <= LINE_LENGTH - len("From: "):
        return formataddr((name, address))
    return f"{_encode_words(name, len('From: '))}\r\n <{address}>"


@lru_cache(maxsize=MAX_CACHED_SUBJECTS)
def _encode_text(value: str, offset: int) -> str:
    """Fold plain text at spaces; encode any other, and words that are too long for a line.

    Line ends go before spaces, so that unfolding restores the text (RFC 5322, 2.2.3). `offset`: the length of the
    header's name.
    """
    value = _CONTROL_CHARACTERS.sub(" ", value).strip()
    words = value.split(" ")
    is_plain = _PLAIN_TEXT.fullmatch(value) and "=?" not in value and max(map(len, words)) < LINE_LENGTH - offset
    if value and not is_plain:
        return _encode_words(value, offset)
    lines = [""]
    for word in words:
        room = LINE_LENGTH - (offset if len(lines) == 1 else 1)
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encode_words(value: str, offset: int) -> str:
    """Return encoded words of whole characters, one a line: white space between them counts for nothing (RFC 2047)."""
    raw = value.encode()
    codec: Any = min(email.quoprimime, email.base64mime, key=lambda module: module.header_length(raw))
    words = [b""]
    for character in value:
        room = min(ENCODED_WORD_LENGTH, LINE_LENGTH - offset) if len(words) == 1 else ENCODED_WORD_LENGTH
        longer = words[-1] + character.encode()
        if words[-1] and len("=?utf-8?q??=") + codec.header_length(longer) > room:
            words.append(character.encode())
        else:
            words[-1] = longer
    return "\r\n ".join(codec.header_encode(word, "utf-8") for word in words)
