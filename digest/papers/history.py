"""Which papers a subscriber had."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from digest.database import InvalidRow, create_invalid_row, invalid_column, is_in_values
from digest.database.models import Delivery, DeliveryKind, DeliveryState, InvalidList, Paper

POSSIBLY_DELIVERED = (
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.ON_WIRE,
    DeliveryState.SENT,
    DeliveryState.UNCERTAIN,
)


def delivered_paper_ids(
    session: Session, subscriber_ids: Sequence[int], unreadable: dict[int, InvalidRow] | None = None
) -> dict[int, set[int]]:
    """Return the papers that each subscriber has or may have had, or will have when the queue is sent, in any section.

    With a paper also counts the one that stands for it. A delivery that cannot be read is left out; `unreadable` then
    names it under its subscriber.
    """
    rows = session.exec(
        select(Delivery.id, Delivery.subscriber_id, Delivery.papers, Delivery.close_papers)
        .where(is_in_values(session, col(Delivery.subscriber_id), subscriber_ids), Delivery.kind == DeliveryKind.DIGEST)
        .where(col(Delivery.state).in_(POSSIBLY_DELIVERED))
    ).all()
    delivered: dict[int, set[int]] = {}
    for delivery_id, subscriber_id, papers, close_papers in rows:
        delivered.setdefault(subscriber_id, set()).update(papers, close_papers)
        if unreadable is not None and (isinstance(papers, InvalidList) or isinstance(close_papers, InvalidList)):
            unreadable[subscriber_id] = create_invalid_row(Delivery, delivery_id, invalid_column("papers"))
    merged = load_merged(session, {number for papers in delivered.values() for number in papers})
    for had in delivered.values() if merged else ():
        had |= {merged[number] for number in had & merged.keys()}
    return delivered


def load_merged(session: Session, paper_ids: Collection[int]) -> dict[int, int]:
    """Return those of these papers that are merged, each with the row that stands for it."""
    rows = select(col(Paper.id), col(Paper.merged_into)).where(
        is_in_values(session, Paper.id, paper_ids), col(Paper.merged_into).is_not(None)
    )
    return {int(number or 0): int(standing or 0) for number, standing in session.exec(rows)} if paper_ids else {}
