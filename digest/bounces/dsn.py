"""Delivery status notifications (RFC 3464)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message

from digest.bounces.opened import content, parts, readable

STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")  # RFC 3463, 2
_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")
_KINDS = {"message/delivery-status", "message/global-delivery-status"}
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n")
MOST_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient. `action`: failed, delayed, delivered, relayed, expanded (RFC 3464, 2.3.3)."""

    recipient: str
    action: str
    status: str
    diagnostic: str


def fates(message: Message) -> list[Fate]:
    """Of every recipient that the notification speaks of, in its order."""
    return [fate for block in _blocks(message) if (fate := _fate(block))][:MOST_BLOCKS]


def quoted(text: str) -> list[Fate]:
    """The same from a text that holds the fields, as some write them, and as all do whose MIME is broken."""
    blocks = (message_from_string(each) for each in _EMPTY_LINE.split(text) if "-recipient:" in each.lower())
    return [fate for block in blocks if (fate := _fate(block)) and fate.action and fate.recipient][:MOST_BLOCKS]


def _blocks(message: Message) -> Iterator[Message]:
    for part in parts(message):
        if part.get_content_type() not in _KINDS:
            continue
        payload = part.get_payload()
        if part.get("Content-Transfer-Encoding", "").strip().lower() in {"base64", "quoted-printable"}:
            payload = "\n".join(str(each) for each in payload) if isinstance(payload, list) else payload
            part.set_payload(payload)
            payload = content(part)
        if isinstance(payload, str):
            yield from (message_from_string(each) for each in _EMPTY_LINE.split(payload))
        else:
            yield from (each for each in payload if isinstance(each, Message))


def _fate(block: Message) -> Fate | None:
    action = readable(block.get("Action", "")).lower()
    recipient = _address(block.get("Original-Recipient")) or _address(block.get("Final-Recipient"))
    if not action and not recipient:
        return None  # the block about the whole message
    status = STATUS.search(readable(block.get("Status", "")))
    diagnostics = " ".join(readable(each) for each in block.get_all("Diagnostic-Code", []))
    return Fate(recipient, action, status[1] if status else "", diagnostics)


def _address(field: object) -> str:
    """The address of "rfc822; somebody@example.org", and of the many ways in which it is written wrongly."""
    found = _ADDRESS.search(readable(field or ""))
    return found[0].strip(".") if found else ""
