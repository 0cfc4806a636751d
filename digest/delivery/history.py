"""What became of deliveries: the count of one run, and the history of a single delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.database.models import BounceRecord, ClaimedDelivery, Delivery, DeliveryState
from digest.delivery import messages
from digest.delivery.retry import DeliveryOutcome
from digest.formatting import pluralize

FINAL_TEXTS = {
    DeliveryState.SENT: messages.ACCEPTED,
    DeliveryState.FAILED: "failed",
    DeliveryState.CANCELLED: "cancelled",
    DeliveryState.EXPIRED: messages.EXPIRED,
}


@dataclass(slots=True)
class DeliveryReport:
    """Counts of one run. `busy`: another process is sending, so this one did nothing. `unreadable`: rows set aside."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    uncertain: int = 0
    cancelled: int = 0
    unreadable: int = 0
    papers: int = 0
    busy: bool = False
    relay_error: str = ""  # why the relay takes nothing from us

    def add(self, delivery: ClaimedDelivery, outcome: DeliveryOutcome) -> None:
        """Count one delivery."""
        match outcome.state:
            case DeliveryState.SENT:
                self.sent += 1
                self.papers += len(delivery.papers)
            case DeliveryState.QUEUED:
                self.deferred += outcome.counts_as_attempt  # else nothing was said about this delivery yet
            case DeliveryState.FAILED:
                self.failed += 1
            case DeliveryState.UNCERTAIN:
                self.uncertain += 1
            case DeliveryState.CANCELLED:
                self.cancelled += 1


@dataclass(frozen=True, slots=True)
class DeliveryEvent:
    """One thing that happened to a delivery; `at` is None where the instant is not recorded."""

    at: datetime | None
    text: str


def delivery_history(delivery: Delivery, bounces: Sequence[BounceRecord]) -> list[DeliveryEvent]:
    """Return what is recorded of a delivery, in order."""
    reply = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    if delivery.state == DeliveryState.CANCELLED and not reply:
        reply = messages.SUBSCRIBER_LEFT
    suffix = f": {reply}" if reply else ""
    events = [DeliveryEvent(delivery.created_at, f"queued: {delivery.kind} {delivery.edition}")]
    if delivery.attempts:
        events.append(DeliveryEvent(None, pluralize(delivery.attempts, "attempt")))
    match delivery.state:
        case DeliveryState.QUEUED if delivery.attempts:
            events.append(DeliveryEvent(None, f"deferred{suffix}"))
        case DeliveryState.SENDING | DeliveryState.ON_WIRE:
            events.append(DeliveryEvent(None, messages.SENDING))
        case DeliveryState.UNCERTAIN:
            events.append(DeliveryEvent(None, f"uncertain{suffix}"))
        case DeliveryState.SENT | DeliveryState.FAILED | DeliveryState.CANCELLED | DeliveryState.EXPIRED:
            events.append(DeliveryEvent(delivery.settled_at, FINAL_TEXTS[DeliveryState(delivery.state)] + suffix))
    events += [DeliveryEvent(bounce.received_at, f"bounced: {describe_bounce(bounce)}") for bounce in bounces]
    if delivery.state == DeliveryState.QUEUED and delivery.next_attempt_at:
        events.append(DeliveryEvent(delivery.next_attempt_at, "next attempt"))
    return events


def bounces_of(session: Session, delivery_id: int) -> Sequence[BounceRecord]:
    """Return the messages that came back about a delivery, in the order in which they were read."""
    bounces = select(BounceRecord).where(BounceRecord.delivery_id == delivery_id)
    return session.exec(bounces.order_by(col(BounceRecord.id))).all()


def describe_bounce(bounce: BounceRecord) -> str:
    """Return the class of a bounce, its reason and its parser in one line."""
    reason = f"{bounce.status_code} {bounce.reason}".strip()
    return messages.bounce(bounce.bounce_class, reason, bounce.parser)
