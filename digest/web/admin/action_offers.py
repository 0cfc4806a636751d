"""Which actions can be taken on an object now, and what was done to it just before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    ObjectKind,
    OperatorAction,
    Subscriber,
    SubscriberStatus,
)
from digest.jobs import can_undo
from digest.subscribers import REASON_REMOVED, RUNNING_STATUSES, has_complaint
from digest.web.admin import messages
from digest.web.admin.action_texts import DELIVERY_TEXTS, SUBSCRIBER_TEXTS, ActionText, done_text


@dataclass(frozen=True, slots=True)
class ActionOffer:
    """Action that can be taken. `name` is the last part of the path of its page."""

    name: str
    text: ActionText


@dataclass(frozen=True, slots=True)
class DoneNote:
    """What was just done. `undo_id`: the action, where it can be undone; else 0."""

    sentence: str
    undo_id: int


def subscriber_offers(subscriber: Subscriber) -> list[ActionOffer]:
    """Return what can be done with a subscription; what takes most away is the last."""
    names: list[str] = []
    match subscriber.status:
        case SubscriberStatus.ACTIVE:
            names = ["pause", "remove"]
        case SubscriberStatus.PAUSED:
            names = ["resume", "remove"]
        case SubscriberStatus.PENDING:
            names = ["resend-confirmation", "remove"]
        case SubscriberStatus.SUPPRESSED if not has_complaint(subscriber):
            names = ["restore"]
        case SubscriberStatus.UNSUBSCRIBED if subscriber.reason == REASON_REMOVED:
            names = ["restore"]
    return _offers(SUBSCRIBER_TEXTS, [*names, "erase"])


def delivery_offers(delivery: Delivery, subscriber_status: str, now: datetime, copy_days: int) -> list[ActionOffer]:
    """Return what can be done with a delivery; that of an uncertain one is on its page."""
    names: list[str] = []
    match delivery.state:
        case DeliveryState.QUEUED:
            names = ["retry", "cancel"] if delivery.next_attempt_at else ["cancel"]
        case DeliveryState.SENDING:
            names = ["release"]
        case DeliveryState.FAILED if not delivery.is_reclaimed and subscriber_status in RUNNING_STATUSES:
            names = ["retry"]
    has_copy = delivery.kind == DeliveryKind.DIGEST and now - delivery.created_at <= timedelta(days=copy_days)
    if has_copy and delivery.state == DeliveryState.SENT and subscriber_status in RUNNING_STATUSES:
        names.append("send-copy")
    return _offers(DELIVERY_TEXTS, names)


def find_done(
    session: Session, number: int | None, kind: ObjectKind | None = None, object_id: int | str = ""
) -> DoneNote | None:
    """Return what an action did, if it was on this kind of object and on this one, where these are given."""
    record = session.get(OperatorAction, number) if number else None
    if record is None or (kind and record.object_kind != kind) or (object_id and record.object_id != str(object_id)):
        return None
    if record.undone_at is not None:
        return DoneNote(messages.UNDONE, 0)
    sentence = done_text(record.object_kind, record.action, str(record.read_detail().get("outcome", "")))
    return DoneNote(sentence, int(record.id or 0) if can_undo(record) else 0) if sentence else None


def _offers(texts: Mapping[str, ActionText], names: Iterable[str]) -> list[ActionOffer]:
    return [ActionOffer(name, texts[name]) for name in names]
