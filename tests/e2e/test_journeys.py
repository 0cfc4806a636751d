"""Journeys in a real browser: with JavaScript and without, by keyboard, by the accessible names."""

import asyncio
import re
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlmodel import select

from digest.context import AppContext
from digest.database import connect, migrate, read_session, write_session
from digest.database.models import PaperMark, Profile, SubscriberStatus, TermCount, TermFit
from digest.delivery import send_queued
from digest.mail import StoredMessage, list_messages
from digest.planning import plan
from digest.tokens import TokenPurpose
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME
from tests.support.chromium import AXE, axe_violations, launch_chromium
from tests.support.contexts import StoreView, add_active_subscriber, make_context, sign_token, store_papers
from tests.support.ports import free_port
from tests.support.web_server import run_web_server

pytestmark = pytest.mark.xdist_group("browser")
# Counts the elements that describe a field, in one call: between two the preview may change them.
DESCRIBED = """field => field.getAttribute("aria-describedby").split(" ")
    .map(id => document.querySelectorAll("#" + id).length)"""
WORDS = ("protein", "folding", "graph")
TITLES = ("Robot hands that fold paper", "Protein folding by a graph", "Robots in the garden", "Weather of Mars")


@dataclass
class Site:
    """Running service with a clock that tests set, and a browser."""

    ctx: AppContext
    url: str
    browser: Browser
    now: datetime = TEST_TIME

    def latest_email(self, email: str) -> StoredMessage:
        """Send what is queued, and return the newest e-mail to an address."""
        # In a thread of its own: Playwright runs an event loop in this one.
        with ThreadPoolExecutor(1) as executor:
            executor.submit(lambda: asyncio.run(send_queued(self.ctx, lambda: self.now))).result()
        return [message for message in list_messages(self.ctx.mailbox_directory) if message.recipient == email][-1]

    def link(self, email: str, page: str) -> str:
        (url, *_) = re.findall(rf"{self.url}/{page}/\S+", self.latest_email(email).part("plain"))
        return str(url)

    def context(self, **options: object) -> BrowserContext:
        context = self.browser.new_context(base_url=self.url, locale="en-GB", timezone_id="Asia/Tokyo", **options)  # type: ignore[arg-type]
        context.set_default_timeout(8000)
        return context


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with launch_chromium() as browser:
        folder, port = tmp_path_factory.mktemp("journeys"), free_port()
        engine = connect(f"sqlite:///{folder}/digest.db")
        migrate(engine)
        ctx = make_context(engine, base_url=f"http://127.0.0.1:{port}")
        store_papers(ctx, TEST_TIME - timedelta(hours=2), *TITLES)
        site = Site(ctx, ctx.settings.base_url, browser)
        with run_web_server(ctx, clock=lambda: site.now, limits=FormLimits(subscribe=1000, other=1000), port=port):
            yield site
        engine.dispose()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(site: Site, request: pytest.FixtureRequest) -> Iterator[Page]:
    site.now = TEST_TIME
    context = site.context(java_script_enabled=request.param)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and "status of 422" not in message.text else None
        ),
    )
    yield context.new_page()
    context.close()
    assert errors == []


def is_live(page: Page) -> bool:
    return bool(page.context.browser) and page.locator("form.live").count() == 1


def test_from_the_first_keyword_to_resubscribing(site: Site, page: Page) -> None:
    page.goto("/")
    email = f"ada.{is_live(page)}@example.org".lower()
    keywords = page.get_by_role("textbox", name="Keywords")
    if is_live(page):
        keywords.press_sequentially("robot", delay=20)
        expect(page.get_by_role("status").first).to_have_text("2 matches on the last publication day.")
        expect(page.get_by_role("region", name="2 new papers match").get_by_role("article")).to_have_count(2)
        page.get_by_text("More options").click()
        expect(page.get_by_role("combobox", name="Time zone")).to_have_value("Asia/Tokyo")
    else:
        keywords.fill("robot")
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_role("region", name="2 new papers match").get_by_role("article")).to_have_count(2)
        page.get_by_text("More options").click()
        page.get_by_role("combobox", name="Time zone").select_option("Asia/Tokyo")
    page.get_by_role("textbox", name="E-mail").fill(email)
    page.get_by_role("button", name="Subscribe", exact=True).last.click()
    expect(page).to_have_url(f"{site.url}/sent")

    page.goto(site.link(email, "confirm"))
    page.get_by_role("button", name="Start my digest").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    subscriber = StoreView(site.ctx.engine).subscriber(email)
    assert (subscriber.status, subscriber.timezone) == (SubscriberStatus.ACTIVE, "Asia/Tokyo")
    site.now += timedelta(hours=6)  # nine in the morning in Tokyo
    plan(site.ctx.engine, site.ctx.sender_domain, site.now)
    digest = site.latest_email(email)  # the first one welcomes
    assert "welcome" in digest.part("plain").lower()
    assert digest.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = digest.part("plain").replace("*", "")  # matches are marked by asterisks
    assert {title for title in TITLES if title in text} == {TITLES[0], TITLES[2]}

    page.goto(site.link(email, "preferences"))
    page.get_by_role("textbox", name="Keyword 1").fill("protein")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()

    one_click = re.findall(r"<(http[^>]+)>", str(digest.message["List-Unsubscribe"]))[0]
    with urllib.request.urlopen(urllib.request.Request(one_click, data=b"List-Unsubscribe=One-Click")) as answer:
        assert answer.status == 200
    assert StoreView(site.ctx.engine).subscriber(email).status == SubscriberStatus.UNSUBSCRIBED
    page.goto(one_click)
    page.get_by_role("button", name=re.compile("^Undo")).click()
    expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    assert StoreView(site.ctx.engine).subscriber(email).status == SubscriberStatus.ACTIVE


