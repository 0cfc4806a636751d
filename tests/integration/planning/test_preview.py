"""Previews: the same papers as a plan, and no trace."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest import planning
from digest.database import read_session
from digest.papers import latest_list_day, papers_by_id, papers_on_day
from digest.planning import Preview
from digest.rendering import preview_context, render_digest
from digest.subscribers import parse_keywords_or_raise
from tests.support.contexts import (
    ADA,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    store_papers,
)


def preview(store: Engine, day: date, *keywords: str, now: datetime = TUESDAY, cap: int = 20) -> Preview:
    with read_session(store) as session:
        candidates = papers_on_day(session, day)
        return planning.preview(session, parse_keywords_or_raise(keywords), candidates, day, now, cap=cap)


def test_a_preview_chooses_what_a_subscriber_would_get(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", "protein", now=TUESDAY, cap=3)
    store_papers(
        ctx, TUESDAY, "A robot walks", "A graph grows", "Robots fold proteins", source="huggingface", upvotes=9
    )
    store_papers(ctx, TUESDAY, "A protein folds", "Proteins dance")
    plan_digests(ctx, TUESDAY)
    [digest] = StoreView(store).deliveries()
    shown = preview(store, TUESDAY.date(), "robot", "protein", cap=3)
    with read_session(store) as session:
        by_id = papers_by_id(session, digest.papers)
    assert [view.paper.title for view in shown.papers] == [by_id[number].title for number in digest.papers]
    assert (shown.omitted_count, shown.considered_count, shown.match_counts) == (len(digest.omitted_papers), 5, (2, 3))
    assert shown.papers[0].paper.title == "Robots fold proteins"
    assert [number for number, _ in shown.papers[0].matched_in] == [0, 1]


def test_a_preview_without_keywords_shows_trending_papers(store: Engine) -> None:
    ctx = make_context(store)
    store_papers(ctx, TUESDAY, "One", "Two", "Three", source="huggingface", upvotes=9)
    store_papers(ctx, TUESDAY, "Four")
    shown = preview(store, TUESDAY.date(), cap=2)
    assert [(view.paper.title, view.is_trending) for view in shown.papers] == [("One", True), ("Two", True)]
    everything = preview(store, TUESDAY.date(), cap=20)
    assert [view.paper.title for view in everything.papers] == ["One", "Two", "Three"]


def test_a_preview_has_only_the_papers_of_its_day_and_none_is_late(store: Engine) -> None:
    ctx = make_context(store)
    store_papers(ctx, TUESDAY, "A robot walks")
    store_papers(ctx, TUESDAY + DAY, "Robots swim")
    shown = preview(store, TUESDAY.date(), "robot", now=TUESDAY + 60 * DAY)
    assert [(view.paper.title, view.is_late, view.paper.listed_on) for view in shown.papers] == [
        ("A robot walks", False, TUESDAY.date())
    ]


@pytest.mark.parametrize("keywords", [("robot",), (), ("volcano",)])
def test_a_preview_renders_as_a_digest_and_stores_nothing(store: Engine, keywords: tuple[str, ...]) -> None:
    ctx = make_context(store)
    store_papers(ctx, TUESDAY, "A robot <b>walks</b>", source="huggingface", upvotes=3)
    shown = preview(store, TUESDAY.date(), *keywords)
    keyword_inputs = parse_keywords_or_raise(keywords)
    context = preview_context(ctx, keyword_inputs, shown.papers, shown.omitted_count, shown.day)
    content = render_digest(context)
    assert content.subject
    assert ("walks" in content.text) == (keywords != ("volcano",))
    assert "<b>walks" not in content.html
    assert "/unsubscribe/" not in content.html + content.text
    assert StoreView(store).deliveries() == []
    with read_session(store) as session:
        assert latest_list_day(session) == datetime(2026, 7, 28, tzinfo=UTC).date()


def test_a_preview_of_a_morning_is_not_rendered_in_the_future(store: Engine) -> None:
    ctx = make_context(store)
    store_papers(ctx, TUESDAY, "A robot walks")
    assert not preview(store, TUESDAY.date(), "robot", now=TUESDAY - timedelta(hours=9)).papers[0].is_late
