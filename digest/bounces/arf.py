"""Complaints (RFC 5965) and automatic replies (RFC 3834)."""

import re
from email import message_from_string
from email.message import Message

from digest.bounces.mime import decode_header_value, header_text, iter_parts, part_text
from digest.bounces.report import BounceReport
from digest.mail.replies import ReportKind

# Feedback-Type (RFC 5965, 7.3; RFC 6430; RFC 6591). What is not listed is a complaint: people press buttons.
_FEEDBACK_TYPES = {
    "auth-failure": (ReportKind.SENDER_FAULT, "not authenticated"),
    "virus": (ReportKind.SENDER_FAULT, "taken for spam"),
    "not-spam": (ReportKind.NONE, ""),
}


_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")


_AUTO_REPLY_SUBJECT = re.compile(
    r"\W*(?:auto(?:matic|mated)?[ -]?(?:reply|response)|out of (?:the )?office|away from|vacation)\b", re.IGNORECASE
)


_AUTO_REPLY_HEADERS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply",
    "X-MS-Exchange-Inbox-Rules-Loop",
)


def parse_complaint(message: Message) -> BounceReport | None:
    """A feedback report, None for any other mail."""
    fields = next(
        (
            _feedback_fields(part)
            for part in iter_parts(message)
            if part.get_content_type() == "message/feedback-report"
        ),
        None,
    )
    if fields is None:
        return None
    written = decode_header_value(fields.get("Feedback-Type", "")).lower()
    kind, reason = _FEEDBACK_TYPES.get(written, (ReportKind.COMPLAINT, "called spam"))
    recipient = _first_address(fields, "Original-Rcpt-To", "Removal-Recipient", "X-HmXmrOriginalRecipient")
    original = returned_message(message)
    if not recipient and original is not None:
        recipient = _first_address(original, "X-HmXmrOriginalRecipient", "Delivered-To", "To")
    return BounceReport(kind, recipient, reason=reason, parser="arf", recipients=(recipient,) if recipient else ())


def original_senders(message: Message) -> list[str]:
    """Where a feedback report may name the envelope sender of the letter it is about."""
    fields = (
        _feedback_fields(part) for part in iter_parts(message) if part.get_content_type() == "message/feedback-report"
    )
    named = [decode_header_value(each) for block in fields for each in block.get_all("Original-Mail-From", [])]
    original = returned_message(message)
    return [*named, *([header_text(original, "Return-Path")] if original is not None else [])]


def returned_message(message: Message) -> Message | None:
    """The letter, or its headers, that a report brings back."""
    for part in iter_parts(message):
        payload = part.get_payload()
        if (
            part.get_content_type() == "message/rfc822"
            and isinstance(payload, list)
            and isinstance(payload[0], Message)
        ):
            return payload[0]
        if part.get_content_type() in {"text/rfc822-headers", "message/rfc822-headers"}:
            return message_from_string(part_text(part)[:65536])
    return None


def is_auto_reply(message: Message) -> bool:
    """Whether a machine answers for somebody who is away (RFC 3834, 5), also one that has not heard of the RFC."""
    submitted = header_text(message, "Auto-Submitted").lower()
    if (
        submitted.startswith(("auto-replied", "auto-notified"))
        or header_text(message, "Precedence").lower() == "auto_reply"
    ):
        return True
    if header_text(message, "X-Apple-Action").lower() == "vacation" or any(
        name in message for name in _AUTO_REPLY_HEADERS
    ):
        return True
    return bool(_AUTO_REPLY_SUBJECT.match(header_text(message, "Subject")))


def _feedback_fields(part: Message) -> Message:
    payload = part.get_payload()
    if isinstance(payload, list) and payload and isinstance(payload[0], Message):
        return payload[0] if payload[0].keys() else message_from_string(str(payload[0].get_payload()))
    return message_from_string(part_text(part).lstrip())


def _first_address(fields: Message, *names: str) -> str:
    for name in names:
        if found := _ADDRESS.search(decode_header_value(fields.get(name, ""))):
            return found[0]
    return ""
