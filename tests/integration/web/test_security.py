"""What a service says to browsers and to those who find a fault: HSTS and security.txt. Odd values get no 500."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database.models import SubscriberStatus
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import ADA, StoreView, add_active_subscriber, make_context, set_status, sign_token

TOKEN = "x" * 20


def browser_for(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/style.css", "/api/v1/openapi.json", "/embed", "/confirm/x"])
def test_a_service_on_https_is_used_by_https_alone(sqlite_store: Engine, path: str) -> None:
    secure = browser_for(make_context(sqlite_store, base_url="https://digest.example.org"))
    assert secure.get(path).headers["strict-transport-security"] == "max-age=31536000"
    assert secure.post(path, {}).headers["strict-transport-security"] == "max-age=31536000"
    plain = browser_for(make_context(sqlite_store, base_url="http://digest.example.org"))
    assert "strict-transport-security" not in plain.get(path).headers


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("ops+digest@example.org", "mailto:ops+digest@example.org"),
        ("mailto:ops@example.org", "mailto:ops@example.org"),
        ("https://example.org/contact?a=b", "https://example.org/contact?a=b"),
        ("example.org/contact us", "https://example.org/contact%20us"),
    ],
)
def test_security_txt_names_the_contact_of_the_settings(sqlite_store: Engine, contact: str, uri: str) -> None:
    ctx = make_context(sqlite_store, contact=contact, base_url="https://digest.example.org/papers")
    response = browser_for(ctx).get("/.well-known/security.txt")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"  # RFC 9116, section 3
    fields = dict(line.split(": ", 1) for line in response.text.splitlines())
    assert fields["Contact"] == uri
    assert fields["Canonical"] == "https://digest.example.org/papers/.well-known/security.txt"
    expires = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(days=60) < expires - TEST_TIME < timedelta(days=365)


def test_without_a_contact_there_is_no_security_txt(sqlite_store: Engine) -> None:
    assert browser_for(make_context(sqlite_store, contact="")).get("/.well-known/security.txt").status_code == 404


@pytest.mark.parametrize("day", ["9999-12-31", "2036-01-01"])
def test_a_pause_for_many_years_is_refused(sqlite_store: Engine, day: str) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TEST_TIME)
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    response = browser_for(ctx).post(f"/preferences/{token}", {"keywords": "robot", "pause": day})
    assert response.status_code == 422
    assert "A pause lasts two years at most." in response.text
    assert StoreView(sqlite_store).subscriber(ADA).paused_until is None


def test_a_stored_pause_until_9999_breaks_no_page(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TEST_TIME)
    for zone in ("America/Los_Angeles", "Pacific/Auckland"):
        until = datetime(9999, 12, 31, tzinfo=UTC).date()
        set_status(sqlite_store, ADA, SubscriberStatus.PAUSED, paused_until=until, timezone=zone)
        for purpose in (TokenPurpose.PREFERENCES, TokenPurpose.WEEKLY, TokenPurpose.PAUSE, TokenPurpose.UNSUBSCRIBE):
            page = f"/{purpose}/{sign_token(ctx, ADA, purpose, TEST_TIME)}"
            assert browser_for(ctx).get(page).status_code == 200, page


@pytest.mark.parametrize("number", ["9223372036854775808", "9" * 400, "0", "-1", "٣", "１", "%203", "1.0", "1_0", "²"])  # noqa: RUF001  - digits of other scripts
def test_no_number_in_a_path_of_the_operator_is_an_error_of_ours(sqlite_store: Engine, number: str) -> None:
    ctx = make_context(sqlite_store, operator_token=TOKEN)
    browser = browser_for(ctx)
    ours = {"Origin": "http://digest.test", "Sec-Fetch-Site": "same-origin"}
    cookie = browser.post("/operator/login", {"token": TOKEN}, headers=ours).headers["set-cookie"].partition(";")[0]
    for path in ("/operator/subscribers/{}", "/operator/deliveries/{}"):
        assert browser.get(path.format(number), headers={"Cookie": cookie}).status_code == 404
    for path in ("/operator/deliveries/{}/copy", "/operator/deliveries/{}/resolve"):
        response = browser.post(path.format(number), {"answer": "sent"}, headers={**ours, "Cookie": cookie})
        assert response.status_code == 404
