"""Rate limits counted in the database: by several processes, on both databases, and while it is unavailable."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select
from structlog.testing import capture_logs

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import RateLimitCounter, Subscriber
from digest.jobs.retention import prune_rate_limit_counters
from digest.tokens import TokenPurpose, TokenSigner
from digest.web import create_app
from digest.web.rate_limit import FormLimits, RateLimiter
from tests.conftest import Connect
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import StoreView, make_context
from tests.support.web_server import run_web_server, send_request

FORM = {"keywords": "graph", "email": "ada@example.org"}


@dataclass
class Clock:
    """Clock that stands still until a test moves it."""

    now: datetime = TEST_TIME

    def __call__(self) -> datetime:
        return self.now


def create_browser(
    ctx: AppContext, limits: FormLimits, address: str = "192.0.2.1", clock: Clock | None = None
) -> Browser:
    """Return the browser of a separate application, as another process would have it."""
    return Browser(create_app(ctx, clock=clock or Clock(), limits=limits, min_answer_seconds=0), address)


def subscribe_status(browser: Browser, email: str) -> int:
    return browser.post("/subscribe", FORM | {"email": email}).status_code


def test_two_processes_share_the_limit_of_a_network(store: Engine) -> None:
    ctx, clock, limits = make_context(store), Clock(), FormLimits(subscribe=3)
    one, other = create_browser(ctx, limits, clock=clock), create_browser(ctx, limits, clock=clock)
    assert [
        subscribe_status(client, f"r{n}@example.org") for n, client in enumerate((one, other, one, other, one))
    ] == [
        *(303, 303, 303),
        *(429, 429),
    ]
    clock.now += timedelta(minutes=20)
    refused = other.post("/subscribe", FORM)
    assert int(refused.headers["retry-after"]) == 40 * 60 + 1
    assert subscribe_status(create_browser(ctx, limits, "192.0.2.2", clock), "r5@example.org") == 303
    clock.now += timedelta(minutes=40)
    assert subscribe_status(one, "r6@example.org") == 303


def test_concurrent_hits_are_all_counted(store: Engine) -> None:
    rations = [RateLimiter(make_context(store), Clock(), FormLimits(subscribe=30)) for _ in range(4)]
    with ThreadPoolExecutor(8) as crew:
        waits = list(crew.map(lambda n: rations[n % 4].hit_form("/subscribe", f"192.0.2.{n % 2}"), range(100)))
    assert sum(not wait for wait in waits) == 60


def test_every_kind_of_form_has_its_own_limit(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    rations = RateLimiter(ctx, Clock(), FormLimits(subscribe=1, other=2, token=3))
    leave = ctx.signed_url(TokenPurpose.UNSUBSCRIBE, "nonce", TEST_TIME).removeprefix(ctx.settings.base_url)
    waits = [rations.hit_form(path, "192.0.2.1") for path in ["/subscribe"] * 2 + ["/"] * 3 + [leave] * 4]
    assert [wait > 0 for wait in waits] == [False, True, False, False, True, False, False, False, True]
    assert all(0 <= wait <= 3602 for wait in waits)


def test_a_form_behind_a_token_is_counted_by_page_and_subscriber_alone(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    rations = RateLimiter(ctx, Clock(), FormLimits(other=0, token=1))

    def path(purpose: TokenPurpose, nonce: str, issued: datetime = TEST_TIME) -> str:
        return ctx.signed_url(purpose, nonce, issued).removeprefix(ctx.settings.base_url)

    assert rations.hit_form(path(TokenPurpose.UNSUBSCRIBE, "ada"), "192.0.2.1") == 0
    # Another address and another e-mail: the same subscriber and page.
    later = path(TokenPurpose.UNSUBSCRIBE, "ada", TEST_TIME + timedelta(days=1))
    assert rations.hit_form(later, "192.0.2.2") > 0
    assert rations.hit_form(path(TokenPurpose.PREFERENCES, "ada") + "/erase", "192.0.2.1") == 0
    assert rations.hit_form(path(TokenPurpose.UNSUBSCRIBE, "bob"), "192.0.2.1") == 0
    expired = path(TokenPurpose.CONFIRM, "bob", TEST_TIME - timedelta(days=400))
    assert rations.hit_form(expired, "192.0.2.1") == 0


def test_what_has_no_valid_token_is_charged_to_its_network_and_writes_nothing(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    rations = RateLimiter(ctx, Clock(), FormLimits(other=3))
    foreign = TokenSigner(["another key"]).sign(TokenPurpose.UNSUBSCRIBE, "ada", TEST_TIME)
    wrong = ctx.token_signer.sign(TokenPurpose.PREFERENCES, "ada", TEST_TIME)
    paths = ["/unsubscribe/x", f"/unsubscribe/{foreign}", f"/unsubscribe/{wrong}", "/nothing", "/unsubscribe/", "/"]
    assert [rations.hit_form(path, "192.0.2.1") > 0 for path in paths] == [False] * 3 + [True] * 3
    assert rations.hit_form("/unsubscribe/x", "192.0.2.2") == 0
    with read_session(sqlite_store) as session:
        assert session.exec(select(RateLimitCounter)).all() == []


def test_a_domain_and_all_mailboxes_have_limits_with_an_error_page(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    browser = create_browser(ctx, FormLimits(domain=2, all_mailboxes=3))
    assert [subscribe_status(browser, f"r{n}@Example.ORG") for n in range(3)] == [303, 303, 429]
    assert [subscribe_status(browser, f"r@{n}.example") for n in range(2)] == [303, 429]
    refused = browser.post("/api/v1/subscriptions", json={"email": "r@9.example", "agreed": True})
    assert (refused.status_code, refused.json()["title"]) == (429, "Too Many Requests")
    assert 0 < int(refused.headers["retry-after"]) <= 3602
    assert len(StoreView(sqlite_store).deliveries()) == 3


def test_a_mailbox_has_a_silent_limit(sqlite_store: Engine) -> None:
    ctx, clock = make_context(sqlite_store), Clock()
    browser = create_browser(ctx, FormLimits(mailbox=2), clock=clock)
    # Of many tags and dots each would be another address, and all one mailbox.
    same = ["ada@example.org", "ADA+1@example.org", "a.d.a+2@example.org", "ada+3@example.org"]
    responses = [browser.post("/subscribe", FORM | {"email": email}) for email in same]
    assert {(response.status_code, response.headers["location"]) for response in responses} == {(303, "/sent")}
    with read_session(sqlite_store) as session:
        assert len(session.exec(select(Subscriber)).all()) == 2
    clock.now += timedelta(days=1)
    subscribe_status(browser, same[3])
    assert len(StoreView(sqlite_store).deliveries()) == 3


def test_counters_reveal_neither_networks_nor_addresses(store: Engine) -> None:
    ctx = make_context(store)
    subscribe_status(create_browser(ctx, FormLimits()), "ada@example.org")
    with read_session(store) as session:
        names = [counter.key for counter in session.exec(select(RateLimitCounter)).all()]
    assert len(names) == 4  # this network; this mailbox, its domain and all mailboxes
    assert not any(text in name for name in names for text in ("192.0.2", "ada", "example"))
    assert {len(name) for name in names} == {40}


def test_expired_counters_are_deleted(store: Engine) -> None:
    ctx = make_context(store)
    subscribe_status(create_browser(ctx, FormLimits()), "ada@example.org")
    assert prune_rate_limit_counters(ctx, TEST_TIME + timedelta(minutes=59)) == 0
    assert prune_rate_limit_counters(ctx, TEST_TIME + timedelta(minutes=61)) == 3
    assert prune_rate_limit_counters(ctx, TEST_TIME + timedelta(hours=25)) == 1


def test_refused_forms_and_all_searches_write_nothing(sqlite_store: Engine) -> None:
    browser = create_browser(make_context(sqlite_store), FormLimits(other=1))
    assert browser.post("/", FORM).status_code == 200

    def read_counters() -> list[tuple[str, int]]:
        with read_session(sqlite_store) as session:
            return sorted((counter.key, counter.count) for counter in session.exec(select(RateLimitCounter)).all())

    before = read_counters()
    assert browser.post("/", FORM).status_code == 429
    for path in ("/papers?q=graph", "/meant?domain=gmial.com", "/feeds/atom?q=graph", "/api/v1/papers?q=graph"):
        assert browser.get(path).status_code == 200
    assert browser.post("/preview", FORM).status_code == 200
    assert read_counters() == before


@pytest.mark.parametrize("path", ["/subscribe", "/", "/unsubscribe/", "/api/v1/subscriptions"])
def test_every_form_reports_an_unavailable_database(tmp_path: Path, connect: Connect, path: str) -> None:
    (tmp_path / "empty.db").touch()
    ctx = make_context(connect(f"sqlite:///{tmp_path}/empty.db"))
    token = ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, "ada", TEST_TIME)
    with capture_logs() as header:
        response = create_browser(ctx, FormLimits()).post(path + token if path.endswith("e/") else path, FORM)
    assert (response.status_code, response.headers["retry-after"]) == (503, "60")
    assert "Nothing was changed" in response.text
    assert [entry["event"] for entry in header] == ["page.database_unavailable"]
    assert "content-security-policy" in response.headers


def test_a_form_reports_a_database_server_that_is_down(sqlite_store: Engine, connect: Connect) -> None:
    gone = connect("postgresql+psycopg://digest@127.0.0.1:1/digest")
    ctx = make_context(sqlite_store)
    response = create_browser(AppContext(ctx.settings, gone, ctx.token_signer), FormLimits()).post("/subscribe", FORM)
    assert response.status_code == 503


FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def forwarded_status(port: int, header: str) -> int:
    headers = FORM_HEADERS | {"X-Forwarded-For": header}
    return send_request(port, "POST", "/", headers, "keywords=graph")[0].status


def test_behind_a_proxy_the_client_counts_and_cannot_be_spoofed(sqlite_store: Engine) -> None:
    ctx, limits = make_context(sqlite_store), FormLimits(other=2)
    with run_web_server(ctx, limits=limits) as port:
        # The proxy puts the address that it sees at the end. What a client wrote before it is worth nothing.
        made_up = ["198.51.100.1", *(f"203.0.113.{n}, 198.51.100.1" for n in range(3))]
        assert [forwarded_status(port, forwarded) for forwarded in made_up] == [200, 200, 429, 429]
        assert forwarded_status(port, "198.51.100.1, 198.51.100.2") == 200
    with run_web_server(ctx, limits=limits, proxies=("127.0.0.1", "10.0.0.0/8")) as port:
        assert forwarded_status(port, "198.51.100.3, 10.1.2.3") == 200
        assert forwarded_status(port, "198.51.100.3, 10.9.9.9") == 200
        assert forwarded_status(port, "198.51.100.3, 10.1.2.3") == 429


def test_without_a_proxy_forwarded_headers_are_ignored(sqlite_store: Engine) -> None:
    with run_web_server(make_context(sqlite_store), limits=FormLimits(other=2), proxies=("192.0.2.9",)) as port:
        assert [forwarded_status(port, f"198.51.100.{n}") for n in range(3)] == [200, 200, 429]
