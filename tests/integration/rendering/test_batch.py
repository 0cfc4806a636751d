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
from digest.tokens import MARK_TAG_LENGTH, TokenPurpose, delivery_subject
from digest.web.pages.archive import NO_LINKS, render_web_copy
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, StoreView, add_active_subscriber, make_context, store_papers


def claimed_delivery(ctx: AppContext, email: str = ADA) -> ClaimedDelivery:
    return ClaimedDelivery.from_delivery(StoreView(ctx.engine).deliveries(email)[-1])


def context_of(ctx: AppContext, delivery: ClaimedDelivery) -> DigestContext:
    with read_session(ctx.engine) as session:
        return digest_context(ctx, load_batch(session, [delivery], TUESDAY), delivery)


def message_of(ctx: AppContext, delivery: ClaimedDelivery) -> EmailMessage:
    with read_session(ctx.engine) as session:
        raw = prepare_email(ctx, load_batch(session, [delivery], TUESDAY), delivery, TUESDAY).render()
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def keyword_id(ctx: AppContext, canonical: str) -> int:
    with read_session(ctx.engine) as session:
        return session.exec(select(Keyword.id).where(Keyword.canonical == canonical)).one() or 0


def replace_keywords(ctx: AppContext, *keywords: str) -> None:
    with write_session(ctx.engine) as session:
        set_keywords(session, subscriber_by_email(session, ADA), parse_keywords_or_raise(keywords))


