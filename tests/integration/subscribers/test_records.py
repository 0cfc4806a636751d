"""Rows of subscribers and keywords."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import Keyword, SubscriberStatus
from digest.errors import SubscriberError, SubscriberNotFoundError, TokenError
from digest.matching import KeywordInput
from digest.subscribers import Preferences, records
from digest.subscribers.records import subscriber_by_email, subscriber_by_nonce
from tests.support.factories import subscriber

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
KEY = "a key for the tests"
ADA, BOB = "ada@example.org", "bob@example.org"


def test_of_two_keywords_with_one_meaning_the_first_is_stored_and_their_order_stays(store: Engine) -> None:
    keywords = [KeywordInput("Graphs", "graph"), KeywordInput("robots", "robot"), KeywordInput("graph", "graph")]
    with write_session(store) as session:
        ada = records.request_subscription(session, [KEY], ADA, Preferences(), keywords, NOW)
        bob = records.request_subscription(session, [KEY], BOB, Preferences(), keywords[:1], NOW)
        assert [keyword.text for keyword in records.keywords_of(session, ada)] == ["Graphs", "robots"]
        ids = [int(row.id or 0) for row in (ada, bob)]
        stored = records.keywords_by_subscriber(session, ids)
        assert [len(stored[number]) for number in ids] == [2, 1]
        assert len(session.exec(select(Keyword)).all()) == 2


def test_more_than_a_hundred_keywords_are_refused(store: Engine) -> None:
    keywords = [KeywordInput(f"word {number}", f"word {number}") for number in range(101)]
    with pytest.raises(SubscriberError, match=r"at most 100 keywords.* are 101"), write_session(store) as session:
        records.request_subscription(session, [KEY], ADA, Preferences(), keywords, NOW)


def test_a_subscriber_is_found_by_the_address_in_any_case(store: Engine) -> None:
    with write_session(store) as session:
        session.add(subscriber(email="Ada@example.org"))
    with read_session(store) as session:
        assert subscriber_by_email(session, " ADA@EXAMPLE.org").email == "Ada@example.org"
        with pytest.raises(SubscriberNotFoundError, match="bob@example"):
            subscriber_by_email(session, BOB)
        with pytest.raises(TokenError, match="no longer exists"):
            subscriber_by_nonce(session, "not a nonce")


def test_activation_does_not_bring_back_papers_that_were_considered_before() -> None:
    returning = subscriber(
        status=SubscriberStatus.PENDING,
        covered_listing_id=50,
        reason="declined",
        ended_at=NOW,
        last_due_day=date(2026, 7, 1),
    )
    records.activate(returning, 20, NOW)
    assert (returning.covered_listing_id, returning.status) == (50, SubscriberStatus.ACTIVE)
    assert (returning.reason, returning.ended_at) == ("", None)
    records.activate(returning, 80, NOW)
    assert returning.covered_listing_id == 80
