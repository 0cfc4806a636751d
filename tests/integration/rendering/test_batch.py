"""From rows to emails: whose keywords, whose dates, whose links."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, FetchStatus, Frequency, Keyword, Paper
from digest.papers import record_fetch
from digest.planning import plan
from digest.rendering import DigestContext, RenderCache, digest_context, load_batch, prepare_email, render_digest
from digest.rendering.contexts import LINK_NAMES
from digest.subscribers import parse_keywords_or_raise
from digest.subscribers.records import set_keywords, subscriber_by_email
from digest.tokens import TokenPurpose
from digest.web.pages.archive import NO_LINKS, render_web_copy
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, StoreView, add_active_subscriber, make_context, store_papers


def claimed(at: AppContext, email: str = ADA) -> ClaimedDelivery:
    return ClaimedDelivery.from_delivery(StoreView(at.engine).deliveries(email)[-1])


def words(at: AppContext, one: ClaimedDelivery) -> DigestContext:
    with read_session(at.engine) as session:
        return digest_context(at, load_batch(session, [one], TUESDAY), one)


def mail(at: AppContext, one: ClaimedDelivery) -> EmailMessage:
    with read_session(at.engine) as session:
        raw = prepare_email(at, load_batch(session, [one], TUESDAY), one, TUESDAY).render()
    made = message_from_bytes(raw, policy=default)
    assert isinstance(made, EmailMessage)
    return made


def number(at: AppContext, canonical: str) -> int:
    with read_session(at.engine) as session:
        return session.exec(select(Keyword.id).where(Keyword.canonical == canonical)).one() or 0


def rewrite(at: AppContext, *keywords: str) -> None:
    with write_session(at.engine) as session:
        set_keywords(session, subscriber_by_email(session, ADA), parse_keywords_or_raise(keywords))


def test_a_letter_stays_the_same_when_its_reader_changes_keywords(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "Robots", "protein", "-volcano", now=TUESDAY)
    store_papers(at, TUESDAY, "A robot walks", "A protein folds")
    plan(at.engine, at.sender_domain, TUESDAY)
    chosen = [number(at, "robot"), number(at, "protein")]
    with write_session(store) as session:
        session.get_one(Delivery, claimed(at).id).keywords = chosen
    before = words(at, claimed(at))
    assert (before.keywords, before.keyword_ids) == (("Robots", "protein"), tuple(chosen))
    rewrite(at, "graph", "a protein OR protein")
    after = words(at, claimed(at))
    # Whoever takes a keyword out is told of it in the words of the record.
    assert (after.keywords, after.keyword_ids) == (("robot", "protein"), tuple(chosen))
    assert [view.matched_in for view in after.papers] == [view.matched_in for view in before.papers]
    copy = render_web_copy(at, at.token_signer.sign(TokenPurpose.VIEW, str(claimed(at).id), TUESDAY), TUESDAY)
    assert copy == render_digest(replace(after, links=NO_LINKS, address=""), all_papers=True).html
    assert "graph" not in copy


def test_a_delivery_from_before_keywords_were_recorded_goes_by_those_of_today(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "robot", "-volcano", now=TUESDAY)
    store_papers(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)
    rewrite(at, "walk", "-volcano")
    assert words(at, replace(claimed(at), keywords=[])).keywords == ("walk",)


def test_every_link_does_one_thing_for_one_reader(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "robot", now=TUESDAY)
    store_papers(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)
    one, nonce = claimed(at), StoreView(store).subscriber(ADA).nonce
    made = words(at, one).links
    subjects = {"view": str(one.id)}
    for name in LINK_NAMES:
        token = getattr(made, name).rpartition("/")[2]
        assert at.token_signer.unsign(TokenPurpose[name.upper()], token, TUESDAY) == subjects.get(name, nonce)
    text = str(mail(at, one).get_body(["plain"]).get_content())  # type: ignore[union-attr]
    assert f"{made.mute}/{number(at, 'robot')} (robot)\r\n" in text
    assert made.weekly in text


def test_weekly_readers_cannot_get_fewer_mails(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "robot", now=TUESDAY, frequency=Frequency.WEEKLY)
    store_papers(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)
    assert words(at, claimed(at)).links.weekly == ""
    assert "/fewer/" not in mail(at, claimed(at)).as_string()


def test_a_machines_summary_is_for_those_who_asked_for_it(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "robot", now=TUESDAY)
    add_active_subscriber(at, BOB, "robot", now=TUESDAY)
    [paper] = store_papers(at, TUESDAY, "A robot walks")
    with write_session(store) as session:
        session.get_one(Paper, paper).ai_summary = "Walking is learned."
        subscriber_by_email(session, BOB).summaries = True
    plan(at.engine, at.sender_domain, TUESDAY)
    assert [words(at, claimed(at, email)).papers[0].has_summary for email in (ADA, BOB)] == [False, True]


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", date(2026, 7, 29)), ("America/Lima", date(2026, 7, 28))]
)
def test_dates_are_the_readers_own(store: Engine, zone: str, day: date) -> None:
    at = make_context(store)
    evening = TUESDAY.replace(hour=20)
    add_active_subscriber(at, ADA, "robot", now=evening, timezone=zone, send_hour=0)
    store_papers(at, evening, "A robot walks")
    plan(at.engine, at.sender_domain, evening)
    made = words(at, claimed(at))
    assert (made.day, made.subscribed_on) == (day, day)


def test_a_paper_is_late_by_the_readers_calendar(store: Engine) -> None:
    at = make_context(store)
    add_active_subscriber(at, ADA, "robot", now=TUESDAY, timezone="Pacific/Auckland")
    add_active_subscriber(at, BOB, "robot", now=TUESDAY)
    store_papers(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY + DAY)
    late = {}
    for email in (ADA, BOB):
        one = replace(claimed(at, email), created_at=datetime(2026, 7, 30, 20, tzinfo=UTC))
        late[email] = words(at, one).papers[0].is_late
    assert late == {ADA: True, BOB: False}


def test_a_change_in_the_middle_of_an_abstract_is_seen_within_a_minute_or_after_a_reading(store: Engine) -> None:
    at, known = make_context(store), RenderCache()
    add_active_subscriber(at, ADA, "robot", now=TUESDAY)
    store_papers(at, TUESDAY, "A robot walks")
    plan(at.engine, at.sender_domain, TUESDAY)

    def read(now: datetime, *, abstract: str, after: bool = False) -> str:
        with write_session(store) as session:
            session.exec(select(Paper)).one().abstract = f"{'Long ' * 200}{abstract}{' and longer' * 100}."
            if after:
                record_fetch(session, source="arxiv", day=now.date(), started_at=now, seconds=1, status=FetchStatus.OK)
        with read_session(store) as session:
            shown = digest_context(at, load_batch(session, [claimed(at)], now, known), claimed(at))
        return shown.papers[0].paper.abstract

    assert "first" in read(TUESDAY, abstract="first")
    assert "second" in read(TUESDAY + timedelta(minutes=1), abstract="second")
    assert "third" in read(TUESDAY + timedelta(minutes=1), abstract="third", after=True)
