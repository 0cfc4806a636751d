from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import func, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState, Listing, Paper
from digest.papers import store_listings
from digest.planning import PlanReport, plan
from digest.sources import ListedPaper
from digest.subscribers import Preferences, parse_keywords_or_raise, remove_subscriber, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, Record, arrive, mailed, make_context, reader, token


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


@pytest.mark.parametrize("fate", [DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED])
def test_papers_that_did_not_arrive_come_back_once(at: AppContext, record: Record, fate: DeliveryState) -> None:
    reader(at, ADA, "robot", now=TUESDAY, cap=2)
    found = arrive(at, TUESDAY, "Robot one", "Robot two", "Robot three")
    plan(at.engine, at.sender_domain, TUESDAY)
    if fate != DeliveryState.EXPIRED:  # what still waits is withdrawn by the next plan itself
        record.settle(fate)
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 1
    first, second = record.letters()
    assert (first.state, first.is_reclaimed) == (fate, True)
    assert sorted(second.papers + second.omitted_papers) == found
    record.settle(DeliveryState.SENT)
    assert plan(at.engine, at.sender_domain, TUESDAY + 2 * DAY).digests == 0


def test_papers_on_the_wire_or_in_doubt_stay_where_they_are(at: AppContext, record: Record) -> None:
    for number in range(4):
        reader(at, f"{number}@example.org", "robot", now=TUESDAY)
        reader(at, f"{number}.nothing@example.org", now=TUESDAY)
    arrive(at, TUESDAY, "A robot walks", source="huggingface", upvotes=1)
    plan(at.engine, at.sender_domain, TUESDAY)
    for number, state in enumerate(
        (DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN, DeliveryState.SENT)
    ):
        record.settle(state, f"{number}@example.org")
        record.settle(state, f"{number}.nothing@example.org")
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 0
    assert DeliveryState.EXPIRED not in {each.state for each in record.letters()}


def test_papers_come_back_only_while_they_match(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", "protein", now=TUESDAY)
    arrive(at, TUESDAY, "A robot walks")
    [protein] = arrive(at, TUESDAY, "A protein folds")
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.FAILED)
    update_preferences(
        at,
        token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise(["protein"]),
        None,
        TUESDAY,
    )
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert mailed(record)[1:] == [[protein]]


def test_trending_papers_come_back_too(at: AppContext, record: Record) -> None:
    reader(at, ADA, now=TUESDAY)
    reader(at, BOB, "robot", now=TUESDAY, trending=True)
    found = arrive(at, TUESDAY, "A robot walks", "One", "Two", source="huggingface", upvotes=9)
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.FAILED)
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert mailed(record) == [found, found]
    assert mailed(record, BOB) == [found, found]


def test_changed_keywords_never_mail_a_paper_again(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    arrive(at, TUESDAY, "A robot walks", source="huggingface", upvotes=9)
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.SENT)
    for number, keywords in enumerate((["walk"], [], ["robot", "walk"], ["robot"]), start=1):
        key = token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY)
        update_preferences(at, key, Preferences(trending=True), parse_keywords_or_raise(keywords), None, TUESDAY)
        assert plan(at.engine, at.sender_domain, TUESDAY + number * DAY).digests == 0


def test_who_leaves_and_returns_gets_nothing_again(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    found = arrive(at, TUESDAY, "A robot walks", "Robots swim")
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.SENT)
    remove_subscriber(at, ADA, TUESDAY)
    reader(at, ADA, "robot", now=TUESDAY)
    [new] = arrive(at, TUESDAY + DAY, "A robot flies")
    plan(at.engine, at.sender_domain, TUESDAY)
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert [sorted(each) for each in mailed(record)] == [found, [new]]


def test_a_clock_set_back_mails_nobody_twice_and_a_clock_ahead_stops_nobody(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    first = arrive(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.SENT)
    second = arrive(at, TUESDAY, "Robots swim")
    assert plan(at.engine, at.sender_domain, TUESDAY - DAY) == PlanReport()
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport()
    assert plan(at.engine, at.sender_domain, TUESDAY + 400 * DAY).digests == 1
    record.settle(DeliveryState.SENT)
    third = arrive(at, TUESDAY + DAY, "A robot flies")
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 1
    assert mailed(record) == [first, second, third]


@pytest.mark.parametrize(
    "wish",
    [
        Preferences(frequency="weekly"),
        Preferences(send_hour=20),
        Preferences(timezone="America/Los_Angeles"),
        Preferences(timezone="Pacific/Kiritimati", send_hour=0),
    ],
    ids=["weekly", "later", "west", "east"],
)
def test_a_change_of_rhythm_hour_or_zone_brings_no_day_twice(at: AppContext, record: Record, wish: Preferences) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    assert plan(at.engine, at.sender_domain, TUESDAY) == PlanReport(1, 0, 1)
    update_preferences(
        at,
        token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        wish,
        parse_keywords_or_raise(["robot"]),
        None,
        TUESDAY,
    )
    arrive(at, TUESDAY, "A robot walks")
    assert plan(at.engine, at.sender_domain, TUESDAY + timedelta(minutes=1)) == PlanReport()
    letters = 0
    for number in range(30):
        letters += plan(at.engine, at.sender_domain, TUESDAY + number * timedelta(hours=6)).digests
        record.settle(DeliveryState.SENT)
    assert letters == 1


def test_a_missed_week_is_made_up_in_one_letter(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    found = [number for day in range(7) for number in arrive(at, TUESDAY + day * DAY, f"Robot number {day}")]
    assert plan(at.engine, at.sender_domain, TUESDAY + 7 * DAY).digests == 1
    assert [sorted(each) for each in mailed(record)] == [found]


def test_replacements_are_never_listings(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    arrive(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)
    with read_session(at.engine) as session:
        before = session.exec(select(func.count()).select_from(Listing)).one()
        listed = session.exec(select(Paper)).one()
    again = ListedPaper(
        source="arxiv",
        list_day=TUESDAY.date() + DAY,
        rank=1,
        kind="replace",
        title="A robot walks twice",
        doi=listed.doi,
        version=2,
        url=listed.url,
    )
    with write_session(at.engine) as session:
        store_listings(session, [again], TUESDAY + DAY)
        assert session.exec(select(func.count()).select_from(Listing)).one() == before
    record.settle(DeliveryState.SENT)
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 0
