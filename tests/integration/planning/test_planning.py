from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import DeliveryState, SubscriberStatus
from digest.papers import latest_listing_id
from digest.planning import PlanReport, plan
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, Record, arrive, mailed, make_context, put, reader, token


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def test_only_new_papers_that_match_and_each_once(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    first, _ = arrive(at, TUESDAY, "A robot walks", "A protein folds")
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport(due=1, digests=1, without_papers=0)
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport()
    record.settle(DeliveryState.SENT)
    # The next day lists it again, and another source does too.
    arrive(at, TUESDAY + DAY, "A robot walks")
    arrive(at, TUESDAY + DAY, "A robot walks", source="huggingface", upvotes=50)
    [second] = arrive(at, TUESDAY + DAY, "Robots swim")
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY) == PlanReport(1, 1, 0)
    assert mailed(record) == [[first], [second]]
    assert [each.edition for each in record.letters()] == ["2026-07-28", "2026-07-29"]


def test_a_paper_that_two_sources_list_comes_once(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", "walk", now=TUESDAY)
    [number] = arrive(at, TUESDAY, "A robot walks", source="huggingface", upvotes=3)
    assert arrive(at, TUESDAY, "A robot walks") == [number]
    plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record) == [[number]]


def test_a_quiet_day_is_marked_and_moves_on(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    arrive(at, TUESDAY, "A protein folds")
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport(due=1, digests=0, without_papers=1)
    with read_session(at.engine) as session:
        top = latest_listing_id(session)
    ada = record.of(ADA)
    assert (ada.covered_listing_id, ada.last_due_day) == (top, TUESDAY.date())
    # A keyword that is written afterwards is for papers to come.
    update_preferences(
        at,
        token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise(["protein"]),
        None,
        TUESDAY,
    )
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY) == PlanReport(1, 0, 1)


def test_what_finds_no_room_is_left_out_by_name_and_not_mailed_later(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY, cap=2)
    found = arrive(at, TUESDAY, "Robot one", "Robot two", "Robot three", "Robot four")
    plan(at.engine, at.sender_domain, TUESDAY)
    [letter] = record.letters()
    assert len(letter.papers) == 2
    assert sorted(letter.papers + letter.omitted_papers) == found
    record.settle(DeliveryState.SENT)
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 0


@pytest.mark.parametrize("keywords", [("robot",), ()])
def test_what_a_lost_letter_carried_comes_beyond_the_cap(
    at: AppContext, record: Record, keywords: tuple[str, ...]
) -> None:
    reader(at, ADA, *keywords, now=TUESDAY, cap=2)
    found = arrive(at, TUESDAY, "Robot one", "Robot two", "Robot three", source="huggingface", upvotes=1)
    plan(at.engine, at.sender_domain, TUESDAY)
    [lost] = record.letters()
    record.settle(DeliveryState.FAILED)
    new = arrive(at, TUESDAY + DAY, "Robot four", "Robot five", "Robot six", source="huggingface", upvotes=9)
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    letter = record.letters()[-1]
    assert set(lost.papers) < set(letter.papers)
    assert len(letter.papers) == 4
    if keywords:  # the day's trending papers leave nothing out: there are always more
        assert sorted(letter.papers + letter.omitted_papers) == found + new


def test_a_reader_without_keywords_gets_what_is_trending(at: AppContext, record: Record) -> None:
    reader(at, ADA, now=TUESDAY, cap=2)
    found = arrive(at, TUESDAY, "One", "Two", "Three", source="huggingface", upvotes=9)
    arrive(at, TUESDAY, "Four")
    plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record) == [found[:2]]


