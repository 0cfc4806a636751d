"""What a welcome shows of the latest list, and what a last letter brings back: from rows to the mail."""

from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.planning import first_papers, plan
from digest.rendering import FirstPapers, load_batch, prepare_email
from digest.subscribers import Preferences, confirm, parse_keywords_or_raise, resubscribe, subscribe, unsubscribe
from digest.tokens import TokenPurpose
from tests.support.contexts import ADA, BOB, Record, arrive, make_context, reader, token

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store, base_url="https://digest.example.org")


def confirmed(at: AppContext, email: str, *keywords: str, now: datetime = NOW, **wish: object) -> None:
    subscribe(at, email, Preferences(**wish), parse_keywords_or_raise(keywords), now)  # type: ignore[arg-type]
    confirm(at, token(at, email, TokenPurpose.CONFIRM, now), now)


def firsts(at: AppContext, now: datetime = NOW) -> dict[str, FirstPapers]:
    """By address."""
    with read_session(at.engine) as session:
        found = first_papers(
            session, [ClaimedDelivery.from_delivery(each) for each in Record(at.engine).letters()], now
        )
    with read_session(at.engine) as session:
        return {session.get_one(Subscriber, number).email: each for number, each in found.items()}


def mail(at: AppContext, letter: Delivery, now: datetime = NOW) -> tuple[str, str]:
    """A letter as it is written: the text and the HTML, as a mail program reads them."""
    claimed = [ClaimedDelivery.from_delivery(letter)]
    with read_session(at.engine) as session:
        raw = prepare_email(at, load_batch(session, claimed, now), claimed[0], now).render()
    read = message_from_bytes(raw, policy=policy.default)
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_each_is_shown_what_the_latest_list_has_for_them(at: AppContext) -> None:
    arrive(at, NOW - DAY, "An old robot")
    arrive(at, NOW, *(f"Robot {n}" for n in range(7)), "A protein", "A survey of proteins")
    confirmed(at, ADA, "-survey", "protein", "speech")
    confirmed(at, BOB, "robot", "tree")
    found = firsts(at)
    ada, bob = found[ADA], found[BOB]
    assert ([view.paper.title for view in ada.papers], ada.matched, ada.follows) == (["A protein"], 1, True)
    assert ada.papers[0].matched_in == ((0, "title"),)  # the exclusion stands behind the keywords
    assert (len(bob.papers), bob.matched, bob.day) == (5, 7, date(2026, 7, 29))


def test_the_first_letter_that_is_promised_is_planned_at_once_with_these_papers(at: AppContext) -> None:
    arrive(at, NOW, "A robot", "A protein")
    confirmed(at, ADA, "robot")
    confirmed(at, BOB, "speech")
    before = firsts(at)
    plan(at.engine, at.sender_domain, NOW)
    digests = [each for each in Record(at.engine).letters() if each.kind == DeliveryKind.DIGEST]
    assert [len(each.papers) for each in digests] == [1]
    assert (before[ADA].follows, before[BOB].follows) == (True, False)
    # A welcome that was put off until after the plan promises nothing more.
    assert not firsts(at)[ADA].follows
    arrive(at, NOW, "Another robot")
    assert not firsts(at)[ADA].follows


def test_who_had_the_papers_of_the_list_before_is_promised_nothing(at: AppContext) -> None:
    arrive(at, NOW, "A robot")
    confirmed(at, ADA, "robot")
    plan(at.engine, at.sender_domain, NOW)
    unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    confirmed(at, ADA, "robot", now=NOW + timedelta(hours=1))
    seen = firsts(at)[ADA]
    assert (seen.matched, seen.follows) == (1, False)


def test_before_any_list_was_read_there_is_nothing_to_show(at: AppContext) -> None:
    confirmed(at, ADA, "robot")
    assert firsts(at) == {}
    text, html = mail(at, Record(at.engine).letters(ADA)[-1])
    for said in (text, html):
        assert "The first letter may come on Thursday 30 July." in said


def test_the_welcome_names_the_next_day_by_the_readers_clock(at: AppContext) -> None:
    for email, zone, day in ((ADA, "Pacific/Kiritimati", "Monday 3 August"), (BOB, "UTC", "Thursday 30 July")):
        confirmed(at, email, "robot", timezone=zone, frequency="weekly" if email == ADA else "daily")
        assert day in mail(at, Record(at.engine).letters(email)[-1])[0]


def test_without_keywords_the_trending_papers_are_shown(at: AppContext) -> None:
    arrive(at, NOW, "A robot", "A protein", source="huggingface", upvotes=9)
    confirmed(at, ADA)
    seen = firsts(at)[ADA]
    assert ([view.paper.title for view in seen.papers], seen.follows) == (["A robot", "A protein"], True)


def test_the_last_letter_has_the_link_that_brings_it_all_back(at: AppContext) -> None:
    reader(at, ADA, "robot", now=NOW - 9 * DAY)
    unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    record = Record(at.engine)
    for said in mail(at, record.letters(ADA)[-1]):
        key = said.partition("https://digest.example.org/return/")[2].split('"')[0].split()[0]
        assert resubscribe(at, key, NOW + 30 * DAY).profile.status == SubscriberStatus.ACTIVE
        unsubscribe(at, token(at, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    assert record.of(ADA).status == SubscriberStatus.UNSUBSCRIBED
