"""One mail that came back: whose letter is it about, what does it say, what follows? One transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message

import structlog

from digest.bounces.feedback import complained_of
from digest.bounces.opened import MOST_BYTES, header, opened, readable
from digest.bounces.reading import read_message
from digest.bounces.record import Deed, record
from digest.bounces.report import Class, Report
from digest.db import writing
from digest.errors import Unreadable
from digest.house import House
from digest.mail.verp import Errand

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
MOST_COPIES = 5  # of one header
SAME_MAIL = ("Message-ID", "Date", "From", "Subject")  # no header that changes from server to server


@dataclass(frozen=True, slots=True)
class Handled:
    """A mail and what came of it. `delivery` is None when no valid token says which letter it is about."""

    report: Report
    deed: Deed
    delivery: int | None = None


def handle(house: House, raw: bytes, now: datetime, recipients: Sequence[str] = ()) -> Handled:
    """Read a mail and do what follows; `recipients` are those of its envelope, where they are known.

    Raises Unreadable for what is no mail, StoreError when the store is out of reach; nothing is changed then.
    """
    message = opened(raw)
    addressed, same = _addressed(message), _same(message)
    report = read_message(message)
    named = house.returns.named(*recipients, *addressed) if house.returns else None
    if named is None:
        log.warning("bounce.untrusted", kind=report.kind, status=report.status, reason=report.reason)
        return Handled(report, Deed.NOTHING)
    errand, delivery = named
    if errand is Errand.LEAVE:
        report = Report(Class.LEAVE, parser="token")
    with writing(house.engine) as session:
        deed = record(session, delivery, report, _fingerprint(f"{errand} {delivery}", same, raw), now)
    _tell(report, deed, delivery)
    return Handled(report, deed, delivery)


def _addressed(message: Message) -> list[str]:
    """All that may hold the address that we gave the letter, whoever wrote it: the seal is what counts."""
    try:
        written = [readable(each) for name in RECIPIENT_HEADERS for each in message.get_all(name, [])[:MOST_COPIES]]
        return [*written, *complained_of(message)]
    except Exception as error:
        raise Unreadable(f"its headers cannot be read: {type(error).__name__}") from error  # as in reading.py


def _same(message: Message) -> str:
    return "\n".join(header(message, name) for name in SAME_MAIL)


def _fingerprint(about: str, same: str, raw: bytes) -> str:
    """The same for the same mail, by whichever way and however often it comes."""
    body = raw[:MOST_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip()
    return hashlib.sha256(f"{about}\n{same}\n".encode() + body).hexdigest()


def _tell(report: Report, deed: Deed, delivery: int) -> None:
    # What is our fault hits every reader of that provider: it must be seen by somebody who can do something.
    level = log.error if report.kind is Class.OURS and deed is Deed.RECORDED else log.info
    level(
        f"bounce.{report.kind}",
        delivery=delivery,
        deed=deed,
        status=report.status,
        reason=report.reason,
        parser=report.parser,
    )
