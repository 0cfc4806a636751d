"""Suppression list: addresses that get no confirmation, because their owner declined one or reported our mail as spam.

While a subscriber is stored, their row says so. When it is deleted, a keyed hash of the address stays, so that nobody
can have it mailed again by entering it. The ways back: the link of the declined confirmation, as long as it is valid,
and `digest subscribers allow`.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from digest import database
from digest.database.models import Subscriber, SubscriberStatus, SuppressionEntry

REASON_DECLINED = "declined"
REASON_COMPLAINT = "complaint"
REASON_ALLOWED = "allowed again by the operator"


def has_complaint(subscriber: Subscriber) -> bool:
    """Return whether our mail was marked as spam; then not even a confirmation is sent there again."""
    return subscriber.status == SubscriberStatus.SUPPRESSED and subscriber.reason.startswith(REASON_COMPLAINT)


def suppression_reason(subscriber: Subscriber) -> str:
    """Return why a subscriber gets no confirmation; empty if they may."""
    if has_complaint(subscriber):
        return REASON_COMPLAINT
    return REASON_DECLINED if subscriber.reason == REASON_DECLINED else ""


def keep_suppression(session: Session, keys: Sequence[str], subscriber: Subscriber) -> None:
    """Add the address of a subscriber who is about to be deleted to the list, if they get no confirmation."""
    if reason := suppression_reason(subscriber):
        suppress_address(session, keys, subscriber.email_key, reason, subscriber.ended_at or subscriber.created_at)


def suppress_address(session: Session, keys: Sequence[str], email_key: str, reason: str, now: datetime) -> None:
    """Add an address to the list, for `REASON_DECLINED` or `REASON_COMPLAINT`."""
    entry = {"address_hash": hash_address(keys[0], email_key), "reason": reason, "created_at": now}
    statement = database.insert(session, SuppressionEntry).values(entry)
    session.execute(statement.on_conflict_do_nothing(index_elements=["address_hash"]))


def lift_declined_address(session: Session, keys: Sequence[str], email_key: str) -> None:
    """Take an address off the list whose owner declined before, and asks for our e-mails now."""
    hashes = [hash_address(key, email_key) for key in keys]
    session.execute(
        delete(SuppressionEntry)
        .where(col(SuppressionEntry.address_hash).in_(hashes))
        .where(col(SuppressionEntry.reason) == REASON_DECLINED)
    )


def is_listed(session: Session, keys: Sequence[str], email_key: str) -> bool:
    """Return whether an address is on the list, whichever key it was hashed with."""
    return find_entry(session, keys, email_key) is not None


def find_entry(session: Session, keys: Sequence[str], email_key: str) -> SuppressionEntry | None:
    """Return the entry of an address; None where it is not on the list."""
    hashes = [hash_address(key, email_key) for key in keys]
    return session.exec(select(SuppressionEntry).where(col(SuppressionEntry.address_hash).in_(hashes))).first()


def lift_suppression(session: Session, keys: Sequence[str], email_key: str) -> bool:
    """Let an address get confirmations again; return whether it got none."""
    hashes = [hash_address(key, email_key) for key in keys]
    removed = session.execute(
        delete(SuppressionEntry)
        .where(col(SuppressionEntry.address_hash).in_(hashes))
        .returning(col(SuppressionEntry.address_hash))
    ).all()
    subscriber = session.exec(select(Subscriber).where(Subscriber.email_key == email_key).with_for_update()).first()
    if subscriber is None or not suppression_reason(subscriber):
        return bool(removed)
    if subscriber.status == SubscriberStatus.SUPPRESSED:
        subscriber.status = SubscriberStatus.UNSUBSCRIBED
    subscriber.reason = REASON_ALLOWED
    return True


def hash_address(key: str, email_key: str) -> str:
    """Return the keyed hash of an address in the form to compare by."""
    return hmac.digest(key.encode(), b"digest suppression list\0" + email_key.encode(), "sha256").hex()
