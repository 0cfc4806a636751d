"""Exclusions and fields on their way into an edition: by every door through which a paper can come."""

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database.models import DeliveryState
from digest.planning import plan
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, Record, arrive, mailed, make_context, reader, token


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def test_a_reader_gets_no_paper_that_an_exclusion_finds_and_others_do(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", "-survey", now=TUESDAY)
    reader(at, BOB, "robot", now=TUESDAY)
    walks, survey = arrive(at, TUESDAY, "A robot walks", "A survey of robots")
    plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record) == [[walks]]
    assert [sorted(papers) for papers in mailed(record, BOB)] == [[walks, survey]]


def test_an_exclusion_alone_is_no_keyword(at: AppContext, record: Record) -> None:
    """Its reader gets what is trending, but for what is excluded."""
    reader(at, ADA, "-survey", now=TUESDAY)
    walks, _ = arrive(at, TUESDAY, "A robot walks", "A survey of robots", source="huggingface", upvotes=9)
    plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record) == [[walks]]


def test_what_is_trending_is_excluded_too_even_if_it_was_listed_before(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", "-survey", now=TUESDAY - DAY, trending=True)
    reader(at, BOB, "robot", now=TUESDAY - DAY, trending=True)
    survey, _ = arrive(at, TUESDAY - DAY, "A survey of proteins", "Proteins")
    assert plan(at.engine, at.sender_domain, TUESDAY - DAY).without_papers == 2
    walks = arrive(at, TUESDAY, "A robot walks", "A survey of proteins", source="huggingface", upvotes=9)[0]
    plan(at.engine, at.sender_domain, TUESDAY)
    assert sorted(mailed(record, BOB)[0]) == sorted([survey, walks])
    assert mailed(record) == [[walks]]


def test_an_exclusion_written_since_keeps_back_what_a_lost_letter_carried(at: AppContext, record: Record) -> None:
    reader(at, ADA, "robot", now=TUESDAY)
    arrive(at, TUESDAY, "A survey of robots")
    plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.FAILED)
    rewrite(at, "robot", "-survey")
    arrive(at, TUESDAY + DAY, "A protein folds")
    assert plan(at.engine, at.sender_domain, TUESDAY + DAY).digests == 0


def test_a_source_can_be_asked_for(at: AppContext, record: Record) -> None:
    reader(at, ADA, "source:huggingface AND robot", now=TUESDAY)
    arrive(at, TUESDAY, "A robot walks")
    [swims] = arrive(at, TUESDAY, "A robot swims", source="huggingface")
    plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record) == [[swims]]


def rewrite(at: AppContext, *keywords: str) -> None:
    update_preferences(
        at,
        token(at, ADA, TokenPurpose.PREFERENCES, TUESDAY),
        Preferences(),
        parse_keywords_or_raise([*keywords]),
        None,
        TUESDAY,
    )
