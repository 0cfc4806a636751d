"""One row that cannot be read harms only itself: everybody else gets a digest, and it is named until it is mended."""

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import quarantined_rows, read_session
from digest.database.models import DeliveryState, SubscriberStatus
from digest.planning import PlanReport
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    mailed_paper_ids,
    make_context,
    plan_digests,
    set_status,
    store_papers,
)
from tests.support.spoiled_rows import spoil

# What is spoiled of Ada's, and how it is mended. Ada is subscriber 1 with keyword 1, "robot".
SUBSCRIBER = "UPDATE subscriber SET {} WHERE id = 1"
KEYWORD = "UPDATE keyword SET canonical = '{}' WHERE id = 1"
ANY_STORE = {
    "unknown zone": (SUBSCRIBER.format("timezone = 'Mars/Base'"), SUBSCRIBER.format("timezone = 'UTC'")),
    "zone of the machine": (SUBSCRIBER.format("timezone = 'localtime'"), SUBSCRIBER.format("timezone = 'UTC'")),
    "zone that is a path": (SUBSCRIBER.format("timezone = '../UTC'"), SUBSCRIBER.format("timezone = 'UTC'")),
    "hour 24": (SUBSCRIBER.format("send_hour = 24"), SUBSCRIBER.format("send_hour = 0")),
    "hour -1": (SUBSCRIBER.format("send_hour = -1"), SUBSCRIBER.format("send_hour = 0")),
    "no papers at most": (SUBSCRIBER.format("cap = 0"), SUBSCRIBER.format("cap = 20")),
    "fewer than no papers": (SUBSCRIBER.format("cap = -5"), SUBSCRIBER.format("cap = 20")),
    "keyword of signs": (KEYWORD.format("\u064f"), KEYWORD.format("robot")),
    "keyword with an open bracket": (KEYWORD.format("(robot"), KEYWORD.format("robot")),
    "The keyword is empty": (KEYWORD.format(""), KEYWORD.format("robot")),
    "deeply nested keyword": (KEYWORD.format("(" * 5000), KEYWORD.format("robot")),
    "orphan saved keyword": (
        "UPDATE saved_keyword SET keyword_id = 999 WHERE subscriber_id = 1",
        "UPDATE saved_keyword SET keyword_id = 1 WHERE subscriber_id = 1",
    ),
}
ONLY_SQLITE = {
    "hour that is a word": (SUBSCRIBER.format("send_hour = 'noon'"), SUBSCRIBER.format("send_hour = 0")),
    "cap that is a word": (SUBSCRIBER.format("cap = 'many'"), SUBSCRIBER.format("cap = 20")),
    "mark that is a word": (
        SUBSCRIBER.format("covered_listing_id = 'all'"),
        SUBSCRIBER.format("covered_listing_id = 0"),
    ),
    "keyword with bytes that are no text": (
        "UPDATE keyword SET canonical = CAST(x'726F626FFF74' AS TEXT) WHERE id = 1",
        KEYWORD.format("robot"),
    ),
    "zone with bytes that are no text": (
        SUBSCRIBER.format("timezone = CAST(x'5554FF43' AS TEXT)"),
        SUBSCRIBER.format("timezone = 'UTC'"),
    ),
    "keyword of bytes": ("UPDATE keyword SET canonical = x'00ff' WHERE id = 1", KEYWORD.format("robot")),
}