def test_a_paper_that_starts_trending_days_later_is_news_unless_it_was_mailed(at: AppContext, record: Record) -> None:
    reader(at, ADA, now=TUESDAY)
    reader(at, BOB, "robot", now=TUESDAY, trending=True)
    robot, protein = arrive(at, TUESDAY, "A robot walks", "A protein folds")
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.SENT)
    assert (mailed(record), mailed(record, BOB)) == ([], [[robot]])
    arrive(at, TUESDAY + DAY, "A robot walks", "A protein folds", source="huggingface", upvotes=9)
    [other] = arrive(at, TUESDAY + DAY, "Robots swim")
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert mailed(record) == [[robot, protein]]
    assert mailed(record, BOB) == [[robot], [other, protein]]


def test_the_top_three_only_come_along_with_a_match(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY, trending=True)
    arrive(at, TUESDAY, "One", "Two", "Three", "Four", source="huggingface", upvotes=9)
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport(1, 0, 1)
    top = arrive(at, TUESDAY + DAY, "Five", "Six", "Seven", "Eight", source="huggingface", upvotes=9)
    [robot] = arrive(at, TUESDAY + DAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert mailed(record) == [[robot, *top[:3]]]


@pytest.mark.parametrize(
    ("frequency", "days"),
    [
        ("daily", ["07-28", "07-29", "07-30", "07-31", "08-01", "08-02", "08-03", "08-04"]),
        ("weekdays", ["07-28", "07-29", "07-30", "07-31", "08-03", "08-04"]),
        ("weekly", ["08-03"]),
    ],
)
def test_the_rhythm_of_a_reader(at: AppContext, record: Record, frequency: str, days: list[str]) -> None:
    reader(at, ADA, "robot", now=TUESDAY, frequency=frequency)
    put(at.engine, ADA, SubscriberStatus.ACTIVE, last_due_day=date(2026, 7, 27))
    numbers = []
    for number in range(8):
        now = TUESDAY + number * DAY
        numbers += arrive(at, now, f"Robot number {number}")
        plan(
            at.engine, at.sender_domain, now - timedelta(hours=2)
        )  # before the reader's hour nothing of this day is due
        plan(at.engine, at.sender_domain, now)
        record.settle(DeliveryState.SENT)
    assert [each.edition[5:] for each in record.letters()] == days
    got = [number for letter in mailed(record) for number in sorted(letter)]
    assert got == (numbers[:7] if frequency == "weekly" else numbers)


def test_nothing_is_due_before_the_local_hour(at: AppContext, record: Record) -> None:
    arrive(at, TUESDAY, "A robot walks")
    reader(at, ADA, "robot", now=TUESDAY, timezone="Asia/Tokyo", send_hour=19)
    put(at.engine, ADA, SubscriberStatus.ACTIVE, last_due_day=date(2026, 7, 27))
    assert plan(at.engine, at.sender_domain, TUESDAY + timedelta(minutes=59)) == PlanReport()
    assert plan(at.engine, at.sender_domain, TUESDAY + timedelta(minutes=60)).digests == 1


def test_a_pause_keeps_papers_waiting_and_ends_by_the_readers_own_date(at: AppContext, record: Record) -> None:
    zone = Preferences(timezone="Pacific/Auckland", send_hour=0)
    reader(at, ADA, "robot", now=TUESDAY, timezone=zone.timezone, send_hour=0)
    key = token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY)
    update_preferences(at, key, zone, parse_keywords_or_raise(["robot"]), date(2026, 7, 30), TUESDAY)
    found = arrive(at, TUESDAY, "A robot walks")
    assert plan(at.engine, at.sender_domain, TUESDAY + timedelta(hours=2)) == PlanReport()
    assert record.of(ADA).status == SubscriberStatus.PAUSED
    found += arrive(at, TUESDAY + DAY, "Robots swim")
    assert (
        plan(at.engine, at.sender_domain, datetime(2026, 7, 29, 12, tzinfo=UTC)).digests == 1
    )  # midnight of the 30th in Auckland
    ada = record.of(ADA)
    assert (ada.status, ada.paused_until, sorted(mailed(record)[0])) == (SubscriberStatus.ACTIVE, None, found)
