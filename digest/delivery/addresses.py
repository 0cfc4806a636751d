"""Addresses that deliveries go to: nearly always the subscriber's, but a change of address involves two."""

from sqlmodel import Session, col, select

from digest.database.models import Delivery, DeliveryKind, Subscriber

# They end the time of an address: what was queued before them went to it.
LAST_OF_AN_ADDRESS = (DeliveryKind.ADDRESS_CHANGED, DeliveryKind.ADDRESS_RESTORED)


def address_of(session: Session, delivery: Delivery) -> str:
    """Return the address that a delivery went to, which its subscriber may have changed since."""
    if delivery.recipient:
        return delivery.recipient
    following = (
        select(Delivery.recipient)
        .where(Delivery.subscriber_id == delivery.subscriber_id, col(Delivery.kind).in_(LAST_OF_AN_ADDRESS))
        .where(col(Delivery.id) > delivery.id)
        .order_by(col(Delivery.id))
        .limit(1)
    )
    return session.exec(following).first() or session.get_one(Subscriber, delivery.subscriber_id).email


def last_address_change(session: Session, subscriber_id: int, *kinds: DeliveryKind) -> int:
    """Return the id of the notice, of one of these kinds, about the last change of address; 0 if there is none."""
    notices = select(Delivery.id).where(
        Delivery.subscriber_id == subscriber_id, col(Delivery.kind).in_(kinds or LAST_OF_AN_ADDRESS)
    )
    return int(session.exec(notices.order_by(col(Delivery.id).desc()).limit(1)).first() or 0)


def went_to_current_address(session: Session, delivery: Delivery) -> bool:
    """Return whether a delivery went to the address that its subscriber has now: others say nothing about it."""
    email = session.get_one(Subscriber, delivery.subscriber_id).email
    return address_of(session, delivery).casefold() == email.casefold()
