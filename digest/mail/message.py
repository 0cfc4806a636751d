"""Messages: headers (RFC 5322, 2047, 2369, 2919, 3834, 8058) and two alternative bodies (RFC 2046).

They are assembled here because `email.policy.SMTP` folds an address of 78 characters or more into an encoded word,
which breaks one-click unsubscribing, and because bodies that are encoded already can be joined as they are. The same
content and headers always give the same bytes.
"""

import re
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from typing import NewType

from digest.errors import PermanentDeliveryError, SmtpStep
from digest.mail import messages
from digest.mail.transfer_encoding import (
    QuotedPrintable,
    decode_quoted_printable,
    encode_quoted_printable,
    encode_shortest,
)

CRLF = "\r\n"
LINE_LENGTH, MAX_LINE_LENGTH = 78, 998  # characters
ENCODED_LINE_LENGTH = 76  # of a line with an encoded word (RFC 2047 section 2)
MAX_CACHED_SUBJECTS = 1024  # many subscribers get the same one
# "=_" stands in neither quoted-printable nor base64, so no body can hold this line (RFC 2045, 6.7).
BOUNDARY = "=_alternative"
CLOSING_BOUNDARY = f"--{BOUNDARY}--\r\n".encode()
PART_HEADERS = f"--{BOUNDARY}\r\nContent-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n".encode()
CONSTANT_HEADERS = (
    "Auto-Submitted: auto-generated",
    "X-Auto-Response-Suppress: All",
    "MIME-Version: 1.0",
    f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"',
)
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
    Feedback-ID: the kind of e-mail, never a person. `extra`: whole header lines, for the relay's provider.
    """

    from_: str
    to: str
    message_id: str
    date: datetime
    list_id: str
    unsubscribe_url: str | None = None
    unsubscribe_mail: str = ""
    feedback: str = ""
    extra: tuple[str, ...] = ()


def build_message(content: EmailContent, fields: MessageHeaders) -> RawMessage:
    """Build a whole message.

    Raises PermanentDeliveryError when no message can be addressed to `to`, ValueError when a value of our own cannot
    stand in a header. Line breaks and control characters in the subject and in the sender's name become spaces.
    """
    text, html = encode_shortest(content.encoded_text), encode_shortest(content.encoded_html)
    parts = (
        *(build_headers(content.subject, fields), b"\r\n"),
        *(PART_HEADERS % (b"plain", text.encoding.encode()), text.body, b"\r\n"),
        *(PART_HEADERS % (b"html", html.encoding.encode()), html.body, b"\r\n"),  # the richest is last (RFC 2046)
    )
    return RawMessage(b"".join([*parts, CLOSING_BOUNDARY]))


def build_headers(subject: str, fields: MessageHeaders) -> bytes:
    """Build all headers with their last line end, without the empty line."""
    if not _ADDRESS.fullmatch(fields.to):
        raise PermanentDeliveryError(messages.ADDRESS_NOT_IN_HEADER, step=SmtpStep.RCPT)
    lines = [
        f"From: {format_sender(fields.from_)}",
        f"To: {fields.to}",
        fold_header("Subject", subject),
        f"Date: {format_instant(fields.date)}",
        f"Message-ID: <{check_token('Message-ID', fields.message_id.removeprefix('<').removesuffix('>'))}>",
        f"List-Id: <{check_token('List-Id', fields.list_id.removeprefix('<').removesuffix('>'))}>",
    ]
    if url := fields.unsubscribe_url:
        # RFC 8058: the URL on one line, as it is, and that one POST to it is enough. A mail to the address does the
        # same (RFC 2369, 3.2); it comes second, as programs take the first that they know.
        if not url.startswith(("https://", "http://")):
            raise ValueError("List-Unsubscribe wants an address that begins with https://")
        address = fields.unsubscribe_mail
        by_mail = f", <mailto:{check_token('List-Unsubscribe', address)}?subject=unsubscribe>" if address else ""
        lines.append(f"List-Unsubscribe: <{check_token('List-Unsubscribe', url)}>{by_mail}")
        lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    if fields.feedback:
        lines.append(f"Feedback-ID: {check_token('Feedback-ID', fields.feedback)}")
    headers = "\r\n".join([*lines, *fields.extra, *CONSTANT_HEADERS])
    if len(headers) > MAX_LINE_LENGTH:  # as few are
        longest = max(headers.split("\r\n"), key=len)
        if len(longest) > MAX_LINE_LENGTH:
            raise ValueError(f"a header line is longer than {MAX_LINE_LENGTH} characters: {longest[:LINE_LENGTH]}…")
    return f"{headers}\r\n".encode("ascii")


def check_token(header: str, value: str) -> str:
    """Return the value if it can stand in a header as it is. Raises ValueError."""
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{header} cannot hold {value!r}")
    return value


@lru_cache(maxsize=16)
def format_instant(date: datetime) -> str:
    """Return an instant as headers have it. Raises ValueError for one without a time zone."""
    if date.tzinfo is None:
        raise ValueError(f"a naive instant reached a header: {date!r}")
    return format_datetime(date.astimezone(UTC))


@lru_cache(maxsize=16)
def format_sender(mail_from: str) -> str:
    """Quote the name where it must be quoted (RFC 5322), encode it where it must be encoded (RFC 2047)."""
    name, address = parseaddr(_CONTROL_CHARACTERS.sub(" ", mail_from))
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"not a sender: {mail_from!r}")
    if not name:
        return address
    if _PLAIN_TEXT.fullmatch(name) and "=?" not in name and len(name) <= LINE_LENGTH - len("From: "):
        return formataddr((name, address))
    return f"{Header(name, 'utf-8', ENCODED_LINE_LENGTH, 'From').encode(linesep=CRLF)}\r\n <{address}>"


@lru_cache(maxsize=MAX_CACHED_SUBJECTS)
def fold_header(name: str, value: str) -> str:
    """Return a header line. Plain text is folded at spaces; any other is encoded, and so are words that are too long.

    Line ends go before spaces, so that unfolding restores the text (RFC 5322, 2.2.3).
    """
    value = _CONTROL_CHARACTERS.sub(" ", value).strip()
    line = f"{name}: {value}"
    is_plain = not value or (_PLAIN_TEXT.fullmatch(value) and "=?" not in value)
    if is_plain and len(line) <= LINE_LENGTH:
        return line
    if is_plain and max(map(len, value.split(" "))) < LINE_LENGTH - len(f"{name}: "):
        folded = textwrap.wrap(line, LINE_LENGTH - 1, break_long_words=False, break_on_hyphens=False)
        return "\r\n ".join(folded)
    return f"{name}: {Header(value, 'utf-8', ENCODED_LINE_LENGTH, name).encode(linesep=CRLF)}"