def test_papers_are_marked_from_an_email_and_examples_teach_words(site: Site, page: Page) -> None:
    email = f"grace.{id(page)}@example.org"
    with write_session(site.ctx.engine) as session:
        for word in WORDS:
            session.merge(TermCount(term=word, label=word, paper_count=3))
        session.merge(TermFit(id=1, paper_count=1000, last_paper_id=1, fitted_at=TEST_TIME))
    add_active_subscriber(site.ctx, email, "robot", now=TEST_TIME - timedelta(days=1))
    plan(site.ctx.engine, site.ctx.sender_domain, TEST_TIME)
    links = re.findall(rf'"({site.url}/mark/[^"]+)"', site.latest_email(email).part("html"))
    more, save = (next(link for link in links if f".{kind}." in link) for kind in ("more", "saved"))

    def marks() -> set[str]:
        with read_session(site.ctx.engine) as session:
            number = StoreView(site.ctx.engine).subscriber(email).id
            return set(session.exec(select(PaperMark.kind).where(PaperMark.subscriber_id == number)))

    page.goto(more)
    assert marks() == set()
    page.get_by_role("button", name="More like this").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("get more like this$"))
    assert marks() == {"more"}
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change undone")
    assert marks() == set()
    page.goto(save)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="All papers you").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Saved papers")
    for name, beginning in (("BibTeX", "@"), ("RIS", "TY  - "), ("CSL-JSON", "[")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        exported = download.value.path().read_text(encoding="utf-8")
        assert (exported.startswith(beginning), "Robot" in exported) == (True, True)
    page.get_by_role("button", name=re.compile("^Saved: ")).click()
    expect(page.get_by_role("status")).to_contain_text("Removed from your saved papers.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone.")
    assert marks() == {"saved"}

    page.goto(site.link(email, "preferences"))
    page.get_by_role("link", name="Add papers like these").click()
    bibtex = f"@article{{a, title={{{TITLES[1]}}}}}\n@article{{b, title={{"
    page.get_by_role("textbox", name="Paste papers").fill(bibtex)
    page.get_by_role("button", name="Add papers").click()
    expect(page.get_by_role("status")).to_contain_text("1 paper was added. 1 entry could not be used.")
    page.get_by_role("link", name="Your digest").click()
    words = page.get_by_role("group", name=re.compile(f"^({'|'.join(WORDS)})$"))
    expect(words).to_have_count(len(WORDS))
    page.get_by_role("checkbox", name="Remove folding").press("Space")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(words).to_have_count(len(WORDS) - 1)
    expect(page.get_by_role("checkbox", name="Restore folding")).to_be_visible()
    with read_session(site.ctx.engine) as session:
        profile = session.get_one(Profile, StoreView(site.ctx.engine).subscriber(email).id)
        assert (profile.edits, "folding" in profile.words) == ({"folding": 0}, False)


def test_keywords_are_added_muted_and_removed_in_their_rows(site: Site, page: Page) -> None:
    page.goto("/")
    is_scripted = is_live(page)
    email = f"carl.{is_scripted}@example.org".lower()
    add_active_subscriber(site.ctx, email, "robot", "weather", now=TEST_TIME)
    page.goto(f"/preferences/{sign_token(site.ctx, email, TokenPurpose.PREFERENCES, TEST_TIME)}")
    for _ in range(50):  # the papers to count in are loaded after the first answer
        if "2 a day" in page.get_by_role("group", name="Keyword 1").inner_text():
            break
        page.wait_for_timeout(200)
        page.reload()
    expect(page.get_by_role("group", name="Keyword 1")).to_contain_text("2 a day")
    expect(page.get_by_role("region", name="3 new papers match")).to_be_visible()

    added = page.get_by_role("textbox", name="Add a keyword")
    page.get_by_text("How each keyword is read").click()
    if is_scripted:
        added.press_sequentially("protein", delay=20)
        page.keyboard.press("Enter")
        expect(added).to_be_focused()
        expect(added).to_have_value("")
    else:
        added.fill("protein")
        page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("group", name="Keyword 3")).to_contain_text("1 a day")
    expect(page.get_by_role("region", name="4 new papers match")).to_be_visible()
    if not is_scripted:
        page.get_by_text("How each keyword is read").click()
    expect(page.get_by_text("Title or abstract contains “protein”")).to_be_visible()  # still open

    page.get_by_role("button", name="Remove weather").click()
    expect(page.get_by_role("group", name="Keyword 3")).to_have_count(0)
    mute = page.get_by_role("checkbox", name="Mute robot")
    mute.focus()
    page.keyboard.press("Space")
    expect(mute).to_be_checked()
    if is_scripted:
        expect(page.get_by_role("region", name="1 new paper match")).to_be_visible()
        expect(page.get_by_role("textbox", name="Keyword 2")).to_have_value("protein")
    subscriber_keywords = StoreView(site.ctx.engine).keywords(email)
    assert subscriber_keywords == [("robot", False), ("weather", False)]  # nothing is saved so far
    page.get_by_role("combobox", name="How often").select_option("Once a week, on Fridays")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert StoreView(site.ctx.engine).keywords(email) == [("robot", True), ("protein", False)]
    expect(page.get_by_role("combobox", name="How often")).to_have_value("weekly-friday")
    if is_scripted and AXE.exists():  # without scripts axe would never answer
        assert axe_violations(page) == []


