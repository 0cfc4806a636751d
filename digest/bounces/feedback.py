"""Complaints (RFC 5965) and automatic replies (RFC 3834)."""

import re
from email import message_from_string
from email.message import Message

from digest.bounces.opened import content, header, parts, readable
from digest.bounces.report import Class, Report

# Feedback-Type (RFC 5965, 7.3; RFC 6430; RFC 6591). What is not listed is a complaint: people press buttons.
_TYPES = {
    "auth-failure": (Class.OURS, "not authenticated"),
    "virus": (Class.OURS, "taken for spam"),
    "not-spam": (Class.NONE, ""),
}
_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")
_AWAY = re.compile(
    r"\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|away from|vacation)\b", re.IGNORECASE
)
_REPLIERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-MS-Exchange-Inbox-Rules-Loop")


def complaint(message: Message) -> Report | None:
    """A feedback report, None for any other mail."""
    fields = next(
        (_fields(part) for part in parts(message) if part.get_content_type() == "message/feedback-report"), None
    )
    if fields is None:
        return None
    written = readable(fields.get("Feedback-Type", "")).lower()
    kind, reason = _TYPES.get(written, (Class.COMPLAINT, "called spam"))
    recipient = _first(fields, "Original-Rcpt-To", "Removal-Recipient", "X-HmXmrOriginalRecipient")
    original = returned(message)
    if not recipient and original is not None:
        recipient = _first(original, "X-HmXmrOriginalRecipient", "Delivered-To", "To")
    return Report(kind, recipient, reason=reason, parser="arf", recipients=(recipient,) if recipient else ())


def complained_of(message: Message) -> list[str]:
    """Where a feedback report may name the envelope sender of the letter it is about."""
    fields = (_fields(part) for part in parts(message) if part.get_content_type() == "message/feedback-report")
    named = [readable(each) for block in fields for each in block.get_all("Original-Mail-From", [])]
    original = returned(message)
    return [*named, *([header(original, "Return-Path")] if original is not None else [])]


def returned(message: Message) -> Message | None:
    """The letter, or its headers, that a report brings back."""
    for part in parts(message):
        payload = part.get_payload()
        if (
            part.get_content_type() == "message/rfc822"
            and isinstance(payload, list)
            and isinstance(payload[0], Message)
        ):
            return payload[0]
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            return message_from_string(content(part)[:65536])
    return None


def automatic(message: Message) -> bool:
    """Whether a machine answers for somebody who is away (RFC 3834, 5), also one that has not heard of the RFC."""
    submitted = header(message, "Auto-Submitted").lower()
    if submitted.startswith(("auto-replied", "auto-notified")) or header(message, "Precedence").lower() == "auto_reply":
        return True
    if header(message, "X-Apple-Action").lower() == "vacation" or any(name in message for name in _REPLIERS):
        return True
    return bool(_AWAY.match(header(message, "Subject")))


def _fields(part: Message) -> Message:
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0] if payload[0].keys() else message_from_string(str(payload[0].get_payload()))
    return message_from_string(content(part).lstrip())


def _first(fields: Message, *names: str) -> str:
    for name in names:
        if found := _ADDRESS.search(readable(fields.get(name, ""))):
            return found[0]
    return ""
