"""Addresses of earlier releases, which stand in e-mails and bookmarks."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database.models import DeliveryState
from digest.planning import plan
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import ADA, StoreView, add_active_subscriber, make_context, store_papers

TOKEN = "a-token-that-is-long-enough"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
REDIRECTED_PATHS = {
    "/letters/1.6a.b?utm=x&q=%C3%BC": "/emails/1.6a.b?utm=x&q=%C3%BC",
    "/letters/1.6a.b/papers.bib": "/emails/1.6a.b/papers.bib",
    "/letters//evil.example": "/emails//evil.example",
    "/letters/%22x: y": "/emails/%22x%3A%20y",
    "/operator/readers": "/operator/subscribers",
    "/operator/readers/7?queued=3": "/operator/subscribers/7?queued=3",
    "/operator/letters/12": "/operator/deliveries/12",
}


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    """Return a context below a path of its host, with a digest on record."""
    made = make_context(sqlite_store, base_url="https://digest.test/papers-mail", operator_token=TOKEN)
    add_active_subscriber(made, ADA, "robot", now=TEST_TIME - timedelta(days=1))
    store_papers(made, TEST_TIME, "A robot of ours")
    plan(made.engine, made.sender_domain, TEST_TIME + timedelta(hours=1))
    StoreView(made.engine).set_state(DeliveryState.UNCERTAIN)
    return made


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME), base="https://digest.test")


def log_in(browser: Browser) -> dict[str, str]:
    response = browser.post("/operator/login", {"token": TOKEN}, headers=SAME_SITE)
    return {**SAME_SITE, "Cookie": response.headers["set-cookie"].partition(";")[0]}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_old_address_is_redirected_for_good_with_its_query(browser: Browser, method: str) -> None:
    operator = log_in(browser)
    for old, new in REDIRECTED_PATHS.items():
        response = browser.send(method, f"/papers-mail{old}", headers=operator if old.startswith("/operator") else {})
        assert (response.status_code, response.headers["location"]) == (308, f"/papers-mail{new}")
        assert response.headers["x-robots-tag"] == "noindex, nofollow", old
        assert response.headers["cache-control"] == "no-store", old
        assert response.headers["referrer-policy"] == "no-referrer", old


def test_the_copy_that_an_old_email_links_to_opens(ctx: AppContext, browser: Browser) -> None:
    token = ctx.token_signer.sign(TokenPurpose.VIEW, "1", TEST_TIME + timedelta(hours=1))
    for end in ("", "/", "/papers.bib"):
        response = browser.get(browser.get(f"/letters/{token}{end}").headers["location"])
        assert response.status_code == 200
        assert "A robot of ours" in response.text


def test_old_operator_addresses_need_a_login(browser: Browser) -> None:
    for old in ("/operator/readers", "/operator/readers/1", "/operator/letters/1"):
        response = browser.get(old)
        assert (response.status_code, response.headers["location"]) == (303, "/papers-mail/operator/login")


def test_forms_go_on_to_work_at_old_addresses(ctx: AppContext, browser: Browser) -> None:
    headers = log_in(browser)
    found = browser.post("/operator/readers", {"q": ADA}, headers=headers)
    assert (found.status_code, found.headers["location"]) == (303, "/papers-mail/operator/subscribers/1")
    resolved = browser.post("/operator/letters/1/resolve", {"answer": "sent", "back": "letter"}, headers=headers)
    assert (resolved.status_code, resolved.headers["location"]) == (303, "/papers-mail/operator/deliveries/1?done=1")
    assert StoreView(ctx.engine).deliveries()[0].state == DeliveryState.SENT
    copied = browser.post("/operator/letters/1/copy", headers=headers)
    assert (copied.status_code, copied.headers["location"]) == (303, "/papers-mail/operator/deliveries/1?done=2")