def test_a_digest_stays_the_same_when_its_subscriber_changes_keywords(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "Robots", "protein", "-volcano", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    plan(ctx.engine, ctx.sender_domain, TUESDAY)
    keyword_ids = [keyword_id(ctx, "robot"), keyword_id(ctx, "protein")]
    with write_session(store) as session:
        session.get_one(Delivery, claimed_delivery(ctx).id).keywords = keyword_ids
    before = context_of(ctx, claimed_delivery(ctx))
    assert (before.keywords, before.keyword_ids) == (("Robots", "protein"), tuple(keyword_ids))
    replace_keywords(ctx, "graph", "a protein OR protein")
    after = context_of(ctx, claimed_delivery(ctx))
    # A removed keyword is named in its canonical form.
    assert (after.keywords, after.keyword_ids) == (("robot", "protein"), tuple(keyword_ids))
    assert [view.matched_in for view in after.papers] == [view.matched_in for view in before.papers]
    copy = render_web_copy(
        ctx, ctx.token_signer.sign(TokenPurpose.VIEW, str(claimed_delivery(ctx).id), TUESDAY), TUESDAY
    )
    assert copy == render_digest(replace(after, links=NO_LINKS, address="", welcome=None), all_papers=True).html
    assert "graph" not in copy


def test_a_delivery_without_recorded_keywords_goes_by_those_of_today(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", "-volcano", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, TUESDAY)
    replace_keywords(ctx, "walk", "-volcano")
    assert context_of(ctx, replace(claimed_delivery(ctx), keywords=[])).keywords == ("walk",)


def test_links_do_one_thing_for_one_subscriber(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, TUESDAY)
    delivery, nonce = claimed_delivery(ctx), StoreView(store).subscriber(ADA).nonce
    links = context_of(ctx, delivery).links
    about_digest = delivery_subject(delivery.id, delivery.message_id)
    (paper_id,) = delivery.papers
    tag = context_of(ctx, delivery).mark_tags[paper_id][:MARK_TAG_LENGTH]
    subjects = {"view": about_digest, "marks": about_digest, "mark": f"{nonce}.{paper_id}.more"}
    for name in LINK_NAMES:
        token = getattr(links, name).rpartition("/")[2] + (f".{paper_id}.more.{tag}" if name == "mark" else "")
        assert ctx.token_signer.unsign(TokenPurpose[name.upper()], token, TUESDAY) == subjects.get(name, nonce)
    text, html = (str(message_of(ctx, delivery).get_body([kind]).get_content()) for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert f'href="{links.mute}/{keyword_id(ctx, "robot")}"' in html
    assert f'href="{links.mark}.{paper_id}.more.{tag}"' in html
    assert f"{links.weekly}\r\n" in text


def test_weekly_subscribers_cannot_get_fewer_emails(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, frequency=Frequency.WEEKLY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, TUESDAY)
    assert context_of(ctx, claimed_delivery(ctx)).links.weekly == ""
    assert "/fewer/" not in message_of(ctx, claimed_delivery(ctx)).as_string()


def test_pictures_are_for_subscribers_who_want_them_while_the_service_has_them(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY, thumbnails=True)
    [paper] = store_papers(ctx, TUESDAY, "A robot walks")
    with write_session(store) as session:
        session.get_one(Paper, paper).thumbnail_url = "https://cdn-thumbnails.huggingface.co/1.png"
    plan(ctx.engine, ctx.sender_domain, TUESDAY)

    def html_of(at: AppContext, email: str) -> str:
        return str(message_of(at, claimed_delivery(at, email)).get_body(["html"]).get_content())  # type: ignore[union-attr]

    picture = f'<img class="r" src="{ctx.absolute_url("")}/papers/{paper}/thumbnail" width="116" alt=""'
    assert (picture in html_of(ctx, BOB), "<img" in html_of(ctx, ADA)) == (True, False)
    assert "<img" not in html_of(make_context(store, thumbnails=False), BOB)


def test_ai_summaries_are_for_subscribers_who_want_them(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    [paper] = store_papers(ctx, TUESDAY, "A robot walks")
    with write_session(store) as session:
        session.get_one(Paper, paper).ai_summary = "Walking is learned."
        subscriber_by_email(session, BOB).summaries = True
    plan(ctx.engine, ctx.sender_domain, TUESDAY)
    assert [context_of(ctx, claimed_delivery(ctx, email)).papers[0].has_summary for email in (ADA, BOB)] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", date(2026, 7, 29)), ("America/Lima", date(2026, 7, 28))]
)
def test_dates_are_local(store: Engine, zone: str, day: date) -> None:
    ctx = make_context(store)
    evening = TUESDAY.replace(hour=20)
    add_active_subscriber(ctx, ADA, "robot", now=evening, timezone=zone, send_hour=0)
    store_papers(ctx, evening, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, evening)
    context = context_of(ctx, claimed_delivery(ctx))
    assert (context.day, context.subscribed_on) == (day, day)


def test_a_paper_is_late_by_the_local_calendar(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY, timezone="Pacific/Auckland")
    add_active_subscriber(ctx, BOB, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, TUESDAY + DAY)
    late = {}
    for email in (ADA, BOB):
        delivery = replace(claimed_delivery(ctx, email), created_at=datetime(2026, 7, 30, 20, tzinfo=UTC))
        late[email] = context_of(ctx, delivery).papers[0].is_late
    assert late == {ADA: True, BOB: False}


def test_a_changed_abstract_is_seen_within_a_minute_or_after_a_fetch(store: Engine) -> None:
    ctx, cache = make_context(store), RenderCache()
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks")
    plan(ctx.engine, ctx.sender_domain, TUESDAY)

    def read(now: datetime, *, abstract: str, after: bool = False) -> str:
        with write_session(store) as session:
            session.exec(select(Paper)).one().abstract = f"{'Long ' * 200}{abstract}{' and longer' * 100}."
            if after:
                record_fetch(session, source="arxiv", day=now.date(), started_at=now, seconds=1, status=FetchStatus.OK)
        with read_session(store) as session:
            context = digest_context(
                ctx, load_batch(session, [claimed_delivery(ctx)], now, cache), claimed_delivery(ctx)
            )
        return context.papers[0].paper.abstract

    assert "first" in read(TUESDAY, abstract="first")
    assert "second" in read(TUESDAY + timedelta(minutes=1), abstract="second")
    assert "third" in read(TUESDAY + timedelta(minutes=1), abstract="third", after=True)
