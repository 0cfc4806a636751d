"""Resume sending from a store that does not know what was sent from it: see `digest.database.send_mark`."""

from datetime import UTC, date, datetime

from sqlalchemy import Engine, func, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database import check_mark, read_mark, renew_mark, write_session
from digest.database.models import OPEN_STATES, Delivery, DeliveryState, Listing, Paper, Subscriber
from digest.delivery import messages
from digest.delivery.transitions import RECLAIMABLE_STATES
from digest.errors import StaleStoreError, UsageError

ASSUMED_REPLY = messages.ASSUMED_SENT


def resume_sending(engine: Engine, now: datetime, *, assume_sent: bool) -> int:
    """Let sending go on although the mark is ahead; return how many queued deliveries count as sent.

    With `assume_sent` nothing comes twice: what was queued before the mark was written counts as sent, and so does
    every paper listed up to that day, which must have been fetched again before. Else nothing is lost: what the store
    knows as unsent is sent. Raises UsageError when there is nothing to resume.
    """
    try:
        check_mark(engine)
    except StaleStoreError:
        mark = read_mark(engine)
    else:
        raise UsageError(messages.NOTHING_TO_RESUME)
    assumed = 0
    if assume_sent and mark:
        with write_session(engine) as session:
            assumed = assume_queued_sent(session, mark.instant, now)
            cover_listings(session, mark.instant)
    renew_mark(engine, now)
    return assumed


def assume_queued_sent(session: Session, until: datetime, now: datetime) -> int:
    """Settle what was queued until an instant as sent; return how many deliveries it was."""
    earlier = col(Delivery.created_at) <= until
    settled = {"state": DeliveryState.SENT, "reply": ASSUMED_REPLY, "settled_at": now}
    assumed = session.execute(
        update(Delivery)
        .where(earlier, col(Delivery.state).in_(OPEN_STATES))
        .values(**settled, owner=None, lease_expires_at=None, next_attempt_at=None)
        .returning(col(Delivery.id))
    ).all()
    # Papers that were to come with a later edition, which may have left.
    session.execute(
        update(Delivery).where(earlier, col(Delivery.state).in_(RECLAIMABLE_STATES)).values(is_reclaimed=True)
    )
    return len(assumed)


def cover_listings(session: Session, until: datetime) -> None:
    """Let every paper listed until the day of an instant count as considered for those who were subscribed by then."""
    last = session.scalar(select(func.max(Listing.id))) or 0
    move_later_listings(session, until.astimezone(UTC).date(), last)
    session.execute(
        update(Subscriber)
        .where(col(Subscriber.created_at) <= until, col(Subscriber.covered_listing_id) < last)
        .values(covered_listing_id=last)
    )


def move_later_listings(session: Session, day: date, last: int) -> None:
    """Give listings of later days ids above `last`, because new is what has a higher id than is covered.

    A paper keeps its number where that is not of a moved listing, and where it had none: one that is merged, withheld
    or backlog. Else its number becomes the lowest one that the listings of its rows have now.
    """
    session.execute(update(Listing).where(col(Listing.list_day) > day).values(id=col(Listing.id) + last))
    row = aliased(Paper)
    first = (
        select(func.min(Listing.id))
        .join(row, col(row.id) == col(Listing.paper_id))
        .where(or_(col(row.id) == Paper.id, col(row.merged_into) == Paper.id))
        .where(col(Listing.id) >= Paper.first_listing_id)  # lower ones are of before it became new again
    )
    is_moved = (col(Paper.first_listing_id) + last).in_(select(Listing.id).where(col(Listing.id) > last))
    session.execute(
        update(Paper)
        .where(col(Paper.first_listing_id) > 0, is_moved)
        .values(first_listing_id=first.scalar_subquery())
        .execution_options(synchronize_session=False)
    )
