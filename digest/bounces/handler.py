"""One mail that came back: whose letter is it about, what does it say, what follows? One transaction."""

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
from digest.bounces.report import BounceReport
from digest.context import AppContext
from digest.database import write_session
from digest.errors import UnparsableMessageError
from digest.mail import ReturnPathKind
from digest.mail.replies import ReportKind

log = structlog.get_logger()


# Where a mail tells its envelope recipient, the surest first: what the last server added, then what the sender wrote.
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


MAX_HEADER_COPIES = 5  # of one header


IDENTITY_HEADERS = ("Message-ID", "Date", "From", "Subject")  # no header that changes from server to server


@dataclass(frozen=True, slots=True)
class HandlingResult:
    """A mail and what came of it. `delivery` is None when no valid token says which letter it is about."""

    report: BounceReport
    action: BounceAction
    delivery_id: int | None = None


def handle_message(ctx: AppContext, raw: bytes, now: datetime, recipients: Sequence[str] = ()) -> HandlingResult:
    """Read a mail and do what follows; `recipients` are those of its envelope, where they are known.

    Raises Unreadable for what is no mail, StoreError when the store is out of reach; nothing is changed then.
    """
    message = parse_message(raw)
    addressed, same = _recipient_headers(message), _identity_headers(message)
    report = parse_bounce_message(message)
    named = ctx.return_path.find(*recipients, *addressed) if ctx.return_path else None
    if named is None:
        log.warning("bounce.untrusted", kind=report.kind, status=report.status, reason=report.reason)
        return HandlingResult(report, BounceAction.IGNORED)
    errand, delivery = named
    if errand is ReturnPathKind.UNSUBSCRIBE:
        report = BounceReport(ReportKind.UNSUBSCRIBE, parser="token")
    with write_session(ctx.engine) as session:
        deed = apply_bounce(session, delivery, report, _fingerprint(f"{errand} {delivery}", same, raw), now)
    _log_result(report, deed, delivery)
    return HandlingResult(report, deed, delivery)


def _recipient_headers(message: Message) -> list[str]:
    """All that may hold the address that we gave the letter, whoever wrote it: the seal is what counts."""
    try:
        written = [
            decode_header_value(each)
            for name in RECIPIENT_HEADERS
            for each in message.get_all(name, [])[:MAX_HEADER_COPIES]
        ]
        return [*written, *original_senders(message)]
    except Exception as error:
        raise UnparsableMessageError(
            f"its headers cannot be read: {type(error).__name__}"
        ) from error  # as in reading.py


def _identity_headers(message: Message) -> str:
    return "\n".join(header_text(message, name) for name in IDENTITY_HEADERS)


def _fingerprint(token_subject: str, identity: str, raw: bytes) -> str:
    """The same for the same mail, by whichever way and however often it comes."""
    body = raw[:MAX_MESSAGE_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()
    return hashlib.sha256(f"{token_subject}\n{identity}\n".encode() + body).hexdigest()


def _log_result(report: BounceReport, action: BounceAction, delivery_id: int) -> None:
    # What is our fault hits every reader of that provider: it must be seen by somebody who can do something.
    level = log.error if report.kind is ReportKind.SENDER_FAULT and action is BounceAction.RECORDED else log.info
    level(
        f"bounce.{report.kind}",
        delivery=delivery_id,
        deed=action,
        status=report.status,
        reason=report.reason,
        parser=report.parser,
    )
