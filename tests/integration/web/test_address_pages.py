"""Pages of a change of address: the same answer for every address, and a button behind each link."""

import re

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, SubscriberStatus
from digest.rendering import load_batch, prepare_email
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, BOB, StoreView, add_active_subscriber, make_context, set_status, sign_token

NEW = "ada@new.example.net"


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TEST_TIME)
    add_active_subscriber(ctx, BOB, "protein", now=TEST_TIME)
    return ctx


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


@pytest.fixture
def record(ctx: AppContext) -> StoreView:
    return StoreView(ctx.engine)


def form_path(ctx: AppContext) -> str:
    return f"/preferences/{sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)}/address"


def email_links(ctx: AppContext) -> list[str]:
    """Return the path of the button in each e-mail about an address, in the order in which they were queued."""
    paths = []
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Delivery).where(Delivery.recipient != "").order_by(col(Delivery.id))).all()
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        batch = load_batch(session, claimed, TEST_TIME)
        for delivery in claimed:
            text = prepare_email(ctx, batch, delivery, TEST_TIME).build_content().text
            paths += re.findall(r"http://[^/\s]+(/[^\s]*)", text)
    return paths


def test_a_change_by_the_pages_from_the_form_to_the_undo(ctx: AppContext, browser: Browser, record: StoreView) -> None:
    assert browser.get(form_path(ctx)).status_code == 200
    sent = browser.post(form_path(ctx), {"email": NEW})
    assert sent.status_code == 200
    assert "sent it a link" in sent.text
    [link] = email_links(ctx)
    for _ in range(2):  # to look changes nothing
        assert NEW in browser.get(link).text
        assert "Use this address?" in browser.post(link).text
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert "Address changed" in browser.post(link, {"answer": "yes"}).text
    assert record.subscriber(NEW).status == SubscriberStatus.ACTIVE
    assert "Address changed" in browser.get(link).text
    undo = email_links(ctx)[1]
    assert "Undo the change" in browser.get(undo).text
    assert "Change undone" in browser.post(undo, {"answer": "yes"}).text
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    assert browser.get(link).status_code == 410
    assert link.startswith("/address/")
    assert undo.startswith("/address-undo/")


def test_the_pages_behind_both_links_are_private_and_bear_a_slash(ctx: AppContext, browser: Browser) -> None:
    browser.post(form_path(ctx), {"email": NEW})
    [link] = email_links(ctx)
    browser.post(link, {"answer": "yes"})
    undo = email_links(ctx)[1]
    robots = browser.get("/robots.txt").text
    for path in (link, undo):
        page = browser.get(path, headers={"Accept-Encoding": "gzip"})
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        assert "content-encoding" not in page.headers
        assert f"Disallow: /{path.split('/')[1]}/" in robots
        assert browser.get(path + "/").text == page.text


@pytest.mark.parametrize("kind", ["free", "taken", "complained", "unconfirmed"])
def test_every_address_gets_the_same_answer(ctx: AppContext, browser: Browser, record: StoreView, kind: str) -> None:
    if kind == "complained":
        set_status(ctx.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse", ended_at=TEST_TIME)
    elif kind == "unconfirmed":
        set_status(ctx.engine, BOB, SubscriberStatus.PENDING)
    answer = browser.post(form_path(ctx), {"email": NEW if kind == "free" else BOB})
    expected = browser.post(form_path(ctx), {"email": "carol@other.example.net"})
    assert answer.status_code == expected.status_code == 200
    assert answer.text.replace(BOB, NEW) == expected.text.replace("carol@other.example.net", NEW)


def test_a_stranger_can_decline(ctx: AppContext, browser: Browser, record: StoreView) -> None:
    browser.post(form_path(ctx), {"email": NEW})
    [link] = email_links(ctx)
    assert "Nothing will be sent" in browser.post(link, {"answer": "no"}).text
    assert "Use this address?" in browser.get(link).text  # they may have pressed the wrong button


@pytest.mark.parametrize(
    ("email", "message"),
    [
        ("", "not an e-mail address"),
        ("nobody", "not an e-mail address"),
        (ADA.upper(), "already goes to this address"),
        ("ada@gmial.com", "Perhaps you meant ada@gmail.com"),
    ],
)
def test_what_cannot_be_an_address_is_shown_again(
    ctx: AppContext, browser: Browser, record: StoreView, email: str, message: str
) -> None:
    answer = browser.post(form_path(ctx), {"email": email})
    assert (answer.status_code, record.deliveries()) == (422, [])
    assert message in answer.text
    assert ParsedPage(answer.text).find_tag(id="email")["value"] == email


def test_a_questioned_address_can_be_meant_or_mended(ctx: AppContext, browser: Browser) -> None:
    assert browser.post(form_path(ctx), {"email": "ada@gmial.com", "sure": "ada@gmial.com"}).status_code == 200
    assert browser.post(form_path(ctx), {"email": "ada@gmial.com", "mended": "ada@gmail.com"}).status_code == 200


def test_requests_are_limited_whatever_the_address(ctx: AppContext) -> None:
    limits = FormLimits(address_change=2)
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=limits, min_answer_seconds=0))
    statuses = [browser.post(form_path(ctx), {"email": email}).status_code for email in (BOB, BOB, BOB, NEW)]
    assert statuses == [200, 200, 429, 429]


def test_the_form_is_for_a_running_subscription(ctx: AppContext, browser: Browser) -> None:
    path = form_path(ctx)
    set_status(ctx.engine, ADA, SubscriberStatus.UNSUBSCRIBED, ended_at=TEST_TIME)
    assert browser.get(path).status_code == browser.post(path, {"email": NEW}).status_code == 410


def test_the_page_to_unsubscribe_offers_fewer_emails(ctx: AppContext, browser: Browser, record: StoreView) -> None:
    path = f"/unsubscribe/{sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME)}"
    actions = re.findall(r'<form class="choice" action="([^"]+)"', browser.get(path).text)
    befores = re.findall(r'name="before" value="([^"]+)"', browser.get(path).text)
    assert [action.split("/")[1] for action in actions] == ["fewer", "pause"]
    for action, before, text in zip(actions, befores, ("now get it weekly", "Paused until 14 August"), strict=True):
        done = browser.post(action, {"answer": "yes", "before": before})
        assert text in done.text
    ada = record.subscriber(ADA)
    assert (ada.frequency, ada.status) == ("weekly", SubscriberStatus.PAUSED)
    assert 'class="choice"' not in browser.get(path).text  # neither is left to choose
    assert record.subscriber(BOB).frequency == "daily"


def test_kinds_of_the_new_emails_are_named_in_the_history(ctx: AppContext, browser: Browser) -> None:
    browser.post(form_path(ctx), {"email": NEW})
    browser.post(email_links(ctx)[0], {"answer": "yes"})
    browser.post(email_links(ctx)[1], {"answer": "yes"})
    page = browser.get(form_path(ctx).replace("/address", "/history")).text
    for text in ("Link to confirm a new address", "Notice of a new address", "Notice that a new address was undone"):
        assert text in page
    assert DeliveryKind.ADDRESS_CHANGE not in page
