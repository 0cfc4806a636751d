"""Parser of delivery status notifications (RFC 3464)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message

from digest.bounces.mime import decode_header_value, iter_parts, part_text
from digest.mail import replies

MAX_DSN_RECIPIENTS = 50
_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")
_CONTENT_TYPES = {"message/delivery-status", "message/global-delivery-status"}
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """Fields about one recipient. `action`: failed, delayed, delivered, relayed or expanded (RFC 3464, 2.3.3)."""

    recipient: str
    action: str
    status: str
    diagnostic: str


def parse_dsn(message: Message) -> list[RecipientStatus]:
    """Return the status of every recipient that a notification names, in its order."""
    return [status for block in _iter_blocks(message) if (status := parse_block(block))][:MAX_DSN_RECIPIENTS]


def parse_dsn_text(text: str) -> list[RecipientStatus]:
    """Return the same from a text with these fields: some systems write them so, others have broken MIME."""
    blocks = (message_from_string(block) for block in _EMPTY_LINE.split(text) if "-recipient:" in block.lower())
    statuses = [status for block in blocks if (status := parse_block(block))]
    return [status for status in statuses if status.action and status.recipient][:MAX_DSN_RECIPIENTS]


def _iter_blocks(message: Message) -> Iterator[Message]:
    for part in iter_parts(message):
        if part.get_content_type() not in _CONTENT_TYPES:
            continue
        payload = part.get_payload()
        if part.get("Content-Transfer-Encoding", "").strip().lower() in {"base64", "quoted-printable"}:
            # The library has parsed the encoded text as blocks: put it together again and decode it.
            part.set_payload("\n".join(str(block) for block in payload) if isinstance(payload, list) else payload)
            payload = part_text(part)
        if isinstance(payload, str):
            yield from (message_from_string(block) for block in _EMPTY_LINE.split(payload))
        else:
            yield from (block for block in payload if isinstance(block, Message))


def parse_block(block: Message) -> RecipientStatus | None:
    """Return the fields of one block, None for the block about the whole message."""
    action = decode_header_value(block.get("Action", "")).lower()
    recipient = parse_address(block.get("Original-Recipient")) or parse_address(block.get("Final-Recipient"))
    if not action and not recipient:
        return None
    status = replies.ENHANCED_STATUS.search(decode_header_value(block.get("Status", "")))
    diagnostic = " ".join(decode_header_value(value) for value in block.get_all("Diagnostic-Code", []))
    return RecipientStatus(recipient, action, status[0] if status else "", diagnostic)


def parse_address(field: object) -> str:
    """Return the address of "rfc822; ada@example.org", also where the field is malformed; empty without one."""
    address = _ADDRESS.search(decode_header_value(field or ""))
    return address[0].strip(".") if address else ""
