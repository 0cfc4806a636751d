"""What happened to one letter, in order: for whoever asks why it came, or did not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.models import Delivery, Evidence, State

ENDED = {
    State.SENT: "the relay took it",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled: the reader wanted no letter any more",
    State.EXPIRED: "expired: the next edition took its papers",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `at` is None where nobody noted the instant."""

    at: datetime | None
    what: str


def evidence(session: Session, delivery_id: int) -> Sequence[Evidence]:
    """The mails that came back about a letter, in the order in which they were read."""
    asked = select(Evidence).where(Evidence.delivery_id == delivery_id).order_by(col(Evidence.id))
    return session.exec(asked).all()


def story(delivery: Delivery, came_back: Sequence[Evidence]) -> list[Event]:
    """A letter's whole life, as far as it is recorded."""
    said = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    told = f": {said}" if said else ""
    events = [Event(delivery.created_at, f"queued: {delivery.kind} {delivery.edition}")]
    if delivery.attempts:
        events.append(
            Event(None, f"{delivery.attempts} {'attempt' if delivery.attempts == 1 else 'attempts'} to send it")
        )
    match delivery.state:
        case State.QUEUED if delivery.attempts:
            events.append(Event(None, f"put off{told}"))
        case State.SENDING | State.ON_WIRE:
            events.append(Event(None, "being sent now"))
        case State.UNCERTAIN:
            events.append(Event(None, f"uncertain, whether it arrived{told}"))
        case State.SENT | State.FAILED | State.CANCELLED | State.EXPIRED:
            events.append(Event(delivery.settled_at, ENDED[State(delivery.state)] + told))
    events += [Event(each.received_at, f"came back: {in_words(each)}") for each in came_back]
    if delivery.state == State.QUEUED and delivery.next_attempt_at:
        events.append(Event(delivery.next_attempt_at, "will be tried again"))
    return events


def in_words(each: Evidence) -> str:
    """A mail that came back, in a line: its verdict, why, and who read it."""
    why = f"{each.status} {each.reason}".strip()
    return f"{each.verdict}{f', {why}' if why else ''} (read by {each.parser})"
