"""Delivery status notifications (RFC 3464)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message

from digest.bounces.mime import decode_header_value, iter_parts, part_text

ENHANCED_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")  # RFC 3463, 2


_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")


_CONTENT_TYPES = {"message/delivery-status", "message/global-delivery-status"}


_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")


MAX_RECIPIENTS = 50


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What became of one recipient. `action`: failed, delayed, delivered, relayed, expanded (RFC 3464, 2.3.3)."""

    recipient: str
    action: str
    status: str
    diagnostic: str


def parse_dsn(message: Message) -> list[RecipientStatus]:
    """Of every recipient that the notification speaks of, in its order."""
    return [fate for block in _iter_blocks(message) if (fate := _parse_block(block))][:MAX_RECIPIENTS]


def parse_dsn_text(text: str) -> list[RecipientStatus]:
    """The same from a text that holds the fields, as some write them, and as all do whose MIME is broken."""
    blocks = (message_from_string(each) for each in _EMPTY_LINE.split(text) if "-recipient:" in each.lower())
    return [fate for block in blocks if (fate := _parse_block(block)) and fate.action and fate.recipient][
        :MAX_RECIPIENTS
    ]


def _iter_blocks(message: Message) -> Iterator[Message]:
    for part in iter_parts(message):
        if part.get_content_type() not in _CONTENT_TYPES:
            continue
        payload = part.get_payload()
        if part.get("Content-Transfer-Encoding", "").strip().lower() in {"base64", "quoted-printable"}:
            payload = "\n".join(str(each) for each in payload) if isinstance(payload, list) else payload
            part.set_payload(payload)
            payload = part_text(part)
        if isinstance(payload, str):
            yield from (message_from_string(each) for each in _EMPTY_LINE.split(payload))
        else:
            yield from (each for each in payload if isinstance(each, Message))


def _parse_block(block: Message) -> RecipientStatus | None:
    action = decode_header_value(block.get("Action", "")).lower()
    recipient = _parse_address(block.get("Original-Recipient")) or _parse_address(block.get("Final-Recipient"))
    if not action and not recipient:
        return None  # the block about the whole message
    status = ENHANCED_STATUS.search(decode_header_value(block.get("Status", "")))
    diagnostics = " ".join(decode_header_value(each) for each in block.get_all("Diagnostic-Code", []))
    return RecipientStatus(recipient, action, status[1] if status else "", diagnostics)


def _parse_address(field: object) -> str:
    """The address of "rfc822; somebody@example.org", and of the many ways in which it is written wrongly."""
    found = _ADDRESS.search(decode_header_value(field or ""))
    return found[0].strip(".") if found else ""
