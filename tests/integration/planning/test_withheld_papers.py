"""A paper that cannot be read when subscribers are planned comes once to each of them when it can be read again."""

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import quarantined_rows, read_session, release_row, write_session
from digest.database.models import DeliveryState, Listing, Paper
from digest.planning import PlanReport, plan
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    add_many_subscribers,
    mailed_paper_ids,
    make_context,
    plan_digests,
    store_papers,
)
from tests.support.spoiled_rows import spoil

EVE = "eve@example.org"
DAMAGE = "UPDATE paper SET authors = 'null' WHERE id = 1"
MEND = "UPDATE paper SET authors = '[]' WHERE id = 1"


@pytest.fixture
def planned(ctx: AppContext, record: StoreView) -> AppContext:
    """A context with a damaged paper that Ada has had; Bob was planned without it, and Eve wants something else."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    assert plan_digests(ctx, TUESDAY).digests == 1
    record.set_state(DeliveryState.SENT)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    add_active_subscriber(ctx, EVE, "protein", now=TUESDAY)
    spoil(ctx.engine, DAMAGE)
    assert plan_digests(ctx, TUESDAY) == PlanReport(2, 0, 2, 1)
    return ctx


def first_listing_id(ctx: AppContext) -> int:
    with read_session(ctx.engine) as session:
        return session.exec(select(Paper.first_listing_id).where(Paper.id == 1)).one()


def test_a_mended_paper_comes_once_to_whoever_did_not_have_it(planned: AppContext, record: StoreView) -> None:
    assert first_listing_id(planned) == 0
    spoil(planned.engine, MEND)
    assert plan_digests(planned, TUESDAY + DAY).digests == 1
    record.set_state(DeliveryState.SENT)
    assert plan_digests(planned, TUESDAY + 3 * DAY).digests == 0
    assert [mailed_paper_ids(record, who) for who in (ADA, BOB, EVE)] == [[[1]], [[1]], []]
    with read_session(planned.engine) as session:
        [listing] = session.exec(select(Listing)).all()
        assert (listing.list_day, listing.first_seen_at) == (TUESDAY.date(), TUESDAY), "it is listed where it was"


def test_a_released_paper_that_still_cannot_be_read_waits_on(planned: AppContext, record: StoreView) -> None:
    with write_session(planned.engine) as session:
        [row] = quarantined_rows(session)
        assert release_row(session, int(row.id or 0), TUESDAY + DAY)
    assert plan_digests(planned, TUESDAY + 2 * DAY).unreadable == 1
    assert first_listing_id(planned) == 0
    spoil(planned.engine, MEND)
    assert plan_digests(planned, TUESDAY + 3 * DAY).digests == 1
    assert mailed_paper_ids(record, BOB) == [[1]]


def test_a_paper_whose_number_cannot_be_read_gets_a_fresh_one(sqlite_store: Engine) -> None:
    ctx, record = make_context(sqlite_store), StoreView(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A robot swims")
    spoil(ctx.engine, "UPDATE paper SET first_listing_id = 'all' WHERE id = 1")
    for day in range(3):
        plan_digests(ctx, TUESDAY + day * DAY)
        record.set_state(DeliveryState.SENT)
    assert mailed_paper_ids(record) == [[2], [1]]


def test_a_plan_that_dies_after_its_first_subscribers_forgets_no_paper(ctx: AppContext, record: StoreView) -> None:
    add_many_subscribers(ctx, 6)  # the first and the fourth want robots
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    spoil(ctx.engine, DAMAGE)
    chunks = iter([False, False])

    def stop_hard() -> bool:
        try:
            return next(chunks)
        except StopIteration:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        plan(ctx.engine, ctx.sender_domain, TUESDAY, chunk_size=2, should_stop=stop_hard)
    spoil(ctx.engine, MEND)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    plan_digests(ctx, TUESDAY + DAY)
    assert [mailed_paper_ids(record, f"{n}@example.org") for n in range(6)] == [[[1]], [[2]], [], [[1]], [[2]], []]


def test_a_paper_that_did_not_arrive_and_cannot_be_read_comes_later(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A robot swims")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.FAILED, ADA)
    record.set_state(DeliveryState.SENT, BOB)
    spoil(ctx.engine, DAMAGE)
    assert plan_digests(ctx, TUESDAY + DAY).unreadable == 1
    record.set_state(DeliveryState.SENT)
    spoil(ctx.engine, MEND)
    for day in (2, 3):
        plan_digests(ctx, TUESDAY + day * DAY)
        record.set_state(DeliveryState.SENT)
    assert mailed_paper_ids(record, ADA)[1:] == [[2], [1]]
    assert len(mailed_paper_ids(record, BOB)) == 1


def test_a_mended_paper_whose_digest_still_waits_comes_once(planned: AppContext, record: StoreView) -> None:
    spoil(planned.engine, MEND)
    plan_digests(planned, TUESDAY + DAY)
    add_active_subscriber(planned, "zoe@example.org", "robot", now=TUESDAY + DAY)
    spoil(planned.engine, DAMAGE)
    store_papers(planned, TUESDAY + DAY, "A robot swims")
    plan_digests(planned, TUESDAY + DAY)  # for Zoe, while Bob's digest is in the queue
    spoil(planned.engine, MEND)
    plan_digests(planned, TUESDAY + 2 * DAY)  # withdraws what waits, and has the paper under a fresh number
    expired, later = record.deliveries(BOB)
    assert (expired.state, expired.papers) == (DeliveryState.EXPIRED, [1])
    assert (sorted(later.papers), later.omitted_papers) == ([1, 2], [])
    assert [sorted(papers) for papers in mailed_paper_ids(record, "zoe@example.org")] == [[2], [1, 2]]
    assert mailed_paper_ids(record, ADA) == [[1], [2]]


def test_a_mended_paper_trends_for_those_who_did_not_have_it(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    add_active_subscriber(ctx, BOB, now=TUESDAY)
    spoil(ctx.engine, DAMAGE)
    plan_digests(ctx, TUESDAY)
    spoil(ctx.engine, MEND)
    for day in (2, 3):
        plan_digests(ctx, TUESDAY + day * DAY)
        record.set_state(DeliveryState.SENT)
    assert [mailed_paper_ids(record, who) for who in (ADA, BOB)] == [[[1]], [[1]]]


def test_a_paper_that_no_plan_missed_keeps_its_number(ctx: AppContext, record: StoreView) -> None:
    """An old paper whose row is damaged and mended is news for nobody."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    number = first_listing_id(ctx)
    spoil(ctx.engine, DAMAGE)
    plan_digests(ctx, TUESDAY + DAY)
    spoil(ctx.engine, MEND)
    plan_digests(ctx, TUESDAY + 2 * DAY)
    assert first_listing_id(ctx) == number
