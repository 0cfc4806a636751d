"""Planning: which papers a due subscriber gets, and when."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState, SavedKeyword, SubscriberStatus
from digest.papers import latest_listing_id
from digest.planning import PlanReport
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
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
    sign_token,
    store_papers,
)


def test_only_new_papers_that_match_and_each_once(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    first, _ = store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    assert plan_digests(ctx, TUESDAY) == PlanReport(due=1, digests=1, without_papers=0)
    assert plan_digests(ctx, TUESDAY) == PlanReport()
    record.set_state(DeliveryState.SENT)
    # The next day lists it again, and another source does too.
    store_papers(ctx, TUESDAY + DAY, "A robot walks")
    store_papers(ctx, TUESDAY + DAY, "A robot walks", source="huggingface", upvotes=50)
    [second] = store_papers(ctx, TUESDAY + DAY, "Robots swim")
    assert plan_digests(ctx, TUESDAY + DAY) == PlanReport(1, 1, 0)
    assert mailed_paper_ids(record) == [[first], [second]]
    assert [digest.edition for digest in record.deliveries()] == ["2026-07-28", "2026-07-29"]


def test_a_paper_that_two_sources_list_comes_once(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "walk", now=TUESDAY)
    [number] = store_papers(ctx, TUESDAY, "A robot walks", source="huggingface", upvotes=3)
    assert store_papers(ctx, TUESDAY, "A robot walks") == [number]
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record) == [[number]]


def test_a_day_without_papers_is_marked_as_covered(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A protein folds")
    assert plan_digests(ctx, TUESDAY) == PlanReport(due=1, digests=0, without_papers=1)
    with read_session(ctx.engine) as session:
        top = latest_listing_id(session)
    ada = record.subscriber(ADA)
    assert (ada.covered_listing_id, ada.last_due_day) == (top, TUESDAY.date())
    # A keyword that is written afterwards is for papers to come.
    update_preferences(
        ctx,
        sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise(["protein"]),
        None,
        TUESDAY,
    )
    assert plan_digests(ctx, TUESDAY + DAY) == PlanReport(1, 0, 1)


def test_papers_beyond_the_cap_are_omitted_and_not_mailed_later(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, cap=2)
    found = store_papers(ctx, TUESDAY, "Robot one", "Robot two", "Robot three", "Robot four")
    plan_digests(ctx, TUESDAY)
    [digest] = record.deliveries()
    assert len(digest.papers) == 2
    assert sorted(digest.papers + digest.omitted_papers) == found
    record.set_state(DeliveryState.SENT)
    assert plan_digests(ctx, TUESDAY + DAY).digests == 0


@pytest.mark.parametrize("keywords", [("robot",), ()])
def test_undelivered_papers_come_beyond_the_cap(ctx: AppContext, record: StoreView, keywords: tuple[str, ...]) -> None:
    add_active_subscriber(ctx, ADA, *keywords, now=TUESDAY, cap=2)
    found = store_papers(ctx, TUESDAY, "Robot one", "Robot two", "Robot three", source="huggingface", upvotes=1)
    plan_digests(ctx, TUESDAY)
    [lost] = record.deliveries()
    record.set_state(DeliveryState.FAILED)
    new = store_papers(ctx, TUESDAY + DAY, "Robot four", "Robot five", "Robot six", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY + DAY)
    digest = record.deliveries()[-1]
    assert set(lost.papers) < set(digest.papers)
    assert len(digest.papers) == 4
    if keywords:  # the day's trending papers leave nothing out: there are always more
        assert sorted(digest.papers + digest.omitted_papers) == found + new


def test_a_subscriber_without_keywords_gets_trending_papers(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, now=TUESDAY, cap=2)
    found = store_papers(ctx, TUESDAY, "One", "Two", "Three", source="huggingface", upvotes=9)
    store_papers(ctx, TUESDAY, "Four")
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record) == [found[:2]]


def test_a_paper_that_trends_days_later_is_new_unless_it_was_mailed(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, trending=True)
    robot, protein = store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    assert (mailed_paper_ids(record), mailed_paper_ids(record, BOB)) == ([], [[robot]])
    store_papers(ctx, TUESDAY + DAY, "A robot walks", "A protein folds", source="huggingface", upvotes=9)
    [other] = store_papers(ctx, TUESDAY + DAY, "Robots swim")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record) == [[robot, protein]]
    assert mailed_paper_ids(record, BOB) == [[robot], [other, protein]]


def test_trending_papers_only_come_along_with_a_match(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, trending=True)
    store_papers(ctx, TUESDAY, "One", "Two", "Three", "Four", source="huggingface", upvotes=9)
    assert plan_digests(ctx, TUESDAY) == PlanReport(1, 0, 1)
    top = store_papers(ctx, TUESDAY + DAY, "Five", "Six", "Seven", "Eight", source="huggingface", upvotes=9)
    [robot] = store_papers(ctx, TUESDAY + DAY, "A robot walks")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record) == [[robot, *top[:3]]]


@pytest.mark.parametrize(
    ("frequency", "days"),
    [
        ("daily", ["07-28", "07-29", "07-30", "07-31", "08-01", "08-02", "08-03", "08-04"]),
        ("weekdays", ["07-28", "07-29", "07-30", "07-31", "08-03", "08-04"]),
        ("weekly", ["08-03"]),
        ("weekly friday", ["07-31"]),
        ("monthly", ["08-01"]),
    ],
)
def test_digests_come_on_the_days_of_the_frequency(
    ctx: AppContext, record: StoreView, frequency: str, days: list[str]
) -> None:
    frequency, _, weekday = frequency.partition(" ")
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, frequency=frequency, weekday=4 if weekday else 0)
    set_status(ctx.engine, ADA, SubscriberStatus.ACTIVE, last_due_day=date(2026, 7, 27))
    numbers = []
    for number in range(8):
        now = TUESDAY + number * DAY
        numbers += store_papers(ctx, now, f"Robot number {number}")
        plan_digests(ctx, now - timedelta(hours=2))  # before the subscriber's hour nothing of this day is due
        plan_digests(ctx, now)
        record.set_state(DeliveryState.SENT)
    assert [digest.edition[5:] for digest in record.deliveries()] == days
    received = [number for paper_ids in mailed_paper_ids(record) for number in sorted(paper_ids)]
    last_number = {"08-03": 7, "07-31": 4, "08-01": 5}.get(days[-1], 8)
    assert received == numbers[:last_number]


def test_one_plan_takes_each_weekday_for_itself(ctx: AppContext, record: StoreView) -> None:
    for weekday in range(7):
        add_active_subscriber(ctx, f"{weekday}@example.org", "robot", now=TUESDAY, frequency="weekly", weekday=weekday)
        set_status(ctx.engine, f"{weekday}@example.org", SubscriberStatus.ACTIVE, last_due_day=date(2026, 7, 27))
    store_papers(ctx, TUESDAY, "A robot walks")
    for day in range(7):
        assert plan_digests(ctx, TUESDAY + day * DAY) == PlanReport(1, 1, 0)
    editions = {row.subscriber_id - 1: date.fromisoformat(row.edition).weekday() for row in record.deliveries()}
    assert editions == {weekday: weekday for weekday in range(7)}


def test_a_muted_keyword_brings_nothing_and_excludes_nothing(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "protein", "-survey", now=TUESDAY)
    with write_session(ctx.engine) as session:
        for saved in session.exec(select(SavedKeyword).where(col(SavedKeyword.position) > 0)).all():
            saved.is_muted = True
    survey, _, walk = store_papers(ctx, TUESDAY, "A survey of robots", "A protein folds", "A robot walks")
    plan_digests(ctx, TUESDAY)
    [digest] = record.deliveries()
    assert (sorted(digest.papers), len(digest.keywords)) == (sorted([survey, walk]), 1)


def test_nothing_is_due_before_the_local_hour(ctx: AppContext, record: StoreView) -> None:
    store_papers(ctx, TUESDAY, "A robot walks")
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, timezone="Asia/Tokyo", send_hour=19)
    set_status(ctx.engine, ADA, SubscriberStatus.ACTIVE, last_due_day=date(2026, 7, 27))
    assert plan_digests(ctx, TUESDAY + timedelta(minutes=59)) == PlanReport()
    assert plan_digests(ctx, TUESDAY + timedelta(minutes=60)).digests == 1


def test_papers_wait_during_a_pause_which_ends_by_the_subscribers_date(ctx: AppContext, record: StoreView) -> None:
    zone = Preferences(timezone="Pacific/Auckland", send_hour=0)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, timezone=zone.timezone, send_hour=0)
    key = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY)
    update_preferences(ctx, key, zone, parse_keywords_or_raise(["robot"]), date(2026, 7, 30), TUESDAY)
    found = store_papers(ctx, TUESDAY, "A robot walks")
    assert plan_digests(ctx, TUESDAY + timedelta(hours=2)) == PlanReport()
    assert record.subscriber(ADA).status == SubscriberStatus.PAUSED
    found += store_papers(ctx, TUESDAY + DAY, "Robots swim")
    assert plan_digests(ctx, datetime(2026, 7, 29, 12, tzinfo=UTC)).digests == 1  # midnight of the 30th in Auckland
    ada = record.subscriber(ADA)
    assert (ada.status, ada.paused_until, sorted(mailed_paper_ids(record)[0])) == (SubscriberStatus.ACTIVE, None, found)
