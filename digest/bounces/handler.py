"""Handling of one message that came back, in one transaction: find the delivery, parse, apply."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

import structlog
from sqlmodel import select

from digest.bounces import messages
from digest.bounces.apply import BounceAction, apply_bounce
from digest.bounces.arf import original_senders
from digest.bounces.mime import MAX_MESSAGE_BYTES, decode_header_value, header_text, parse_message
from digest.bounces.parser import parse_bounce_message
from digest.bounces.report import BounceReport, ReportKind
from digest.context import AppContext
from digest.database import is_postgresql, read_session, write_session
from digest.database.models import Delivery, Subscriber
from digest.errors import UnparsableMessageError
from digest.mail import ReturnPathKind, ReturnToken

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
    found = find_delivery(ctx, raw, [*recipients, *addresses])
    if found is None:
        log.warning("bounce.untrusted", kind=report.kind, status=report.status, reason=report.reason)
        return HandlingResult(report, BounceAction.IGNORED)
    kind, delivery_id = found.kind, found.delivery_id
    if kind is ReturnPathKind.UNSUBSCRIBE:
        report = BounceReport(ReportKind.UNSUBSCRIBE, parser="token")
    fingerprint = message_fingerprint(f"{kind} {delivery_id}", identity, raw)
    return HandlingResult(report, apply_report(ctx, delivery_id, report, fingerprint, now), delivery_id)


def apply_report(
    ctx: AppContext, delivery_id: int, report: BounceReport, fingerprint: str, now: datetime
) -> BounceAction:
    """Apply a report in one transaction, and log it. Raises StoreError."""
    with write_session(ctx.engine) as session:
        action = apply_bounce(session, ctx.token_signer.keys, delivery_id, report, fingerprint, now)
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
    return action


def find_delivery(ctx: AppContext, raw: bytes, headers: Sequence[str]) -> ReturnToken | None:
    """Return what the first valid token in the headers of a message names; None if it cannot be trusted."""
    with read_session(ctx.engine) as session:

        def find_message_id(delivery_id: int) -> str | None:
            return session.scalar(select(Delivery.message_id).where(Delivery.id == delivery_id))

        found = ctx.token_path.find(find_message_id, *headers)
        if found is None or found.has_message_id or is_postgresql(session):
            return found
        # Before schema 0007 tokens named an id alone, and SQLite gave the id of a deleted last row again. So the
        # message itself must name the e-mail or its subscriber, as bounces and complaints do.
        delivery = session.get(Delivery, found.delivery_id)
        subscriber = session.get(Subscriber, delivery.subscriber_id) if delivery else None
        if delivery is None or subscriber is None:
            return None
        text = raw[:MAX_MESSAGE_BYTES].lower()
        is_named = any(name.strip("<>").lower().encode() in text for name in (delivery.message_id, subscriber.email))
        return found if is_named else None


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
        raise UnparsableMessageError(messages.headers_invalid(type(error).__name__)) from error


def message_fingerprint(token: str, identity: str, raw: bytes) -> str:
    """Return a digest that is the same for one message, by whichever route and however often it comes."""
    body = raw[:MAX_MESSAGE_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()
    return hashlib.sha256(f"{token}\n{identity}\n".encode() + body).hexdigest()