def test_an_error_is_described_at_its_field_and_linked(page: Page) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Keywords").fill('"robot')
    page.get_by_role("textbox", name="E-mail").fill("nobody")
    page.get_by_role("button", name="Subscribe", exact=True).last.click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    for name in ("Keywords", "E-mail"):
        field = page.get_by_role("textbox", name=name)
        expect(field).to_have_attribute("aria-invalid", "true")
        assert set(field.evaluate(DESCRIBED)) == {1}
    alert.get_by_role("link").last.click()
    expect(page.get_by_role("textbox", name="E-mail")).to_be_focused()
    expect(page.locator("textarea[name=keywords]")).to_have_value('"robot')


def test_a_paper_is_searched_and_the_search_subscribed_to(page: Page) -> None:
    page.goto("/papers")
    page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first.fill("robot")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=TITLES[0], exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=TITLES[3], exact=True)).to_have_count(0)
    page.get_by_role("link", name=re.compile("subscribe", re.IGNORECASE)).first.click()
    expect(page.locator("textarea[name=keywords]")).to_have_value("robot")


def test_subscribing_by_keyboard_alone(site: Site) -> None:
    context = site.context()
    page = context.new_page()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        field, name, outline = page.evaluate(
            "[document.activeElement.id, document.activeElement.name || document.activeElement.textContent.trim(),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(name or field)
        assert outline != "none", name  # keyboard users must see the focus
        if field == "keywords":
            page.keyboard.type("robot")
        if name == "email":
            page.keyboard.type("keyboard@example.org")
        if name == "Subscribe":
            break
    assert [name for name in reached if name in {"keywords", "email", "timezone", "cap"}][:2] == ["keywords", "email"]
    assert "website" not in reached
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/sent")
    page.goto(site.link("keyboard@example.org", "confirm"))
    while page.evaluate("document.activeElement.textContent.trim()") != "Start my digest":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm/**")
    expect(page.get_by_role("button", name="Start my digest")).to_have_count(0)
    assert StoreView(site.ctx.engine).subscriber("keyboard@example.org").status == SubscriberStatus.ACTIVE
    context.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not here: make check-pages fetches it, and has it look too")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_reports_nothing_and_no_page_is_wider_than_a_phone(site: Site, scheme: str) -> None:
    context = site.context(color_scheme=scheme, viewport={"width": 390, "height": 844}, bypass_csp=True)
    page = context.new_page()
    for path in ("/", "/?keywords=robot", "/papers", "/papers?q=robot", "/help/keywords", "/privacy", "/nothing"):
        page.goto(path)
        assert axe_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()


def test_no_page_requests_another_host_or_stores_anything_in_the_browser(site: Site, tmp_path: Path) -> None:
    context = site.context()
    page, requested = context.new_page(), set[str]()
    page.on("request", lambda request: requested.add(request.url))
    for path in ("/", "/?keywords=robot", "/papers", "/papers?q=robot", "/privacy", "/for-your-site", "/inbox"):
        page.goto(path)
    page.wait_for_load_state("networkidle")
    assert {url for url in requested if not url.startswith((site.url, "data:"))} == set()
    assert context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    context.close()
