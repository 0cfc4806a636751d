"""Digests that were queued before one of their papers was retracted or withdrawn."""

from collections.abc import Sequence

from sqlmodel import Session

from digest.database.models import ClaimedDelivery, DeliveryKind
from digest.papers import retracted_paper_ids


def drop_retracted(session: Session, deliveries: Sequence[ClaimedDelivery]) -> frozenset[int]:
    """Drop papers from e-mails that have not left. Return the digests that are left empty."""
    retracted = retracted_paper_ids(session, {n for d in deliveries for n in d.all_papers})
    if not retracted:
        return frozenset()
    affected = [d for d in deliveries if not retracted.isdisjoint(d.all_papers)]
    for delivery in affected:
        delivery.papers[:] = [number for number in delivery.papers if number not in retracted]
        delivery.omitted_papers[:] = [number for number in delivery.omitted_papers if number not in retracted]
        delivery.replace_close_papers({}, retracted)
    return frozenset(d.id for d in affected if d.kind == DeliveryKind.DIGEST and not d.papers)