@pytest.fixture
def two(ctx: AppContext) -> AppContext:
    """A context with two subscribers who wait for a paper of their own, and one paper for both."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    return ctx


def reasons(engine: Engine) -> list[tuple[str, str]]:
    with read_session(engine) as session:
        return [(row.table_name, row.row_id) for row in quarantined_rows(session)]


@pytest.mark.parametrize("kind", ANY_STORE)
def test_a_subscriber_who_cannot_be_planned_for_waits_alone(two: AppContext, record: StoreView, kind: str) -> None:
    waits_alone_until_mended(two, record, *ANY_STORE[kind])


@pytest.mark.parametrize("kind", ONLY_SQLITE)
def test_a_value_of_another_type_makes_one_subscriber_wait(sqlite_store: Engine, kind: str) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    waits_alone_until_mended(ctx, StoreView(sqlite_store), *ONLY_SQLITE[kind])


def test_bytes_that_are_no_text_are_shown_as_they_can_be(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    spoil(ctx.engine, "UPDATE paper SET title = CAST(x'4120726F626F742077FF' AS TEXT) WHERE id = 1")
    assert plan_digests(ctx, TUESDAY) == PlanReport(2, 2, 0)
    assert mailed_paper_ids(StoreView(sqlite_store), ADA) == [[1]]


def waits_alone_until_mended(ctx: AppContext, record: StoreView, spoiling: str, mending: str) -> None:
    spoil(ctx.engine, spoiling)
    assert plan_digests(ctx, TUESDAY).unreadable == 1
    assert (mailed_paper_ids(record, ADA), mailed_paper_ids(record, BOB)) == ([], [[2]])
    assert len(reasons(ctx.engine)) == 1
    assert plan_digests(ctx, TUESDAY).unreadable == 1, "it stays set aside as long as it cannot be read"
    spoil(ctx.engine, mending)
    assert plan_digests(ctx, TUESDAY) == PlanReport(1, 1, 0)
    assert mailed_paper_ids(record, ADA) == [[1]]
    assert reasons(ctx.engine) == []


def test_unreadable_rows_are_counted_and_keep_their_first_day(two: AppContext) -> None:
    spoil(two.engine, SUBSCRIBER.format("send_hour = 25"))
    for instant in (TUESDAY, TUESDAY + DAY):
        plan_digests(two, instant)
    with read_session(two.engine) as session:
        [row] = quarantined_rows(session)
    assert (row.table_name, row.row_id, row.count) == ("subscriber", "1", 2)
    assert (row.first_seen_at, row.last_seen_at) == (TUESDAY, TUESDAY + DAY)
    assert row.reason == "send_hour is not an hour of the day"


def test_a_keyword_at_an_impossible_place_leaves_the_others(two: AppContext, record: StoreView) -> None:
    add_active_subscriber(two, "eve@example.org", "robot", "walk", now=TUESDAY)
    spoil(two.engine, "UPDATE saved_keyword SET position = 2000 WHERE subscriber_id = 3 AND position = 1")
    assert plan_digests(two, TUESDAY) == PlanReport(3, 3, 0, 1)
    assert [mailed_paper_ids(record, who) for who in (ADA, BOB, "eve@example.org")] == [[[1]], [[2]], [[1]]]
    assert reasons(two.engine) == [("saved_keyword", "3:2000")]
    spoil(two.engine, "UPDATE saved_keyword SET position = 1 WHERE subscriber_id = 3 AND position = 2000")
    plan_digests(two, TUESDAY)
    assert reasons(two.engine) == [], "a row that is gone is released"


def test_a_paper_of_bytes_is_in_no_digest(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    spoil(ctx.engine, "UPDATE paper SET title = x'ff', abstract = x'ff' WHERE id = 1")
    assert plan_digests(ctx, TUESDAY) == PlanReport(1, 1, 0, 1)
    assert reasons(ctx.engine) == [("paper", "1")]


@pytest.mark.parametrize("spoiling", ["authors = 'null'", "authors = '{\"a\": 1}'", "categories = '[1, null]'"])
def test_a_paper_that_cannot_be_read_is_in_no_digest(two: AppContext, record: StoreView, spoiling: str) -> None:
    spoil(two.engine, f"UPDATE paper SET {spoiling} WHERE id = 1")
    assert plan_digests(two, TUESDAY) == PlanReport(2, 1, 1, 1)
    assert mailed_paper_ids(record, BOB) == [[2]]
    assert reasons(two.engine) == [("paper", "1")]


def test_a_day_beyond_the_calendar_quarantines_one_paper(two: AppContext, record: StoreView) -> None:
    day = "'infinity'" if two.engine.dialect.name == "postgresql" else "'some day'"
    spoil(two.engine, f"UPDATE paper SET published_on = {day}, first_seen_at = {day} WHERE id = 1")
    assert plan_digests(two, TUESDAY) == PlanReport(2, 1, 1, 1)
    assert reasons(two.engine) == [("paper", "1")]
    assert mailed_paper_ids(record, BOB) == [[2]]


def test_a_subscriber_whose_days_cannot_be_read_gets_the_next_digest(two: AppContext, record: StoreView) -> None:
    day = "'infinity'" if two.engine.dialect.name == "postgresql" else "'some day'"
    spoil(two.engine, SUBSCRIBER.format(f"last_due_day = {day}, paused_until = {day}"))
    assert plan_digests(two, TUESDAY) == PlanReport(2, 2, 0)
    assert record.subscriber(ADA).last_due_day == TUESDAY.date()


def test_a_queued_delivery_that_cannot_be_read_does_not_stop_the_next_edition(
    two: AppContext, record: StoreView
) -> None:
    plan_digests(two, TUESDAY)
    spoil(two.engine, "UPDATE delivery SET papers = 'null' WHERE subscriber_id = 1")
    store_papers(two, TUESDAY + DAY, "Another robot", "Another protein")
    assert plan_digests(two, TUESDAY + DAY) == PlanReport(2, 2, 0, 1)
    assert mailed_paper_ids(record, ADA)[1:] == [[3]]
    assert set(mailed_paper_ids(record, BOB)[1]) == {2, 4}
    assert reasons(two.engine) == [("delivery", "1")]
    spoil(two.engine, "UPDATE delivery SET papers = '[1]' WHERE id = 1")
    record.set_state(DeliveryState.SENT, BOB)
    plan_digests(two, TUESDAY + 2 * DAY)
    assert set(mailed_paper_ids(record, ADA)[2]) == {1, 3}, "what it carried comes with the next edition"


@pytest.mark.parametrize(
    "status", [status for status in SubscriberStatus if status is not SubscriberStatus.ACTIVE], ids=str
)
def test_only_active_subscribers_take_part_in_a_plan(
    two: AppContext, record: StoreView, status: SubscriberStatus
) -> None:
    """Not even their keywords are looked at: whoever has not confirmed must not be able to stop a plan."""
    set_status(two.engine, ADA, status)
    spoil(two.engine, KEYWORD.format("(robot"))
    assert plan_digests(two, TUESDAY) == PlanReport(1, 1, 0, 0)
    assert record.deliveries(ADA) == []
    assert record.subscriber(ADA).last_due_day is None


def test_whose_earlier_papers_are_unknown_gets_only_what_cannot_come_twice(ctx: AppContext, record: StoreView) -> None:
    eve = "eve@example.org"
    add_active_subscriber(ctx, ADA, now=TUESDAY)
    add_active_subscriber(ctx, eve, "robot", now=TUESDAY, trending=True)
    add_active_subscriber(ctx, BOB, now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    spoil(ctx.engine, "UPDATE delivery SET papers = 'null' WHERE subscriber_id IN (1, 2)")
    [swims] = store_papers(ctx, TUESDAY + DAY, "A robot swims")
    trending = store_papers(ctx, TUESDAY + DAY, "A graph grows", source="huggingface", upvotes=9)
    assert plan_digests(ctx, TUESDAY + DAY) == PlanReport(due=3, digests=2, without_papers=1, unreadable=2)
    assert len(record.deliveries(ADA)) == 1
    assert mailed_paper_ids(record, eve)[1:] == [[swims]]
    assert mailed_paper_ids(record, BOB)[1:] == [trending]
