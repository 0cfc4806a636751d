"""Pages behind the quick action links: one button each, and one to undo."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, Keyword, Paper, SubscriberStatus
from digest.subscribers import get_profile, unsubscribe
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import (
    ADA,
    StoreView,
    add_active_subscriber,
    make_context,
    set_status,
    sign_token,
    store_papers,
)

BASE_URL = "http://digest.test"
QUICK_ACTIONS = [
    TokenPurpose.MUTE,
    TokenPurpose.MUTE_AUTHOR,
    TokenPurpose.WEEKLY,
    TokenPurpose.PAUSE,
    TokenPurpose.RESUBSCRIBE,
]
OTHER_PURPOSES = [TokenPurpose.CONFIRM, TokenPurpose.PREFERENCES, TokenPurpose.UNSUBSCRIBE]
HOSTILE_TEXT = "<img src=x onerror=alert(1)>\"'&lt;"


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url=BASE_URL)
    add_active_subscriber(made, ADA, "robot", "graph", now=TEST_TIME)
    (paper,) = store_papers(made, TEST_TIME, "A robot")
    with write_session(made.engine) as session:
        session.get_one(Paper, paper).authors = ["Ada Example", "Ben Example"]
    return made


@pytest.fixture
def record(sqlite_store: Engine) -> StoreView:
    return StoreView(sqlite_store)


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return browser_at(ctx)


def browser_at(ctx: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(
        create_app(ctx, clock=lambda: TEST_TIME + later, limits=FormLimits(other=1000), min_answer_seconds=0)
    )


def signed_path(ctx: AppContext, purpose: TokenPurpose, *, made_for: TokenPurpose | None = None) -> str:
    """Return the path in an e-mail to Ada; with `made_for` its token has another purpose."""
    tail = {TokenPurpose.MUTE: f"/{keyword_id(ctx)}", TokenPurpose.MUTE_AUTHOR: "/1"}.get(purpose, "")
    return f"/{purpose}/{sign_token(ctx, ADA, made_for or purpose, TEST_TIME)}{tail}"


def keyword_id(ctx: AppContext, canonical: str = "robot") -> int:
    with read_session(ctx.engine) as session:
        return int(session.exec(select(Keyword.id).where(Keyword.canonical == canonical)).one() or 0)


def find_button(html: str, **attributes: str) -> dict[str, str]:
    """Return the form data of the button with these attributes: its name, and the hidden fields."""
    seen = ParsedPage(html)
    hidden = {attrs["name"]: attrs["value"] for tag, attrs in seen.tags if tag == "input" and attrs["type"] == "hidden"}
    pressed = seen.find_tag(type="submit", **attributes)
    return hidden | ({pressed["name"]: pressed["value"]} if "name" in pressed else {})


def stored_state(record: StoreView, ctx: AppContext) -> tuple[object, ...]:
    found = record.subscriber(ADA)
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    profile = get_profile(ctx, TokenPurpose.PREFERENCES, token, TEST_TIME)
    return found.status, found.frequency, found.paused_until, profile.keywords, profile.muted


@pytest.mark.parametrize("purpose", QUICK_ACTIONS)
def test_a_get_changes_nothing_one_button_acts_and_another_undoes_it(
    ctx: AppContext, record: StoreView, browser: Browser, purpose: TokenPurpose
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    before, where = stored_state(record, ctx), signed_path(ctx, purpose)
    for _ in range(2):
        browser.head(where)
        page = browser.get(where)
        assert page.status_code == 200
    assert stored_state(record, ctx) == before
    seen = ParsedPage(page.text)
    assert len([tag for tag, attributes in seen.tags if tag == "button"]) == 1
    assert seen.find_tag(action=where)["method"] == "post"
    pressed = find_button(page.text) | ({"author": "Ada Example"} if purpose is TokenPurpose.MUTE_AUTHOR else {})
    response = browser.post(where, pressed)
    assert response.status_code == 200
    after = stored_state(record, ctx)
    assert after != before
    second = browser.post(where, pressed)
    assert (second.status_code, stored_state(record, ctx)) == (200, after)
    if purpose is TokenPurpose.RESUBSCRIBE:
        assert "Your letters come already" in browser.get(where).text or "Welcome back" in second.text
        return
    # Whoever presses twice sees the second answer: it has the way back too.
    for given in (second, response):
        back = browser.post(where, find_button(given.text))
        assert (back.status_code, stored_state(record, ctx)) == (200, before)


@pytest.mark.parametrize("purpose", QUICK_ACTIONS)
def test_a_token_opens_the_page_of_its_purpose_only(
    ctx: AppContext, record: StoreView, browser: Browser, purpose: TokenPurpose
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    before = stored_state(record, ctx)
    for other in [action for action in [*QUICK_ACTIONS, *OTHER_PURPOSES] if action is not purpose]:
        where = signed_path(ctx, purpose, made_for=other)
        for response in (browser.get(where), browser.post(where, {"answer": "yes", "author": "Ada Example"})):
            assert response.status_code == 404, other
            assert "damaged" in response.text
        assert stored_state(record, ctx) == before, other
    assert browser.post(signed_path(ctx, purpose), {"answer": "yes", "author": "Ada Example"}).status_code == 200
    assert stored_state(record, ctx) != before


@pytest.mark.parametrize(
    ("purpose", "days"), [*((action, 90) for action in QUICK_ACTIONS[:4]), (TokenPurpose.RESUBSCRIBE, 30)]
)
def test_the_page_of_an_expired_link_says_how_long_it_worked(
    ctx: AppContext, record: StoreView, purpose: TokenPurpose, days: int
) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    before, where = stored_state(record, ctx), signed_path(ctx, purpose)
    assert browser_at(ctx, timedelta(days=days)).get(where).status_code == 200
    late = browser_at(ctx, timedelta(days=days, seconds=1))
    for response in (late.get(where), late.post(where, {"answer": "yes", "author": "Ada Example"})):
        assert response.status_code == 410
        assert f"was valid for {days} days" in response.text
    assert stored_state(record, ctx) == before


@pytest.mark.parametrize("purpose", QUICK_ACTIONS)
def test_quick_action_pages_are_private_and_rate_limited(ctx: AppContext, purpose: TokenPurpose) -> None:
    if purpose is TokenPurpose.RESUBSCRIBE:
        unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    here, where = (
        Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(token=1))),
        signed_path(ctx, purpose),
    )
    response = here.get(where)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-robots-tag"] == "noindex, nofollow"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "unsafe-inline" not in response.headers["content-security-policy"]
    assert f"Disallow: /{purpose}/" in here.get("/robots.txt").text
    assert [here.post(where, {}).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("purpose", QUICK_ACTIONS)
def test_the_page_of_an_ended_subscription_says_so(ctx: AppContext, browser: Browser, purpose: TokenPurpose) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus.SUPPRESSED, reason="complaint")
    for response in (
        browser.get(signed_path(ctx, purpose)),
        browser.post(signed_path(ctx, purpose), {"author": "Ada Example"}),
    ):
        assert response.status_code == 410
        assert "You can subscribe again" in response.text


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 30, "٣", "0"])
def test_an_invalid_number_in_the_url_is_not_found(ctx: AppContext, browser: Browser, number: str) -> None:
    for purpose in (TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR):
        where = signed_path(ctx, purpose).rpartition("/")[0]
        assert browser.get(f"{where}/{number}").status_code in {200, 410}
        assert browser.post(f"{where}/{number}", {"author": "Ada Example"}).status_code in {200, 410}


def test_the_only_keyword_is_not_muted_and_alternatives_are_shown(ctx: AppContext, browser: Browser) -> None:
    add_active_subscriber(ctx, "only@example.org", "protein", now=TEST_TIME)
    where = f"/mute/{sign_token(ctx, 'only@example.org', TokenPurpose.MUTE, TEST_TIME)}/{keyword_id(ctx, 'protein')}"
    for response in (browser.get(where), browser.post(where, {"answer": "yes"})):
        assert "This is your only keyword" in response.text
        seen = ParsedPage(response.text)
        assert not [tag for tag, _ in seen.tags if tag == "button"]
        ways = [link for link in seen.links if link.startswith(("/pause/", "/unsubscribe/"))]
        assert [browser.get(link).status_code for link in ways] == [200, 200]


def test_of_664_authors_fifty_are_listed_and_each_can_be_chosen(ctx: AppContext, browser: Browser) -> None:
    names = [f"Ada Example {n}" for n in range(663)] + [HOSTILE_TEXT]
    with write_session(ctx.engine) as session:
        session.get_one(Paper, 1).authors = names
    page = ParsedPage(browser.get(signed_path(ctx, TokenPurpose.MUTE_AUTHOR)).text)
    choices = [attributes for tag, attributes in page.tags if tag == "input" and attributes["type"] == "radio"]
    assert [choice["value"] for choice in choices] == [*names[:49], names[-1]]
    assert [choice["value"] for choice in choices if "checked" in choice] == names[:1]
    assert "42 more authors" in page.text
    assert "614 more authors are not listed here" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    response = browser.post(signed_path(ctx, TokenPurpose.MUTE_AUTHOR), {"author": names[662]})
    assert "-author:&#34;Ada Example 662&#34;" in response.text
    response = browser.post(signed_path(ctx, TokenPurpose.MUTE_AUTHOR), {"author": HOSTILE_TEXT})
    assert not [tag for tag, _ in ParsedPage(response.text).tags if tag == "img"]
    assert response.status_code == 200


def test_one_muted_author_too_many_is_refused_with_a_reason(sqlite_store: Engine, ctx: AppContext) -> None:
    few = make_context(sqlite_store, base_url=BASE_URL, most_keywords=2)
    response = browser_at(few).post(signed_path(few, TokenPurpose.MUTE_AUTHOR), {"author": "Ada Example"})
    assert response.status_code == 409
    assert "You have 2 keywords and exclusions, and the limit is 2." in response.text


def test_keywords_are_escaped_on_quick_action_pages(ctx: AppContext, browser: Browser) -> None:
    add_active_subscriber(ctx, "evil@example.org", "<b>bold</b>", "graph", now=TEST_TIME)
    with read_session(ctx.engine) as session:
        number = max(keyword_id or 0 for keyword_id in session.exec(select(Keyword.id)).all())
    where = f"/mute/{sign_token(ctx, 'evil@example.org', TokenPurpose.MUTE, TEST_TIME)}/{number}"
    for response in (page := browser.get(where), browser.post(where, find_button(page.text))):
        assert "&lt;b&gt;bold" in response.text
        assert "<b>" not in response.text


def test_unsubscribing_by_the_button_offers_an_undo(ctx: AppContext, record: StoreView, browser: Browser) -> None:
    where = signed_path(ctx, TokenPurpose.UNSUBSCRIBE)
    left = browser.post(where, {"answer": "yes"})
    actions = [attributes["action"] for tag, attributes in ParsedPage(left.text).tags if tag == "form"]
    [back] = [action for action in actions if action.startswith("/return/")]
    assert record.subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
    assert "Welcome back" in browser.post(back).text
    assert record.subscriber(ADA).status == SubscriberStatus.ACTIVE
    # One click in a mail program: no page, no last email; the way back is on the page behind the link.
    browser.post(where, {"List-Unsubscribe": "One-Click"})
    with read_session(ctx.engine) as session:
        assert [delivery.kind for delivery in session.exec(select(Delivery)).all()] == ["goodbye"]
    assert "/return/" in browser_at(ctx, timedelta(days=29)).get(where).text
    assert "/return/" not in browser_at(ctx, timedelta(days=31)).get(where).text


def test_quick_action_pages_work_below_a_path(sqlite_store: Engine, ctx: AppContext) -> None:
    below = browser_at(make_context(sqlite_store, base_url="https://example.org/digest"))
    for purpose in QUICK_ACTIONS[:4]:
        assert f'action="/digest{signed_path(ctx, purpose)}"' in below.get(f"/digest{signed_path(ctx, purpose)}").text
