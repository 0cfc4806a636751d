from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest import planning as planning_
from digest.database import read_session
from digest.papers import latest_list_day, papers_by_id, papers_on_day
from digest.planning import Preview, plan
from digest.rendering import preview_context, render_digest
from digest.subscribers import parse_keywords_or_raise
from tests.support.contexts import ADA, DAY, TUESDAY, Record, arrive, make_context, reader


def look(store: Engine, day: date, *keywords: str, now: datetime = TUESDAY, cap: int = 20) -> Preview:
    with read_session(store) as session:
        saved = parse_keywords_or_raise(keywords)
        return planning_.preview(session, saved, papers_on_day(session, day), day, now, cap=cap)


def test_a_preview_chooses_what_a_reader_would_get(store: Engine) -> None:
    at = make_context(store)
    reader(at, ADA, "robot", "protein", now=TUESDAY, cap=3)
    arrive(at, TUESDAY, "A robot walks", "A graph grows", "Robots fold proteins", source="huggingface", upvotes=9)
    arrive(at, TUESDAY, "A protein folds", "Proteins dance")
    plan(at.engine, at.sender_domain, TUESDAY)
    [letter] = Record(store).letters()
    seen = look(store, TUESDAY.date(), "robot", "protein", cap=3)
    with read_session(store) as session:
        known = papers_by_id(session, letter.papers)
    assert [view.paper.title for view in seen.papers] == [known[number].title for number in letter.papers]
    assert (seen.omitted_count, seen.considered_count, seen.match_counts) == (len(letter.omitted_papers), 5, (2, 3))
    assert seen.papers[0].paper.title == "Robots fold proteins"
    assert [number for number, _ in seen.papers[0].matched_in] == [0, 1]


def test_without_keywords_it_shows_what_is_trending(store: Engine) -> None:
    at = make_context(store)
    arrive(at, TUESDAY, "One", "Two", "Three", source="huggingface", upvotes=9)
    arrive(at, TUESDAY, "Four")
    seen = look(store, TUESDAY.date(), cap=2)
    assert [(view.paper.title, view.is_trending) for view in seen.papers] == [("One", True), ("Two", True)]


def test_only_the_papers_of_that_day_and_none_of_them_late(store: Engine) -> None:
    at = make_context(store)
    arrive(at, TUESDAY, "A robot walks")
    arrive(at, TUESDAY + DAY, "Robots swim")
    seen = look(store, TUESDAY.date(), "robot", now=TUESDAY + 60 * DAY)
    assert [(view.paper.title, view.is_late, view.paper.listed_on) for view in seen.papers] == [
        ("A robot walks", False, TUESDAY.date())
    ]


@pytest.mark.parametrize("keywords", [("robot",), (), ("volcano",)])
def test_it_reads_as_a_whole_letter_and_leaves_no_trace(store: Engine, keywords: tuple[str, ...]) -> None:
    at = make_context(store)
    arrive(at, TUESDAY, "A robot <b>walks</b>", source="huggingface", upvotes=3)
    seen = look(store, TUESDAY.date(), *keywords)
    keyword_inputs = parse_keywords_or_raise(keywords)
    context = preview_context(at, keyword_inputs, seen.papers, seen.omitted_count, seen.day)
    letter = render_digest(context)
    assert letter.subject
    assert ("walks" in letter.text) == (keywords != ("volcano",))
    assert "<b>walks" not in letter.html
    assert "/unsubscribe/" not in letter.html + letter.text
    assert Record(store).letters() == []
    with read_session(store) as session:
        assert latest_list_day(session) == datetime(2026, 7, 28, tzinfo=UTC).date()


def test_a_preview_of_a_morning_is_not_written_in_the_future(store: Engine) -> None:
    at = make_context(store)
    arrive(at, TUESDAY, "A robot walks")
    assert not look(store, TUESDAY.date(), "robot", now=TUESDAY - timedelta(hours=9)).papers[0].is_late
