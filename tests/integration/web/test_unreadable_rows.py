"""Pages hold for rows that cannot be read, and the service counts as healthy: everybody else is served."""

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import write_session
from digest.monitoring.checks.configuration import check_database
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import Browser
from tests.support.contexts import (
    ADA,
    BOB,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    sign_token,
    store_papers,
)
from tests.support.factories import source_fetch
from tests.support.spoiled_rows import spoil

TOKEN = "a-token-that-is-long-enough"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
EVE, ZOE = "eve@example.org", "zoe@example.org"
SPOILED = (
    "UPDATE subscriber SET timezone = 'Mars/Base' WHERE id = 1",
    "UPDATE subscriber SET send_hour = 25 WHERE id = 2",
    "UPDATE keyword SET canonical = '(' WHERE id = 1",
    "UPDATE saved_keyword SET position = 2000 WHERE subscriber_id = 2 AND position = 0",
    "UPDATE saved_keyword SET keyword_id = 999 WHERE subscriber_id = 3 AND position = 0",
    "UPDATE paper SET authors = 'null', categories = '{}', ai_keywords = '3' WHERE id = 1",
    "UPDATE paper SET published_on = {day}, first_seen_at = {day}, changed_at = {day} WHERE id = 2",
    "UPDATE listing SET list_day = {day}, first_seen_at = {day} WHERE paper_id = 3",
    "UPDATE delivery SET papers = 'null', omitted_papers = '1', keywords = '{}' WHERE id = 1",
    "UPDATE delivery SET created_at = {day}, settled_at = {day}, next_attempt_at = {day} WHERE id = 2",
    "UPDATE subscriber SET created_at = {day}, confirmed_at = {day}, last_due_day = {day} WHERE id = 3",
    "UPDATE source_fetch SET started_at = {day}, list_day = {day} WHERE id = 1",
)
PUBLIC_PAGES = (
    *("/", "/papers", "/papers?q=robot", "/papers/1", "/papers/2", "/papers/3", "/embed", "/privacy"),
    *("/healthz", "/metrics", "/feeds/atom", "/feeds/json"),
)
OPERATOR_PAGES = (
    "",
    "/subscribers",
    "/subscribers/1",
    "/subscribers/2",
    "/subscribers/3",
    "/deliveries/1",
    "/deliveries/2",
)


@pytest.fixture
def spoiled(store: Engine) -> AppContext:
    """A store with a row of each kind that cannot be read, and one subscriber with whom all is well."""
    ctx = make_context(store, operator_token=TOKEN, base_url="https://digest.test")
    for email in (ADA, BOB, EVE, ZOE):
        add_active_subscriber(ctx, email, "robot" if email == ADA else f"protein {email[0]}", "fold", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds", "Another fold", "A fold of robots")
    plan_digests(ctx, TUESDAY)
    with write_session(ctx.engine) as session:
        session.add(source_fetch())
    day = "'infinity'" if store.dialect.name == "postgresql" else "'some day'"
    for statement in SPOILED:
        spoil(store, statement.replace("{day}", day))
    return ctx


def log_in(browser: Browser) -> str:
    """Return the cookie of an operator's session."""
    response = browser.post("/operator/login", {"token": TOKEN}, headers=SAME_SITE)
    return response.headers["set-cookie"].partition(";")[0]


def test_every_page_holds_and_the_service_is_healthy(spoiled: AppContext) -> None:
    browser = Browser(create_app(spoiled, clock=lambda: TUESDAY, min_answer_seconds=0), base="https://digest.test")
    cookie = (
        browser.post("/operator/login", {"token": TOKEN}, headers=SAME_SITE).headers["set-cookie"].partition(";")[0]
    )
    tokens = [sign_token(spoiled, email, TokenPurpose.PREFERENCES, TUESDAY) for email in (ADA, BOB, EVE)]
    personal = [f"/preferences/{token}{part}" for token in tokens for part in ("", "/history", "/export.json")]
    paths = [*PUBLIC_PAGES, *personal, *(f"/operator{path}" for path in OPERATOR_PAGES)]
    statuses = {path: browser.get(path, headers={"Cookie": cookie}).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    health = browser.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")


def test_the_operator_learns_which_rows_cannot_be_read(spoiled: AppContext) -> None:
    plan_digests(spoiled, TUESDAY)
    operator = Browser(create_app(spoiled, clock=lambda: TUESDAY), base="https://digest.test")
    page = operator.get("/operator", headers={"Cookie": log_in(operator)}).text
    assert "rows cannot be read" in page
    assert "subscriber 1, there is no such time zone" in page
    results = [result for result in check_database(spoiled.settings) if result.name == "rows"]
    assert any("subscriber 1: there is no such time zone" in result.message and not result.ok for result in results)
    assert StoreView(spoiled.engine).subscriber(ZOE).last_due_day == TUESDAY.date()


def test_bytes_that_are_no_text_break_no_page(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store, operator_token=TOKEN, base_url="https://digest.test")
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A robot waits")
    with write_session(ctx.engine) as session:
        session.add(source_fetch())
    no_text = "CAST(x'61FF62' AS TEXT)"
    spoil(sqlite_store, f"UPDATE paper SET title = {no_text}, abstract = {no_text}, authors = {no_text} WHERE id = 1")
    spoil(sqlite_store, f"UPDATE subscriber SET email = {no_text}, timezone = {no_text}, frequency = {no_text}")
    spoil(sqlite_store, f"UPDATE source_fetch SET source = {no_text}, status = {no_text}, started_at = {no_text}")
    spoil(sqlite_store, f"UPDATE listing SET source = {no_text}, list_day = {no_text} WHERE paper_id = 1")
    browser = Browser(create_app(ctx, clock=lambda: TUESDAY), base="https://digest.test")
    cookie = log_in(browser)
    paths = [*PUBLIC_PAGES, *(f"/operator{path}" for path in ("", "/subscribers", "/subscribers/1"))]
    statuses = {path: browser.get(path, headers={"Cookie": cookie}).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    health = browser.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert "a\ufffdb" in browser.get("/papers/1").text
