"""Rows of deliveries, in the list of all and in that of one subscriber."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from digest.database.models import COPY_LINK, Delivery, DeliveryKind, DeliveryState, SavedKeyword, Subscriber
from digest.web.admin import messages
from digest.web.admin.action_offers import ActionOffer, delivery_offers

REASON_STATES = (DeliveryState.FAILED, DeliveryState.QUEUED, DeliveryState.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Delivery as a list shows it. `reason`: what the relay replied, where it did not accept it.

    `offers`: what can be done with it.
    """

    delivery: Delivery
    address: str
    title: str
    status: str
    dot: str
    reason: str
    offers: Sequence[ActionOffer] = ()


def load_delivery_rows(
    session: Session, deliveries: Sequence[Delivery], now: datetime, copy_days: int
) -> list[DeliveryRow]:
    """Return the rows of some deliveries, in two statements however many they are."""
    numbers = {delivery.subscriber_id for delivery in deliveries}
    ids = col(Subscriber.id)
    statement = select(ids, col(Subscriber.email), col(Subscriber.status)).where(ids.in_(numbers))
    known = {number: (address, status) for number, address, status in session.execute(statement)}
    keywords = select(col(SavedKeyword.subscriber_id), col(SavedKeyword.keyword_id), col(SavedKeyword.text))
    texts = {
        (owner, keyword): text
        for owner, keyword, text in session.execute(keywords.where(col(SavedKeyword.subscriber_id).in_(numbers)))
    }
    return [
        DeliveryRow(
            delivery,
            delivery.recipient or known.get(delivery.subscriber_id, ("", ""))[0],
            describe_email(delivery, texts),
            messages.delivery_status(delivery, now.date()),
            messages.DOTS.get(delivery.state, "off"),
            _reason(delivery),
            delivery_offers(delivery, known.get(delivery.subscriber_id, ("", ""))[1], now, copy_days),
        )
        for delivery in deliveries
    ]


def describe_email(delivery: Delivery, texts: Mapping[tuple[int, int], str]) -> str:
    """Return what an e-mail is about. `texts`: keywords as their subscribers wrote them, by both numbers."""
    if delivery.kind == DeliveryKind.DIGEST:
        topics = [texts.get((delivery.subscriber_id, keyword), "") for keyword in delivery.keywords]
        return messages.digest_title(len(delivery.papers), [topic for topic in topics if topic])
    if delivery.edition.startswith(f"{COPY_LINK}:"):
        return messages.COPY_LINK_TITLE
    return messages.NOTICE_TITLES.get(delivery.kind, delivery.kind)


def _reason(delivery: Delivery) -> str:
    if delivery.state not in REASON_STATES or (delivery.state == DeliveryState.QUEUED and not delivery.attempts):
        return ""
    reply = f"{delivery.reply_code or ''} {delivery.reply}".strip()
    return reply or (messages.UNCERTAIN_REASON if delivery.state == DeliveryState.UNCERTAIN else "")
