"""A reader cannot find a letter any more: the link to its copy on the web is mailed to them once more.

Through the record and the queue, as every letter: this only notes that it is to be sent.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from digest import deliveries
from digest.db import writing
from digest.deliveries import Draft
from digest.errors import SubscriberError
from digest.house import House
from digest.letters import say
from digest.models import Delivery, DeliveryKind, Subscriber
from digest.subscribers import RUNNING
from digest.writing import COPY

MOST = 3  # links a day to one reader


def send_copy(house: House, number: int, now: datetime) -> None:
    """Queue the link to the copy of a digest. Raises SubscriberError, which says why not."""
    with writing(house.engine) as session:
        letter = session.get(Delivery, number)
        if letter is None or letter.kind != DeliveryKind.DIGEST:
            raise SubscriberError("Only digests have a copy on the web.")
        days = house.settings.web_copy_days
        if now - letter.created_at > timedelta(days=days):
            raise SubscriberError(f"Copies can be looked at for {say.count(days, 'day')}, and this letter is older.")
        # Locked: of two who press at once the second counts what the first has queued.
        reader = session.get_one(Subscriber, letter.subscriber_id, with_for_update={"key_share": True})
        if reader.status not in RUNNING:
            raise SubscriberError(f"This reader is {reader.status} and gets no letters.")
        today = now.date().isoformat()
        if _sent(session, letter.subscriber_id, today) >= MOST:
            raise SubscriberError(f"At most {MOST} such links a day go to one reader; try again tomorrow.")
        draft = Draft(
            letter.subscriber_id, DeliveryKind.ALREADY_SUBSCRIBED, f"{COPY}:{number}:{letter.edition}:{today}"
        )
        if not deliveries.enqueue(session, [draft], house.domain, now):
            raise SubscriberError("This link was sent today already.")


def _sent(session: Session, reader: int, today: str) -> int:
    asked = select(Delivery.id).where(Delivery.subscriber_id == reader, col(Delivery.edition).startswith(f"{COPY}:"))
    return len(session.exec(asked.where(col(Delivery.edition).endswith(f":{today}"))).all())
