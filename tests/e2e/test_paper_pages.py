"""Lists and pages of papers in a real browser, with JavaScript and without."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from digest.database import connect, migrate, write_session
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.support.browser import TEST_TIME
from tests.support.chromium import AXE, axe_violations, launch_chromium
from tests.support.contexts import make_context
from tests.support.web_server import run_web_server

pytestmark = pytest.mark.xdist_group("browser")
DAY = TEST_TIME.date()
PAPERS = 34
SENTENCE = "We study robots that walk on uneven ground and learn from what they see. "
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("papers")
    engine = connect(f"sqlite:///{folder}/digest.db")
    migrate(engine)
    listed = [
        ListedPaper(
            source=("huggingface", "arxiv")[number % 3 == 0],
            list_day=DAY,
            rank=number,
            title=f"Robots that walk, number {number}: a title of the length that most titles have",
            abstract=SENTENCE * 12,
            authors=tuple(f"Ada Number{n} Example" for n in range(number + 1)),
            categories=("cs.RO", "cs.LG"),
            arxiv_id=f"2607.{number + 1:05}",
            url=f"https://arxiv.org/abs/2607.{number + 1:05}",
            pdf_url=f"https://arxiv.org/pdf/2607.{number + 1:05}",
            code_url="https://github.com/example/robots",
            code_stars=1234,
            upvotes=None if number % 3 == 0 else number,
        )
        for number in range(PAPERS)
    ]
    with write_session(engine) as session:
        store_listings(session, listed, TEST_TIME)
    with run_web_server(make_context(engine, base_url="http://digest.test")) as port:
        yield f"http://127.0.0.1:{port}"
    engine.dispose()


def open_context(browser: Browser, url: str, **options: object) -> BrowserContext:
    context = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    return context


def test_a_list_is_opened_sorted_made_compact_and_cited(browser: Browser, url: str) -> None:
    with closing(open_context(browser, url, permissions=["clipboard-read", "clipboard-write"])) as context:
        page = context.new_page()
        page.goto("/papers")
        cards = page.locator("#list .card")
        expect(cards).to_have_count(PAPERS)
        more = cards.first.get_by_role("button", name="More: Robots that walk, number 32", exact=False)
        abstract = cards.first.locator(".abs")
        folded = abstract.bounding_box()
        more.click()
        less = cards.first.get_by_role("button", name="Less: Robots that walk, number 32", exact=False)
        expect(less).to_have_attribute("aria-expanded", "true")
        opened = abstract.bounding_box()
        assert folded
        assert opened
        assert opened["height"] > 2 * folded["height"]
        page.get_by_role("combobox", name="Sort by").select_option("newest")
        page.wait_for_url(f"**/papers/{DAY}?sort=newest")  # choices that are not made are not in the address
        page.get_by_role("combobox", name="Source").select_option("arxiv")
        page.wait_for_url(f"**/papers/{DAY}?source=arxiv&sort=newest")
        expect(page.locator(".count")).to_have_text("12 of 34 papers")
        page.get_by_role("link", name="Compact").click()
        expect(page.locator("#list")).to_have_class("compact")
        page.goto("/papers?q=robots")
        expect(page.locator("#list")).to_have_class("compact")  # remembered
        page.get_by_role("link", name="Robots that walk, number 33", exact=False).first.click()
        page.get_by_text("RIS", exact=True).first.click()
        expect(page.get_by_role("region", name="RIS")).to_be_visible()
        expect(page.get_by_role("region", name="BibTeX")).to_be_hidden()
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith(
            "TY  - GEN\nTI  - Robots that walk, number 33"
        )


def test_lists_work_without_a_script_and_34_papers_fit_ten_phone_screens(browser: Browser, url: str) -> None:
    with closing(open_context(browser, url, java_script_enabled=False, viewport=PHONE)) as context:
        page = context.new_page()
        page.goto("/papers")
        bounds = page.locator("#list").bounding_box()
        assert bounds
        assert bounds["y"] + bounds["height"] < 10 * PHONE["height"]
        page.get_by_role("combobox", name="Source").select_option("arxiv")
        page.get_by_role("button", name="Apply").click()
        expect(page.locator(".count")).to_have_text("12 of 34 papers")
        page.get_by_role("link", name="Compact").click()
        expect(page.locator("#list")).to_have_class("compact")
        page.locator("summary[aria-label=Calendar]").click()
        expect(page.get_by_role("link", name="31 July, 34 papers")).to_be_visible()
        page.get_by_role("link", name="Search").click()
        page.get_by_role("searchbox").fill("walking nowhere")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="No papers match")).to_be_visible()
        page.get_by_role("link", name="E-mail me when there is one").click()
        expect(page.get_by_role("textbox", name="Keywords")).to_have_value("walking nowhere")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_papers_fit_every_width_and_are_accessible(browser: Browser, url: str, scheme: str) -> None:
    with closing(open_context(browser, url, color_scheme=scheme, bypass_csp=True)) as context:
        page = context.new_page()
        for path in ("/papers", "/papers/week", "/papers?q=robots", "/papers?q=nothing", "/papers/1", "/search"):
            page.goto(path)
            for width in (360, 768, 1280):
                page.set_viewport_size({"width": width, "height": 844})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            if AXE.exists():
                assert axe_violations(page) == [], path
