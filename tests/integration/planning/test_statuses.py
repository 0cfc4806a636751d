"""Who takes part in a plan: active subscribers, and nobody else who shares their hour."""

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database.models import DeliveryState, SubscriberStatus
from digest.planning import PlanReport, due_groups, plan
from digest.planning.carry_over import undelivered_trending
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    mailed_paper_ids,
    plan_digests,
    set_status,
    store_papers,
)
from tests.support.factories import paper


@pytest.mark.parametrize("status", [status for status in SubscriberStatus if status != SubscriberStatus.ACTIVE])
def test_only_active_subscribers_of_an_hour_get_a_digest(
    ctx: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    set_status(ctx.engine, BOB, status)
    store_papers(ctx, TUESDAY, "A robot walks")
    assert plan_digests(ctx, TUESDAY) == PlanReport(due=1, digests=1, without_papers=0)
    assert (record.delivery_kinds(ADA), record.delivery_kinds(BOB)) == (["digest"], [])
    assert record.subscriber(BOB).last_due_day is None
    set_status(ctx.engine, ADA, status, last_due_day=None)
    assert due_groups(ctx.engine, TUESDAY) == [], "no plan is made for their sake"


def test_the_report_counts_the_subscribers_of_all_chunks(sqlite_store: Engine, ctx: AppContext) -> None:
    for number, keyword in enumerate(("robot", "protein", "robot", "robot")):
        add_active_subscriber(ctx, f"{number}@example.org", keyword, now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    report = plan(ctx.engine, ctx.sender_domain, TUESDAY, chunk_size=1)
    assert report == PlanReport(due=4, digests=3, without_papers=1)


def test_a_trending_paper_that_had_no_room_yesterday_does_not_come_today(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, trending=True)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY, send_hour=23)
    # Not due on either day, so that for him, and in the papers that are loaded, all of them are still new.
    set_status(ctx.engine, BOB, SubscriberStatus.ACTIVE, last_due_day=TUESDAY.date())
    [robot] = store_papers(ctx, TUESDAY, "A robot walks")
    trending = store_papers(ctx, TUESDAY, "One", "Two", "Three", "Four", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    [second] = store_papers(ctx, TUESDAY + DAY, "A robot swims")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record) == [[robot, *trending[:3]], [second]]


def test_of_an_undelivered_email_only_trending_papers_come_along_without_a_match() -> None:
    popular, ranked_nowhere = paper(id=1, upvotes=3), paper(id=2, upvotes=None)
    assert [candidate.paper_id for candidate in undelivered_trending([popular, ranked_nowhere], [])] == [1]
