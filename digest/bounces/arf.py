"""Parser of feedback reports (ARF, RFC 5965)."""

import re
from email import message_from_string
from email.message import Message

from digest.bounces.mime import decode_header_value, header_text, iter_parts, part_text
from digest.bounces.report import BounceReport, ReportKind

MAX_RETURNED_HEADERS = 65536  # characters
# Feedback-Type (RFC 5965, 7.3; RFC 6430; RFC 6591). What is not listed is a complaint: a person pressed a button.
_FEEDBACK_TYPES = {
    "auth-failure": (ReportKind.SENDER_FAULT, "not authenticated"),
    "virus": (ReportKind.SENDER_FAULT, "taken for spam"),
    "not-spam": (ReportKind.NONE, ""),
}
_RETURNED_TYPES = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}
_ADDRESS = re.compile(r"[^\s<>\"';,]{1,128}@[^\s<>\"';,]{1,255}")


def parse_complaint(message: Message) -> BounceReport | None:
    """Return the report of a feedback message, None for any other message."""
    reports = feedback_reports(message)
    if not reports:
        return None
    fields = reports[0]
    feedback_type = decode_header_value(fields.get("Feedback-Type", "")).lower()
    kind, reason = complaint_meaning(feedback_type)
    recipient = first_address(fields, "Original-Rcpt-To", "Removal-Recipient", "X-HmXmrOriginalRecipient")
    original = returned_message(message)
    if not recipient and original is not None:
        recipient = first_address(original, "X-HmXmrOriginalRecipient", "Delivered-To", "To")
    return BounceReport(kind, recipient, reason=reason, parser="arf", recipients=(recipient,) if recipient else ())


def complaint_meaning(feedback_type: str) -> tuple[ReportKind, str]:
    """Return kind and reason of a feedback type."""
    return _FEEDBACK_TYPES.get(feedback_type, (ReportKind.COMPLAINT, "called spam"))


def original_senders(message: Message) -> list[str]:
    """Return where a feedback report may name the envelope sender of the e-mail that it is about."""
    senders = [
        decode_header_value(value)
        for fields in feedback_reports(message)
        for value in fields.get_all("Original-Mail-From", [])
    ]
    original = returned_message(message)
    return senders if original is None else [*senders, header_text(original, "Return-Path")]


def feedback_reports(message: Message) -> list[Message]:
    """Return the fields of every feedback report in a message."""
    reports = []
    for part in iter_parts(message):
        if part.get_content_type() != "message/feedback-report":
            continue
        payload = part.get_payload()
        if isinstance(payload, list) and payload and isinstance(payload[0], Message):
            fields = payload[0]
            reports.append(fields if fields.keys() else message_from_string(str(fields.get_payload())))
        else:
            reports.append(message_from_string(part_text(part).lstrip()))
    return reports


def first_address(fields: Message, *names: str) -> str:
    """Return the first address in these fields, empty when there is none."""
    for name in names:
        if address := _ADDRESS.search(decode_header_value(fields.get(name, ""))):
            return address[0]
    return ""


def returned_message(message: Message) -> Message | None:
    """Return the message, or its headers, that a report brings back."""
    for part in iter_parts(message):
        content_type, payload = part.get_content_type(), part.get_payload()
        if content_type not in _RETURNED_TYPES:
            continue
        if isinstance(payload, list) and payload and isinstance(payload[0], Message):
            return payload[0]  # the library has parsed what is in a part of type message/*
        return message_from_string(part_text(part)[:MAX_RETURNED_HEADERS])
    return None
