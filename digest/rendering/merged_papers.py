"""Digests that were queued before two of their papers turned out to be one."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, cast

from sqlalchemy import Select, Table, inspect, or_
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from digest.database import array_value, is_in_parameter, is_in_values, is_postgresql
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, DeliveryState, Paper
from digest.papers import POSSIBLY_DELIVERED

HAD_STATES = (DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN)


def replace_merged(session: Session, deliveries: Sequence[ClaimedDelivery], *, is_sent: bool) -> frozenset[int]:
    """Put the row that stands for a merged paper in its place, and drop it where its subscriber has had it.

    Return the deliveries that are left empty. With `is_sent` nothing is dropped: that is what the e-mail had.
    """
    standing = _load_groups(session, {n for d in deliveries for n in d.all_papers})
    if not standing:
        return frozenset()
    affected = [d for d in deliveries if not standing.keys().isdisjoint(d.all_papers)]
    had = {} if is_sent else _load_had(session, affected, standing)
    for delivery in affected:
        dropped = had.get(delivery.id, set())
        papers = dict.fromkeys(standing.get(number, number) for number in delivery.papers)
        omitted = dict.fromkeys(standing.get(number, number) for number in delivery.omitted_papers)
        delivery.papers[:] = [number for number in papers if number not in dropped]
        delivery.omitted_papers[:] = [n for n in omitted if n not in dropped and n not in papers]
        delivery.replace_close_papers(standing, dropped | papers.keys() | omitted.keys())
    return frozenset(d.id for d in affected if d.kind == DeliveryKind.DIGEST and not d.papers)


def _load_groups(session: Session, paper_ids: Collection[int]) -> dict[int, int]:
    """Return the row that stands for each of these papers of which there is more than one row."""
    if not paper_ids:
        return {}
    statement = _groups_statement(postgresql=is_postgresql(session))
    rows = session.connection().execute(statement, {"numbers": array_value(session, paper_ids)}).all()
    merged = {int(number): int(standing) for number, standing in rows}
    return merged | {standing: standing for standing in merged.values()}


@cache
def _groups_statement(*, postgresql: bool) -> Select[Any]:
    """Return the statement of `_load_groups`, which is built once because each batch of e-mails asks."""
    papers = cast("Table", inspect(Paper).local_table).c
    is_wanted = or_(
        is_in_parameter(papers.id, postgresql=postgresql), is_in_parameter(papers.merged_into, postgresql=postgresql)
    )
    return core_select(papers.id, papers.merged_into).where(papers.merged_into.is_not(None), is_wanted)


def _load_had(
    session: Session, deliveries: Sequence[ClaimedDelivery], standing: Mapping[int, int]
) -> dict[int, set[int]]:
    """Return, by delivery, which of these papers another one brings: one that has left, or that was queued before."""
    columns = (Delivery.id, Delivery.subscriber_id, Delivery.state, Delivery.papers, Delivery.close_papers)
    rows = session.execute(
        select(*columns).where(  # type: ignore[call-overload]
            is_in_values(session, Delivery.subscriber_id, {delivery.subscriber_id for delivery in deliveries}),
            Delivery.kind == DeliveryKind.DIGEST,
            col(Delivery.state).in_(POSSIBLY_DELIVERED),
        )
    ).all()
    had: dict[int, set[int]] = {}
    for delivery in deliveries:
        for number, subscriber_id, state, papers, close_papers in rows:
            is_before = int(number or 0) < delivery.id or (state in HAD_STATES and number != delivery.id)
            if subscriber_id == delivery.subscriber_id and is_before:
                had.setdefault(delivery.id, set()).update(standing.get(n, n) for n in (*papers, *close_papers))
    return had
