"""Undelivered papers, and changes between two plans."""

from datetime import timedelta

import pytest
from sqlmodel import func, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import DeliveryState, Listing, Paper
from digest.papers import store_listings
from digest.planning import PlanReport
from digest.sources import ListedPaper
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
    remove_subscriber,
    sign_token,
    store_papers,
)


@pytest.mark.parametrize("final_state", [DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED])
def test_undelivered_papers_come_again_once(ctx: AppContext, record: StoreView, final_state: DeliveryState) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, cap=2)
    found = store_papers(ctx, TUESDAY, "Robot one", "Robot two", "Robot three")
    plan_digests(ctx, TUESDAY)
    if final_state != DeliveryState.EXPIRED:  # what still waits is withdrawn by the next plan itself
        record.set_state(final_state)
    assert plan_digests(ctx, TUESDAY + DAY).digests == 1
    first, second = record.deliveries()
    assert (first.state, first.is_reclaimed) == (final_state, True)
    assert sorted(second.papers + second.omitted_papers) == found
    record.set_state(DeliveryState.SENT)
    assert plan_digests(ctx, TUESDAY + 2 * DAY).digests == 0


def test_papers_on_the_wire_or_uncertain_are_not_reclaimed(ctx: AppContext, record: StoreView) -> None:
    for number in range(4):
        add_active_subscriber(ctx, f"{number}@example.org", "robot", now=TUESDAY)
        add_active_subscriber(ctx, f"{number}.nothing@example.org", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", source="huggingface", upvotes=1)
    plan_digests(ctx, TUESDAY)
    for number, state in enumerate(
        (DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN, DeliveryState.SENT)
    ):
        record.set_state(state, f"{number}@example.org")
        record.set_state(state, f"{number}.nothing@example.org")
    assert plan_digests(ctx, TUESDAY + DAY).digests == 0
    assert DeliveryState.EXPIRED not in {delivery.state for delivery in record.deliveries()}


def test_undelivered_papers_come_again_only_while_they_match(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    [protein] = store_papers(ctx, TUESDAY, "A protein folds")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.FAILED)
    update_preferences(
        ctx,
        sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise(["protein"]),
        None,
        TUESDAY,
    )
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record)[1:] == [[protein]]


def test_undelivered_trending_papers_come_again_too(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, trending=True)
    found = store_papers(ctx, TUESDAY, "A robot walks", "One", "Two", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.FAILED)
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record) == [found, found]
    assert mailed_paper_ids(record, BOB) == [found, found]


def test_changed_keywords_do_not_bring_a_paper_again(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", source="huggingface", upvotes=9)
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    for number, keywords in enumerate((["walk"], [], ["robot", "walk"], ["robot"]), start=1):
        key = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY)
        update_preferences(ctx, key, Preferences(trending=True), parse_keywords_or_raise(keywords), None, TUESDAY)
        assert plan_digests(ctx, TUESDAY + number * DAY).digests == 0


def test_a_new_subscription_does_not_bring_papers_again(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    found = store_papers(ctx, TUESDAY, "A robot walks", "Robots swim")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    remove_subscriber(ctx, ADA, TUESDAY)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    [new] = store_papers(ctx, TUESDAY + DAY, "A robot flies")
    plan_digests(ctx, TUESDAY)
    plan_digests(ctx, TUESDAY + DAY)
    assert [sorted(paper_ids) for paper_ids in mailed_paper_ids(record)] == [found, [new]]


def test_a_clock_set_back_brings_no_digest_twice_and_a_clock_ahead_delays_none(
    ctx: AppContext, record: StoreView
) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    first = store_papers(ctx, TUESDAY, "A robot walks")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    second = store_papers(ctx, TUESDAY, "Robots swim")
    assert plan_digests(ctx, TUESDAY - DAY) == PlanReport()
    assert plan_digests(ctx, TUESDAY) == PlanReport()
    assert plan_digests(ctx, TUESDAY + 400 * DAY).digests == 1
    record.set_state(DeliveryState.SENT)
    # The day has its digest already; that is looked at once, and not in every plan.
    assert [plan_digests(ctx, TUESDAY) for _ in range(2)] == [PlanReport(1, 0, 1), PlanReport()]
    third = store_papers(ctx, TUESDAY + DAY, "A robot flies")
    assert plan_digests(ctx, TUESDAY + DAY).digests == 1
    assert mailed_paper_ids(record) == [first, second, third]


@pytest.mark.parametrize(
    "preferences",
    [
        Preferences(frequency="weekly"),
        Preferences(send_hour=20),
        Preferences(timezone="America/Los_Angeles"),
        Preferences(timezone="Pacific/Kiritimati", send_hour=0),
    ],
    ids=["weekly", "later", "west", "east"],
)
def test_a_change_of_frequency_hour_or_zone_brings_no_day_twice(
    ctx: AppContext, record: StoreView, preferences: Preferences
) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    assert plan_digests(ctx, TUESDAY) == PlanReport(1, 0, 1)
    update_preferences(
        ctx,
        sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        preferences,
        parse_keywords_or_raise(["robot"]),
        None,
        TUESDAY,
    )
    store_papers(ctx, TUESDAY, "A robot walks")
    assert plan_digests(ctx, TUESDAY + timedelta(minutes=1)) == PlanReport()
    digests = 0
    for number in range(30):
        digests += plan_digests(ctx, TUESDAY + number * timedelta(hours=6)).digests
        record.set_state(DeliveryState.SENT)
    assert digests == 1


def test_a_missed_week_is_made_up_in_one_digest(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    found = [number for day in range(7) for number in store_papers(ctx, TUESDAY + day * DAY, f"Robot number {day}")]
    assert plan_digests(ctx, TUESDAY + 7 * DAY).digests == 1
    assert [sorted(paper_ids) for paper_ids in mailed_paper_ids(record)] == [found]


def test_replacements_are_not_listings(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan_digests(ctx, TUESDAY)
    with read_session(ctx.engine) as session:
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
    with write_session(ctx.engine) as session:
        store_listings(session, [again], TUESDAY + DAY)
        assert session.exec(select(func.count()).select_from(Listing)).one() == before
    record.set_state(DeliveryState.SENT)
    assert plan_digests(ctx, TUESDAY + DAY).digests == 0
