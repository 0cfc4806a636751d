"""A mail from anybody: bytes in, a message that is safe to look at out, with the bounds that keep hostile mail cheap.

    bytes -> at most MOST_BYTES -> refused when nested without end -> email.message.Message

The parser of the standard library never refuses a mail, but takes time that grows with lines times nesting.
"""

import email.errors
import quopri
import re
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

from digest.errors import UnparsableMessageError

MAX_MESSAGE_BYTES = 2**20  # what a report has to say stands at its beginning; the rest is our own letter


MAX_CONTAINERS = 60  # parts that may hold parts, named anywhere in the mail


MAX_TEXT_LENGTH = 32_000  # characters of what a person would read


MAX_LINE_LENGTH = 500  # characters; what is longer is no sentence of a mail server


_NESTING = re.compile(rb"boundary *=|message/(?:rfc822|global)|multipart/", re.IGNORECASE)


_TAG = re.compile(r"<[^<>]{0,2000}>")


_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")


def parse_message(raw: bytes) -> Message:
    """The mail. Raises Unreadable when it is none, or would cost too much to take apart."""
    raw = raw[:MAX_MESSAGE_BYTES].lstrip(b"\r\n")
    body = raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
    if not _HEADER.match(body):
        raise UnparsableMessageError("it does not begin with a header")
    if len(_NESTING.findall(raw)) > 3 * MAX_CONTAINERS:
        raise UnparsableMessageError(f"it names more than {MAX_CONTAINERS} parts that hold others")
    try:
        return message_from_bytes(raw)
    except (email.errors.MessageError, ValueError, LookupError, RecursionError) as error:
        raise UnparsableMessageError(f"it cannot be taken apart: {type(error).__name__}") from error


def header_text(message: Message, name: str) -> str:
    """A header on one line, decoded where that can be done (RFC 2047), empty where there is none."""
    return decode_header_value(message.get(name, ""))


def decode_header_value(value: object) -> str:
    """A header's text: a wrong encoded word stays as it came."""
    written = str(value)[:4000]
    try:
        written = str(make_header(decode_header(written)))
    except (email.errors.MessageError, LookupError, ValueError):
        written = written.encode("ascii", "replace").decode()
    return " ".join("".join(each if each.isprintable() else " " for each in written).split())


def iter_parts(message: Message) -> Iterator[Message]:
    """The parts of the report itself: what is inside a returned letter is not looked at."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from iter_parts(part)
    else:
        yield message


def part_text(part: Message) -> str:
    """The text of a part, whatever its encoding claims to be."""
    if not isinstance(part.get_param("charset", ""), str):  # in the form of RFC 2231, which the library cannot decode
        part.set_param("charset", "utf-8")
    payload = part.get_payload(decode=False)
    if not isinstance(payload, str):
        return ""
    raw = decode_transfer_encoding(payload, str(part.get("Content-Transfer-Encoding", "")))
    charset = (part.get_content_charset() or "utf-8") if isinstance(part.get("Content-Type", ""), str) else "utf-8"
    try:
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):  # a charset that nobody knows
        return raw.decode("latin-1")


def decode_transfer_encoding(payload: str, encoding: str) -> bytes:
    """Without its transfer encoding (RFC 2045, 6); as it is when that is not what it says."""
    raw = payload.encode("utf-8", "surrogateescape")
    match encoding.strip().lower():
        case "base64":
            try:
                return a2b_base64(raw)
            except NoBase64:
                return raw
        case "quoted-printable":
            return quopri.decodestring(raw)
    return raw


def body_text(message: Message) -> str:
    """What a person would read before the returned letter: the plain text, else the page without its tags."""
    texts = {"text/plain": "", "text/html": ""}
    for part in iter_parts(message):
        kind = part.get_content_type()
        if kind.startswith("multipart/"):  # its boundary is broken: all of it is one text
            kind = "text/plain"
        if kind in texts and len(texts[kind]) < MAX_TEXT_LENGTH:
            texts[kind] += part_text(part)[:MAX_TEXT_LENGTH] + "\n"
    plain, page = texts["text/plain"], texts["text/html"]
    return (plain if plain.strip() else _TAG.sub(" ", page))[:MAX_TEXT_LENGTH]
