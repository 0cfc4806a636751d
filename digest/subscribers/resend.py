"""A reader cannot find a letter any more: the link to its copy on the web is mailed to them once more.

Through the record and the queue, as every letter: this only notes that it is to be sent.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from digest.context import AppContext
from digest.database import write_session
from digest.database.models import COPY_LINK, Delivery, DeliveryKind, Subscriber
from digest.delivery import NewDelivery, enqueue
from digest.errors import SubscriberError
from digest.formatting import pluralize
from digest.subscribers.records import RUNNING_STATUSES

MAX_COPIES_PER_DAY = 3  # links a day to one reader


def send_copy_link(ctx: AppContext, delivery_id: int, now: datetime) -> None:
    """Queue the link to the copy of a digest. Raises SubscriberError, which says why not."""
    with write_session(ctx.engine) as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.kind != DeliveryKind.DIGEST:
            raise SubscriberError("Only digests have a copy on the web.")
        days = ctx.settings.web_copy_days
        if now - delivery.created_at > timedelta(days=days):
            raise SubscriberError(f"Copies can be looked at for {pluralize(days, 'day')}, and this letter is older.")
        # Locked: of two who press at once the second counts what the first has queued.
        subscriber = session.get_one(Subscriber, delivery.subscriber_id, with_for_update={"key_share": True})
        if subscriber.status not in RUNNING_STATUSES:
            raise SubscriberError(f"This reader is {subscriber.status} and gets no letters.")
        today = now.date().isoformat()
        if _count_copies(session, delivery.subscriber_id, today) >= MAX_COPIES_PER_DAY:
            raise SubscriberError(
                f"At most {MAX_COPIES_PER_DAY} such links a day go to one reader; try again tomorrow."
            )
        copy_delivery = NewDelivery(
            delivery.subscriber_id,
            DeliveryKind.ALREADY_SUBSCRIBED,
            f"{COPY_LINK}:{delivery_id}:{delivery.edition}:{today}",
        )
        if not enqueue(session, [copy_delivery], ctx.sender_domain, now):
            raise SubscriberError("This link was sent today already.")


def _count_copies(session: Session, subscriber_id: int, today: str) -> int:
    statement = select(Delivery.id).where(
        Delivery.subscriber_id == subscriber_id, col(Delivery.edition).startswith(f"{COPY_LINK}:")
    )
    return len(session.exec(statement.where(col(Delivery.edition).endswith(f":{today}"))).all())
