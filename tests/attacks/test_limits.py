"""Attacks on limits: what strangers send must use up nobody else's share."""

import http.client

import pytest
from sqlmodel import select

from digest.context import TOKEN_PATHS
from digest.database import read_session
from digest.database.models import RateLimitCounter, SubscriberStatus
from digest.tokens import TokenPurpose
from digest.web.rate_limit import FormLimits
from tests.attacks.conftest import EVE, Target
from tests.support.contexts import ADA, BOB
from tests.support.web_server import run_web_server, send_request

FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
FLOODERS = tuple(f"198.51.100.{n}" for n in range(1, 5))
ONE_CLICK = "List-Unsubscribe=One-Click"


def post_garbage(port: int, count: int) -> dict[int, int]:
    """Post forms without a valid token from four addresses, and count the answers by status."""
    paths = [f"{path}{'x' * 30}.1.{'y' * 43}" for path in TOKEN_PATHS.values()] + ["/", "/nothing", "/unsubscribe/"]
    statuses: dict[int, int] = {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for n in range(count):
        headers = FORM_HEADERS | {"X-Forwarded-For": FLOODERS[n % 4]}
        connection.request("POST", paths[n // 4 % len(paths)], ONE_CLICK, headers)
        response = connection.getresponse()
        response.read()
        statuses[response.status] = statuses.get(response.status, 0) + 1
    connection.close()
    return statuses


@pytest.mark.parametrize("count", [800, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_flood_of_garbage_from_four_addresses_locks_out_no_other(target: Target, count: int) -> None:
    before = target.dump()
    links = {email: target.token(TokenPurpose.UNSUBSCRIBE, email) for email in (ADA, BOB)}
    confirmation = target.token(TokenPurpose.CONFIRM, EVE)
    with run_web_server(target.ctx) as port:
        statuses = post_garbage(port, count)
        # Each address is refused after its own share, and nothing of it was written.
        assert statuses[429] == count - len(FLOODERS) * FormLimits().other
        assert target.dump() == before
        assert all(status < 500 for status in statuses)
        headers = [FORM_HEADERS | {"X-Forwarded-For": address} for address in (FLOODERS[0], "192.0.2.7")]
        # Somebody behind one of these addresses, too.
        for email, sender in zip((ADA, BOB), headers, strict=True):
            response, _ = send_request(port, "POST", f"/unsubscribe/{links[email]}", sender, ONE_CLICK)
            assert response.status == 200, email
            assert target.record.subscriber(email).status == SubscriberStatus.UNSUBSCRIBED
        response, _ = send_request(port, "POST", f"/confirm/{confirmation}", headers[0], "answer=yes")
        assert response.status == 200
        response, _ = send_request(port, "POST", "/subscribe", headers[1], "keywords=x&email=new@example.net")
        assert response.status == 303
        response, _ = send_request(port, "POST", "/nothing", headers[0], ONE_CLICK)
        assert response.status == 429


def test_a_flood_with_a_valid_token_uses_up_only_the_share_of_its_own_subscriber_and_page(target: Target) -> None:
    leave = {email: f"/unsubscribe/{target.token(TokenPurpose.UNSUBSCRIBE, email)}" for email in (ADA, BOB)}
    limit = FormLimits().token
    with run_web_server(target.ctx) as port:
        statuses = [send_request(port, "POST", leave[ADA], FORM_HEADERS, ONE_CLICK)[0].status for _ in range(limit + 1)]
        assert statuses == [200] * limit + [429]
        assert send_request(port, "POST", leave[BOB], FORM_HEADERS, ONE_CLICK)[0].status == 200
        erase = f"/preferences/{target.token(TokenPurpose.PREFERENCES)}/erase"
        assert send_request(port, "POST", erase, FORM_HEADERS, "answer=yes")[0].status == 200
    with read_session(target.ctx.engine) as session:
        keys = [counter.key for counter in session.exec(select(RateLimitCounter)).all()]
    assert len(keys) == 3
    assert not any("unsubscribe" in key for key in keys)


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_a_slash_at_the_end_of_a_link_changes_nothing(target: Target, slashes: str) -> None:
    confirm = f"/confirm/{target.token(TokenPurpose.CONFIRM, EVE)}{slashes}"
    assert target.browser.get(confirm).status_code == 200
    assert target.browser.post(confirm, {"answer": "yes"}).status_code == 200
    assert target.record.subscriber(EVE).status == SubscriberStatus.ACTIVE
    target.browser.app.state.web.fill_caches()  # else the first page has no rates of keywords yet
    for purpose in (TokenPurpose.PREFERENCES, TokenPurpose.MUTE, TokenPurpose.WEEKLY, TokenPurpose.PAUSE):
        number = "/1" if purpose is TokenPurpose.MUTE else ""
        path = f"{TOKEN_PATHS[purpose]}{target.token(purpose)}{number}"
        assert target.browser.get(path + slashes).text == target.browser.get(path).text, purpose
    leave = f"/unsubscribe/{target.token(TokenPurpose.UNSUBSCRIBE, EVE)}{slashes}"
    assert target.browser.post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert target.record.subscriber(EVE).status == SubscriberStatus.UNSUBSCRIBED
