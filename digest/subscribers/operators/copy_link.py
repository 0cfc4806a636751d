"""Mail the link to the web copy of a digest once more, for a subscriber who cannot find the e-mail."""

from datetime import datetime, timedelta

from sqlmodel import col, select

from digest import delivery
from digest.context import AppContext
from digest.database import record_action, write_session
from digest.database.models import COPY_LINK, Delivery, DeliveryKind, ObjectKind, OperatorAction, Subscriber
from digest.delivery import NewDelivery
from digest.errors import SubscriberError
from digest.subscribers import messages
from digest.subscribers.records import RUNNING_STATUSES
from digest.tokens import delivery_subject

MAX_COPIES_PER_DAY = 3  # links to one subscriber


def send_copy_link(ctx: AppContext, actor: str, delivery_id: int, now: datetime) -> OperatorAction:
    """Queue an e-mail with the link to the copy of a digest, for an operator.

    Raises SubscriberError with the reason why not.
    """
    with write_session(ctx.engine) as session:
        digest = session.get(Delivery, delivery_id)
        if digest is None or digest.kind != DeliveryKind.DIGEST:
            raise SubscriberError(messages.NOT_A_DIGEST)
        days = ctx.settings.web_copy_days
        if now - digest.created_at > timedelta(days=days):
            raise SubscriberError(messages.web_copy_expired(days))
        # Locked: of two requests at once the second counts what the first has queued.
        subscriber = session.get_one(Subscriber, digest.subscriber_id, with_for_update={"key_share": True})
        if subscriber.status not in RUNNING_STATUSES:
            raise SubscriberError(messages.gets_no_emails(subscriber.status))
        today = now.date().isoformat()
        copies_today = select(Delivery.id).where(
            Delivery.subscriber_id == subscriber.id,
            col(Delivery.edition).startswith(f"{COPY_LINK}:"),
            col(Delivery.edition).endswith(f":{today}"),
        )
        if len(session.exec(copies_today).all()) >= MAX_COPIES_PER_DAY:
            raise SubscriberError(messages.too_many_copies(MAX_COPIES_PER_DAY))
        edition = f"{COPY_LINK}:{delivery_subject(delivery_id, digest.message_id)}:{digest.edition}:{today}"
        copy = NewDelivery(digest.subscriber_id, DeliveryKind.ALREADY_SUBSCRIBED, edition)
        if not delivery.enqueue(session, [copy], ctx.sender_domain, now):
            raise SubscriberError(messages.ALREADY_SENT_TODAY)
        return record_action(session, actor, "send-copy", ObjectKind.DELIVERY, delivery_id, now)
