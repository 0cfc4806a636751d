"""Access to untrusted MIME messages, within bounds that keep hostile ones cheap.

The parser of the standard library accepts any message, but takes time that grows with lines times nesting.
"""

import binascii
import email.errors
import quopri
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

from digest.bounces import messages
from digest.errors import UnparsableMessageError

MAX_MESSAGE_BYTES = 2**20  # a report stands at the beginning of its message; the rest is our own e-mail
MAX_CONTAINERS = 60  # parts that may hold parts, anywhere in the message
MAX_TEXT_LENGTH = 32_000  # characters of what a person would read
MAX_LINE_LENGTH = 500  # characters; mail servers write shorter sentences

_CONTAINER = re.compile(rb"boundary *=|message/(?:rfc822|global)|multipart/", re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^<>]{0,2000}>")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")


def parse_message(raw: bytes) -> Message:
    """Parse the first MAX_MESSAGE_BYTES of a message.

    Raises UnparsableMessageError when it is no message, or would be too expensive to parse.
    """
    raw = raw[:MAX_MESSAGE_BYTES].lstrip(b"\r\n")
    headers = raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw  # a line of mbox files
    if not _HEADER.match(headers):
        raise UnparsableMessageError(messages.NO_HEADER)
    if len(_CONTAINER.findall(raw)) > 3 * MAX_CONTAINERS:
        raise UnparsableMessageError(messages.too_many_parts(MAX_CONTAINERS))
    try:
        return message_from_bytes(raw)
    except (email.errors.MessageError, ValueError, LookupError, RecursionError) as error:
        raise UnparsableMessageError(messages.parsing_failed(type(error).__name__)) from error


def header_text(message: Message, name: str) -> str:
    """Return a header decoded on one line, empty where there is none."""
    return decode_header_value(message.get(name, ""))


def decode_header_value(value: object) -> str:
    """Decode the encoded words of a header (RFC 2047); damaged ones stay as they are."""
    text = str(value)[:4000]
    try:
        text = str(make_header(decode_header(text)))
    except (email.errors.MessageError, LookupError, ValueError):
        text = text.encode("ascii", "replace").decode()
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def iter_parts(message: Message) -> Iterator[Message]:
    """Yield the parts of the report itself, not those within the message that it returns."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from iter_parts(part)
    else:
        yield message


def part_text(part: Message) -> str:
    """Return the text of a part, whatever its encoding and charset claim to be."""
    if not isinstance(part.get_param("charset", ""), str):  # in the form of RFC 2231, which the library cannot decode
        part.set_param("charset", "utf-8")
    payload = part.get_payload(decode=False)
    if not isinstance(payload, str):
        return ""
    raw = decode_transfer_encoding(payload, str(part.get("Content-Transfer-Encoding", "")))
    charset = (part.get_content_charset() or "utf-8") if isinstance(part.get("Content-Type", ""), str) else "utf-8"
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):  # an unknown charset
        return raw.decode("latin-1")


def decode_transfer_encoding(payload: str, encoding: str) -> bytes:
    """Remove a transfer encoding (RFC 2045, 6); a payload that is not encoded that way stays as it is."""
    raw = payload.encode("utf-8", "surrogateescape")
    match encoding.strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(raw)
            except binascii.Error:
                return raw
        case "quoted-printable":
            return quopri.decodestring(raw)
    return raw


def body_text(message: Message) -> str:
    """Return what a person would read before the returned message: the plain text, else the HTML without tags."""
    texts = {"text/plain": "", "text/html": ""}
    for part in iter_parts(message):
        content_type = part.get_content_type()
        if content_type.startswith("multipart/"):  # its boundary is broken, so all of it is one text
            content_type = "text/plain"
        if content_type in texts and len(texts[content_type]) < MAX_TEXT_LENGTH:
            texts[content_type] += part_text(part)[:MAX_TEXT_LENGTH] + "\n"
    text = texts["text/plain"]
    return (text if text.strip() else _HTML_TAG.sub(" ", texts["text/html"]))[:MAX_TEXT_LENGTH]
