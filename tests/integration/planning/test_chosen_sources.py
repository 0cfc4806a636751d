"""Subscribers who chose sources, and editorials for those who ask for them."""

from dataclasses import replace

from digest.context import AppContext
from digest.database import write_session
from digest.database.models import DeliveryState, Paper
from digest.identifiers import LinkRelation, PaperKind
from digest.monitoring.checks.configuration import check_database
from digest.papers import link_papers
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
    sign_token,
    store_papers,
)
from tests.support.spoiled_rows import spoil

ALL, ARXIV, ACS = Preferences(), Preferences(sources=("arxiv",)), Preferences(sources=("acs",))


def choose(ctx: AppContext, email: str, preferences: Preferences, *keywords: str) -> None:
    key = sign_token(ctx, email, TokenPurpose.PREFERENCES, TUESDAY)
    update_preferences(ctx, key, preferences, parse_keywords_or_raise(keywords), None, TUESDAY)


def plan_day(ctx: AppContext, record: StoreView, day: int) -> None:
    plan_digests(ctx, TUESDAY + day * DAY)
    record.set_state(DeliveryState.SENT)


def test_a_paper_comes_when_a_chosen_source_lists_it_first_and_only_once(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, sources=("acs",))
    walks, sinks = store_papers(ctx, TUESDAY, "A robot walks", "A robot sinks")
    (swims,) = store_papers(ctx, TUESDAY, "A robot swims", source="acs")
    plan_day(ctx, record, 0)
    assert mailed_paper_ids(record, ADA) == [[swims, sinks, walks]]
    assert mailed_paper_ids(record, BOB) == [[swims]]
    # Listed late by the chosen source: new for Bob, and for nobody who gets all. Listed again: for nobody.
    store_papers(ctx, TUESDAY + DAY, "A robot walks", "A robot swims", source="acs")
    plan_day(ctx, record, 1)
    assert mailed_paper_ids(record, BOB)[1:] == [[walks]]
    assert len(mailed_paper_ids(record, ADA)) == 1
    # Ada, who had them from arXiv, chooses ACS: what it lists now she has had.
    choose(ctx, ADA, ACS, "robot")
    store_papers(ctx, TUESDAY + 2 * DAY, "A robot sinks", source="acs")
    (dives,) = store_papers(ctx, TUESDAY + 2 * DAY, "A robot dives")
    plan_day(ctx, record, 2)
    assert mailed_paper_ids(record, ADA)[1:] == []
    assert mailed_paper_ids(record, BOB)[2:] == [[sinks]]
    # Whoever gets all again does not get what was listed meanwhile: it was planned for what they had chosen.
    choose(ctx, ADA, ALL, "robot")
    store_papers(ctx, TUESDAY + 3 * DAY, "A robot dives", source="acs")
    plan_day(ctx, record, 3)
    assert mailed_paper_ids(record, ADA)[1:] == []
    assert mailed_paper_ids(record, BOB)[3:] == [[dives]]


def test_trending_and_undelivered_papers_are_of_chosen_sources_too(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, trending=True, sources=("acs", "arxiv"))
    (walks,) = store_papers(ctx, TUESDAY, "A robot walks", source="acs")
    store_papers(ctx, TUESDAY, "Popular here", "Popular there", source="huggingface", upvotes=99)
    (here,) = store_papers(ctx, TUESDAY, "Popular here")
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record, ADA) == [[walks, here]]
    record.set_state(DeliveryState.FAILED)
    choose(ctx, ADA, replace(ARXIV, trending=True), "robot")
    (sinks,) = store_papers(ctx, TUESDAY + DAY, "A robot sinks")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record, ADA)[1:] == [[sinks, here]]


def test_a_published_version_comes_to_whom_the_preprint_was_not_listed(ctx: AppContext, record: StoreView) -> None:
    for email, sources in ((ADA, ("acs",)), (BOB, ("acs", "arxiv"))):
        add_active_subscriber(ctx, email, "robot", now=TUESDAY, sources=sources)
    (preprint,) = store_papers(ctx, TUESDAY, "A robot walks")
    plan_day(ctx, record, 0)
    (article,) = store_papers(ctx, TUESDAY + DAY, "The walk of a robot", source="acs")
    with write_session(ctx.engine) as session:
        link_papers(session, preprint, article, LinkRelation.PUBLISHED, TUESDAY)
    plan_day(ctx, record, 1)
    assert mailed_paper_ids(record, ADA) == [[article]]
    assert mailed_paper_ids(record, BOB) == [[preprint]]


def test_editorials_come_to_keywords_that_ask_for_them(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", "NOT cat", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "kind:editorial AND robot", "-sink", now=TUESDAY)
    found = store_papers(ctx, TUESDAY, "A robot walks", "A robot sinks", "Robots in the news", "Notice of a robot")
    with write_session(ctx.engine) as session:
        for number, kind in zip(
            found[1:], (PaperKind.EDITORIAL, PaperKind.EDITORIAL, PaperKind.CORRECTION), strict=True
        ):
            session.get_one(Paper, number).kind = kind
    plan_day(ctx, record, 0)
    assert mailed_paper_ids(record, ADA) == [found[:1]]
    assert mailed_paper_ids(record, BOB) == [[found[2]]]


def test_a_subscriber_with_unreadable_sources_waits(ctx: AppContext, record: StoreView) -> None:
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, sources=("acs",))
    spoil(ctx.engine, f"UPDATE subscriber SET sources = '7' WHERE email = '{BOB}'")
    found = store_papers(ctx, TUESDAY, "A robot walks", source="acs")
    assert plan_digests(ctx, TUESDAY).unreadable == 1
    assert mailed_paper_ids(record, ADA) == [found]
    spoil(ctx.engine, f"UPDATE subscriber SET sources = '[\"acs\"]' WHERE email = '{BOB}'")
    plan_digests(ctx, TUESDAY + DAY)
    assert mailed_paper_ids(record, BOB) == [found]


def test_the_doctor_tells_who_chose_only_sources_that_are_not_read(ctx: AppContext) -> None:
    def lines() -> list[str]:
        return [check.message for check in check_database(ctx.settings) if check.name == "sources"]

    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, sources=("acs", "arxiv"))
    assert lines() == []
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, sources=("acs",))
    (line,) = lines()
    assert line.startswith("1 subscriber chose only sources that are not read: acs. They get no papers.")
