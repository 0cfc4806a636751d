"""The operator's day in a real browser: see what is wrong, find the subscriber, act, undo; wide and narrow."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from digest.context import AppContext
from digest.database import connect, list_actions, migrate, read_session, write_session
from digest.database.models import DeliveryState, QuarantinedRow, SubscriberStatus
from digest.delivery import send_queued
from digest.planning import plan
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.chromium import AXE, axe_violations, launch_chromium
from tests.support.contexts import ADA, BOB, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import delivery
from tests.support.ports import free_port
from tests.support.web_server import run_web_server

pytestmark = pytest.mark.xdist_group("browser")
TOKEN = "a-token-that-is-long-enough"
DAY = timedelta(days=1)
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as browser:
        yield browser


@pytest.fixture
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """Serve a store in which Ada has had a digest, one to Bob is uncertain, one failed, and a row cannot be read."""
    folder, port = tmp_path_factory.mktemp("operator"), free_port()
    engine = connect(f"sqlite:///{folder}/digest.db")
    migrate(engine)
    ctx = make_context(engine, base_url=f"http://127.0.0.1:{port}", operator_token=TOKEN)
    for email, keyword in ((ADA, "robot"), (BOB, "protein")):
        add_active_subscriber(ctx, email, keyword, now=TEST_TIME - 2 * DAY)
    store_papers(ctx, TEST_TIME - DAY, "Robot hands that fold paper", "Weather of Mars")
    plan(ctx.engine, ctx.sender_domain, TEST_TIME - DAY)
    with ThreadPoolExecutor(1) as executor:  # Playwright runs an event loop in this thread
        executor.submit(lambda: asyncio.run(send_queued(ctx, lambda: TEST_TIME - DAY))).result()
    store_papers(ctx, TEST_TIME, "Robots in the garden")
    bob = StoreView(engine).subscriber(BOB)
    instants: dict[str, Any] = {"first_seen_at": TEST_TIME - DAY, "last_seen_at": TEST_TIME}
    with write_session(engine) as session:
        for ago, state in ((1, DeliveryState.UNCERTAIN), (2, DeliveryState.FAILED)):
            at = TEST_TIME - ago * DAY
            refused = {"reply": "5.2.2 mailbox full", "reply_code": 552} if state == DeliveryState.FAILED else {}
            session.add(
                delivery(bob, state=state, edition=f"{at:%F}", created_at=at, attempts=1, papers=[1], **refused)
            )
        session.add(QuarantinedRow(table_name="paper", row_id="7", reason="authors cannot be read", **instants))
    with run_web_server(ctx, clock=lambda: TEST_TIME, limits=FormLimits(other=1000), port=port):
        yield ctx
    engine.dispose()


def log_in(page: Page) -> None:
    page.goto("/operator/login")
    page.get_by_label("Operator token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Friday 31 July")


def confirm(page: Page, name: str) -> None:
    """Press the button of the page that says what will happen, and see that it was done."""
    expect(page.get_by_role("main").get_by_role("listitem").first).to_be_visible()
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("status")).to_be_visible()


def resolve_uncertain(page: Page) -> None:
    """From the alert to the outcome, and back, and to the other outcome."""
    page.get_by_role("link", name="Resolve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deliveries")
    page.get_by_role("link", name=re.compile("^Resolve delivery")).click()
    expect(page.get_by_role("heading", name="Did it arrive?")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Mark as lost")).click()
    expect(page.get_by_role("status")).to_contain_text("Marked as lost.")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("Undone"))
    expect(page.get_by_role("heading", name="Did it arrive?")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Mark as sent")).click()


def retry_failed(page: Page) -> None:
    """From the tab and the menu of the row."""
    page.goto("/operator/deliveries")
    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^Failed")).click()
    expect(page.get_by_text("552 5.2.2 mailbox full")).to_be_visible()
    page.locator("summary[aria-label^='Actions for delivery']").click()
    page.get_by_role("link", name="Retry now").click()
    confirm(page, "Retry now")
    expect(page.get_by_role("main")).to_contain_text("Waiting")


def change_subscription(page: Page, ctx: AppContext) -> None:
    """Find Ada; see what she had, what she gets next and why; pause, undo, unsubscribe, restore."""
    page.get_by_role("navigation", name="Operator").get_by_role("link", name="Subscribers").click()
    page.get_by_role("searchbox", name="Address or keyword").fill(ADA)
    page.get_by_role("button", name="Find").click()
    assert "@" not in page.url
    expect(page.get_by_role("heading", level=1)).to_have_text(ADA)
    expect(page.get_by_role("region", name="Next digest")).to_contain_text("Robots in the garden")
    expect(page.get_by_role("region", name="Next digest").get_by_role("listitem")).to_contain_text("robot in the title")
    expect(page.get_by_role("region", name="E-mails to this subscriber")).to_contain_text("1 paper: robot")
    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Until the morning of").fill("2026-08-20")
    confirm(page, "Pause")
    expect(page.get_by_role("region", name="Next digest")).to_contain_text("No digest before Thursday 20 August.")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.ACTIVE
    page.get_by_role("link", name="Unsubscribe", exact=True).click()
    confirm(page, "Unsubscribe")
    assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.UNSUBSCRIBED
    page.get_by_role("link", name="Restore").click()
    confirm(page, "Restore")
    page.get_by_role("link", name="Delete everything").click()
    page.get_by_role("link", name="Cancel").click()
    assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.ACTIVE


def fetch_and_release(page: Page) -> None:
    """Ask for a fetch of a source, and release a row that cannot be read."""
    page.get_by_role("navigation", name="Operator").get_by_role("link", name="Sources").click()
    page.get_by_role("link", name="Fetch now: arXiv").click()
    confirm(page, "Fetch now")
    page.get_by_role("navigation", name="Operator").get_by_role("link", name="Unreadable rows").click()
    page.get_by_role("link", name="Release: paper 7").click()
    confirm(page, "Release")
    expect(page.get_by_role("main")).to_contain_text("Every row can be read")


@pytest.mark.parametrize(
    ("viewport", "scheme", "has_script"), [(WIDE, "light", True), (NARROW, "dark", False)], ids=["wide", "narrow"]
)
def test_an_operator_finds_acts_and_undoes(
    ctx: AppContext, browser: Browser, viewport: Any, scheme: Any, has_script: bool
) -> None:
    context = browser.new_context(
        base_url=ctx.settings.base_url, viewport=viewport, color_scheme=scheme, java_script_enabled=has_script
    )
    context.set_default_timeout(8000)
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = context.new_page()
    log_in(page)
    if has_script:
        expect(page.get_by_text("live", exact=True)).to_be_visible()

    resolve_uncertain(page)
    retry_failed(page)
    change_subscription(page, ctx)
    fetch_and_release(page)
    page.get_by_role("navigation", name="Operator").get_by_role("link", name="Activity").click()
    rows = page.get_by_role("main").locator("tbody tr")
    expect(rows).to_have_count(8)
    expect(rows.first).to_contain_text("Released")
    expect(rows.last).to_contain_text("Resolved")
    with read_session(ctx.engine) as session:
        assert {record.actor for record in list_actions(session)} == {"operator"}

    for path in (
        "",
        "/subscribers",
        "/deliveries",
        "/sources",
        "/papers",
        "/quarantine",
        "/activity",
        "/subscribers/1",
    ):
        page.goto(f"/operator{path}")
        assert not page.evaluate(SIDEWAYS), path
        if has_script and AXE.exists():
            assert axe_violations(page) == [], path
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert [url for url in requests if not url.startswith((ctx.settings.base_url, "data:"))] == []
    context.close()
