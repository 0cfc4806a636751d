"""Web copy of a digest: all its papers, for a limited time, without links that change a subscription."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from httpx import Response
from sqlalchemy import Engine, delete
from sqlmodel import col

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, DeliveryKind, Keyword
from digest.jobs.retention import prune_unsubscribed
from digest.planning import plan
from digest.rendering import DigestContext, PersonalLinks, digest_context, load_batch
from digest.subscribers import (
    Preferences,
    parse_keywords_or_raise,
    unsubscribe,
    update_preferences,
)
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import Browser, ParsedPage
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    erase_by_email,
    make_context,
    sign_token,
    store_papers,
)

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
BASE_URL = "http://digest.test"
DAY = timedelta(days=1)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url=BASE_URL, web_copy_days=7)
    add_active_subscriber(made, ADA, "robot", "protein", "-volcano", now=NOW, cap=3)
    store_papers(made, NOW, *(f"Robot {n:03}" for n in range(60)))
    plan(made.engine, made.sender_domain, NOW)
    return made


def copy_path(ctx: AppContext, email: str = ADA) -> str:
    digests = [row for row in StoreView(ctx.engine).deliveries(email) if row.kind == DeliveryKind.DIGEST]
    return ctx.signed_url(TokenPurpose.VIEW, str(digests[-1].id), NOW).removeprefix(BASE_URL)


def browser_at(ctx: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(create_app(ctx, clock=lambda: NOW + later, min_answer_seconds=0))


def digest_values(ctx: AppContext) -> DigestContext:
    claimed = ClaimedDelivery.from_delivery(StoreView(ctx.engine).deliveries(ADA)[-1])
    with read_session(ctx.engine) as session:
        batch = load_batch(session, [claimed], NOW)
        return digest_context(ctx, batch, claimed)


def test_the_copy_has_all_papers_including_those_omitted_in_the_email(ctx: AppContext) -> None:
    page = browser_at(ctx).get(copy_path(ctx))
    assert page.status_code == 200
    text = ParsedPage(page.text).text
    assert all(f"Robot {n:03}" in text for n in range(60))
    assert "60 new papers match your keywords" in text
    assert "more on the web" not in text
    assert "Forwarded to you? Get your own digest." in text
    assert [
        attributes.get("role")
        for tag, attributes in ParsedPage(page.text).tags
        if attributes.get("role") in {"main", "article"}
    ] == ["main"]


def test_the_copy_has_no_links_that_change_the_subscription(ctx: AppContext) -> None:
    page, email = browser_at(ctx).get(copy_path(ctx)), digest_values(ctx)
    links = {link.removeprefix(BASE_URL) for link in ParsedPage(page.text).links if link.startswith((BASE_URL, "/"))}
    assert links == {"/", *(f"/papers/{number}" for number in range(1, 61))}
    for name in (field.name for field in fields(PersonalLinks)):
        address = getattr(email.links, name)
        assert address, name  # the email itself has it
        assert address.rpartition("/")[2] not in page.text
    assert StoreView(ctx.engine).subscriber(ADA).nonce not in page.text
    assert ADA not in page.text
    assert "Anyone with this link can view this page." in page.text


def test_the_view_token_opens_no_other_page(ctx: AppContext) -> None:
    token = copy_path(ctx).rpartition("/")[2]
    for page in ("preferences", "unsubscribe", "mute", "never", "fewer", "pause", "return", "confirm"):
        tail = "/1" if page in {"mute", "never"} else ""
        assert browser_at(ctx).get(f"/{page}/{token}{tail}").status_code == 404
        assert browser_at(ctx).post(f"/{page}/{token}{tail}", {"answer": "yes"}).status_code == 404


def test_a_copy_expires_and_the_page_says_so(ctx: AppContext) -> None:
    where = copy_path(ctx)
    assert browser_at(ctx, 7 * DAY).get(where).status_code == 200
    late = browser_at(ctx, 7 * DAY + timedelta(seconds=1))
    page = late.get(where)
    assert page.status_code == 410
    assert "Digests can be viewed online for 7 days." in page.text
    assert "Robot 000" not in page.text
    assert {"/papers", "/"} <= set(ParsedPage(page.text).links)
    assert late.head(where).status_code == 410


def test_the_copy_is_private_and_head_responds_like_get(ctx: AppContext) -> None:
    for response in (browser_at(ctx).get(copy_path(ctx)), browser_at(ctx).head(copy_path(ctx))):
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-robots-tag"] == "noindex, nofollow"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in response.headers["content-security-policy"]
        assert "default-src 'none'" in response.headers["content-security-policy"]


def test_copies_of_an_erased_subscriber_are_gone(ctx: AppContext) -> None:
    where = copy_path(ctx)
    erase_by_email(ctx, ADA)
    assert browser_at(ctx).get(where).status_code == 410


def test_a_copy_goes_on_showing_its_email_when_keywords_change(ctx: AppContext) -> None:
    before = browser_at(ctx).get(copy_path(ctx))
    change_keywords(ctx, "speech")
    assert (before.status_code, browser_at(ctx).get(copy_path(ctx)).text) == (200, before.text)


def test_a_copy_whose_keywords_are_gone_says_so_instead_of_showing_another_email(ctx: AppContext) -> None:
    change_keywords(ctx, "speech")
    with write_session(ctx.engine) as session:
        session.execute(delete(Keyword).where(col(Keyword.canonical).contains("robot")))
    assert_says_that_keywords_are_gone(browser_at(ctx).get(copy_path(ctx)))


def test_a_copy_says_that_its_keywords_were_pruned_with_the_subscription(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store, base_url=BASE_URL, web_copy_days=90)
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    add_active_subscriber(ctx, BOB, now=NOW)
    store_papers(ctx, NOW, "Robot 000", source="huggingface", upvotes=9)
    plan(ctx.engine, ctx.sender_domain, NOW)
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    later = 40 * DAY
    prune_unsubscribed(ctx, NOW + later)
    assert_says_that_keywords_are_gone(browser_at(ctx, later).get(copy_path(ctx)))
    trending = browser_at(ctx, later).get(copy_path(ctx, BOB))
    assert "Today's trending papers" in ParsedPage(trending.text).text  # it never had keywords


def change_keywords(ctx: AppContext, *keywords: str) -> None:
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW)
    update_preferences(ctx, token, Preferences(), parse_keywords_or_raise(keywords), None, NOW)


def assert_says_that_keywords_are_gone(page: Response) -> None:
    assert page.status_code == 410
    assert "the keywords that it was made with have been deleted" in page.text
    assert "Robot 000" not in page.text
