"""Handling of one message that came back, in one transaction: find the delivery, parse, apply."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

import structlog

from digest.bounces.apply import BounceAction, apply_bounce
from digest.bounces.arf import original_senders
from digest.bounces.mime import MAX_MESSAGE_BYTES, decode_header_value, header_text, parse_message
from digest.bounces.parser import parse_bounce_message
from digest.bounces.report import BounceReport, ReportKind
from digest.context import AppContext
from digest.database import write_session
from digest.errors import UnparsableMessageError
from digest.mail import ReturnPathKind

log = structlog.get_logger()

# Headers that may name the envelope recipient, the surest first: set by the last server, then by the sender.
RECIPIENT_HEADERS = (
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Rcpt-To",
    "Original-Recipient",
    "Apparently-To",
    "To",
    "Cc",
)
MAX_HEADER_COPIES = 5
IDENTITY_HEADERS = ("Message-ID", "Date", "From", "Subject")  # these do not change from server to server


@dataclass(frozen=True, slots=True)
class HandlingResult:
    """Report of a message, and the action taken. `delivery_id` is None when no valid token names a delivery."""

    report: BounceReport
    action: BounceAction
    delivery_id: int | None = None


def handle_message(ctx: AppContext, raw: bytes, now: datetime, recipients: Sequence[str] = ()) -> HandlingResult:
    """Parse a message and apply it. `recipients` are those of its envelope, where they are known.

    Raises UnparsableMessageError for what is no message, StoreError when the store is out of reach; nothing is changed
    then.
    """
    message = parse_message(raw)
    # Read before the message is parsed as a bounce, which changes it.
    addresses = recipient_addresses(message)
    identity = "\n".join(header_text(message, name) for name in IDENTITY_HEADERS)
    report = parse_bounce_message(message)
    found = ctx.return_path.find(*recipients, *addresses) if ctx.return_path else None
    if found is None:
        log.warning("bounce.untrusted", kind=report.kind, status=report.status, reason=report.reason)
        return HandlingResult(report, BounceAction.IGNORED)
    kind, delivery_id = found
    if kind is ReturnPathKind.UNSUBSCRIBE:
        report = BounceReport(ReportKind.UNSUBSCRIBE, parser="token")
    fingerprint = message_fingerprint(f"{kind} {delivery_id}", identity, raw)
    with write_session(ctx.engine) as session:
        action = apply_bounce(session, delivery_id, report, fingerprint, now)
    # A fault of the sender concerns every subscriber at that provider: the operator must see it.
    is_urgent = report.kind is ReportKind.SENDER_FAULT and action is BounceAction.RECORDED
    (log.error if is_urgent else log.info)(
        f"bounce.{report.kind}",
        delivery=delivery_id,
        action=action,
        status=report.status,
        reason=report.reason,
        parser=report.parser,
    )
    return HandlingResult(report, action, delivery_id)


def recipient_addresses(message: Message) -> list[str]:
    """Return all headers that may hold the return path of a delivery; its signature makes it trustworthy."""
    try:
        headers = [
            decode_header_value(value)
            for name in RECIPIENT_HEADERS
            for value in message.get_all(name, [])[:MAX_HEADER_COPIES]
        ]
        return [*headers, *original_senders(message)]
    except Exception as error:
        # As in `parser`: untrusted headers may raise anything, and only this message is set aside.
        raise UnparsableMessageError(f"its headers cannot be read: {type(error).__name__}") from error


def message_fingerprint(token: str, identity: str, raw: bytes) -> str:
    """Return a digest that is the same for one message, by whichever route and however often it comes."""
    body = raw[:MAX_MESSAGE_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()
    return hashlib.sha256(f"{token}\n{identity}\n".encode() + body).hexdigest()
