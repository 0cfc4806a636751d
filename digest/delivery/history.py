"""What happened to one letter, in order: for whoever asks why it came, or did not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.database.models import BounceRecord, Delivery, DeliveryState

FINAL_TEXTS = {
    DeliveryState.SENT: "the relay took it",
    DeliveryState.FAILED: "failed",
    DeliveryState.CANCELLED: "cancelled: the reader wanted no letter any more",
    DeliveryState.EXPIRED: "expired: the next edition took its papers",
}


@dataclass(frozen=True, slots=True)
class DeliveryEvent:
    """One thing that happened; `at` is None where nobody noted the instant."""

    at: datetime | None
    what: str


def bounces_of(session: Session, delivery_id: int) -> Sequence[BounceRecord]:
    """The mails that came back about a letter, in the order in which they were read."""
    asked = select(BounceRecord).where(BounceRecord.delivery_id == delivery_id).order_by(col(BounceRecord.id))
    return session.exec(asked).all()


def delivery_history(delivery: Delivery, bounces: Sequence[BounceRecord]) -> list[DeliveryEvent]:
    """A letter's whole life, as far as it is recorded."""
    said = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    told = f": {said}" if said else ""
    events = [DeliveryEvent(delivery.created_at, f"queued: {delivery.kind} {delivery.edition}")]
    if delivery.attempts:
        events.append(
            DeliveryEvent(None, f"{delivery.attempts} {'attempt' if delivery.attempts == 1 else 'attempts'} to send it")
        )
    match delivery.state:
        case DeliveryState.QUEUED if delivery.attempts:
            events.append(DeliveryEvent(None, f"put off{told}"))
        case DeliveryState.SENDING | DeliveryState.ON_WIRE:
            events.append(DeliveryEvent(None, "being sent now"))
        case DeliveryState.UNCERTAIN:
            events.append(DeliveryEvent(None, f"uncertain, whether it arrived{told}"))
        case DeliveryState.SENT | DeliveryState.FAILED | DeliveryState.CANCELLED | DeliveryState.EXPIRED:
            events.append(DeliveryEvent(delivery.settled_at, FINAL_TEXTS[DeliveryState(delivery.state)] + told))
    events += [DeliveryEvent(each.received_at, f"came back: {describe_bounce(each)}") for each in bounces]
    if delivery.state == DeliveryState.QUEUED and delivery.next_attempt_at:
        events.append(DeliveryEvent(delivery.next_attempt_at, "will be tried again"))
    return events


def describe_bounce(bounce: BounceRecord) -> str:
    """A mail that came back, in a line: its verdict, why, and who read it."""
    why = f"{bounce.status_code} {bounce.reason}".strip()
    return f"{bounce.bounce_class}{f', {why}' if why else ''} (read by {bounce.parser})"
