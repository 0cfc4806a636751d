"""Pages of papers: search, views by week and month, one paper."""

from datetime import timedelta
from pathlib import Path

import pytest
from markupsafe import escape
from sqlalchemy import Engine
from sqlmodel import select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Paper
from digest.papers import latest_list_day, store_listings
from digest.sources import ListedPaper
from digest.tokens import TokenSigner
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import make_context

TODAY = TEST_TIME.date()
HOSTILE_TEXT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def ctx(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/digest.db", base_url="http://digest.test")
    return AppContext(settings, sqlite_store, TokenSigner(["a key for tests"]))


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


def store_papers(
    ctx: AppContext, *titles: str, days_ago: int = 0, abstract: str = "Told.", upvotes: int | None = 3
) -> None:
    listed = [
        ListedPaper(
            source="huggingface",
            list_day=TODAY - timedelta(days=days_ago),
            rank=rank,
            title=title,
            abstract=abstract,
            authors=("Ada Example",),
            arxiv_id=f"26{days_ago:02}.{rank + 1:05}",
            url=f"https://arxiv.org/abs/26{days_ago:02}.{rank + 1:05}",
            upvotes=upvotes,
        )
        for rank, title in enumerate(titles)
    ]
    with write_session(ctx.engine) as session:
        store_listings(session, listed, TEST_TIME)


def test_a_search_shows_matching_papers_and_how_it_is_understood(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Fine-tuning at last", "On something else", "Finetuned? No: finetuning")
    page = ParsedPage(browser.get("/papers", params={"q": "fine tuning"}).text)
    assert "Fine-tuning at last" in page.text
    assert "finetuning" in page.text
    assert "On something else" not in page.text
    assert "Title or abstract contains “fine tuning”" in page.text
    assert "/?keywords=fine%20tuning" in page.links
    assert page.find_tag(id="q")["value"] == "fine tuning"


def test_results_have_pages_and_highlighted_matches_on_both_databases(store: Engine) -> None:
    ctx = make_context(store, base_url="http://digest.test")
    store_papers(
        ctx, *(f"Fine-tuning robots {n}" for n in range(30)), "Speech", abstract="We finetune a model. No robots."
    )
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    first = browser.get("/papers", params={"q": "fine tuning AND robot ANDNOT speech"})
    assert first.text.count('<mark class="k0">Fine-tuning</mark>') == 25
    assert first.text.count('<mark class="k0">robots</mark>') == 50
    assert "finetune a model" in first.text
    [onward] = {found["href"] for _, found in ParsedPage(first.text).tags if found.get("rel") == "next"}
    second = browser.get(onward)
    assert second.text.count('<mark class="k0">Fine-tuning</mark>') == 5
    assert "/?keywords=fine%20tuning%20AND%20robot%20ANDNOT%20speech" in ParsedPage(second.text).links
    assert "<mark" not in browser.get("/papers", params={"q": "-robot"}).text


def test_subscribing_to_a_search_fills_in_the_form(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Robots")
    query = 'C++ AND "R&D <b" ANDNOT x'
    [link] = [
        url
        for url in ParsedPage(browser.get("/papers", params={"q": query}).text).links
        if url.startswith("/?keywords")
    ]
    assert escape(query) in browser.get(link).text


def test_an_error_is_shown_at_its_position(ctx: AppContext, browser: Browser) -> None:
    response = browser.get("/papers", params={"q": "robots AND (arms"})
    page = ParsedPage(response.text)
    assert response.status_code == 422
    assert "unclosed bracket at character 12" in page.text
    assert page.find_tag(id="q")["aria-describedby"] == "q-fault"
    assert '<mark class="k1">(arms</mark>' in response.text


def test_pages_of_results_link_forward_and_back(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *(f"Robots {n}" for n in range(60)))
    where, seen, backward = "/papers?q=robots", [], []
    while where:
        page = ParsedPage(browser.get(where).text)
        seen += [n for n in range(60) if f"Robots {n}\n" in page.text]
        to = {found["rel"]: found["href"] for tag, found in page.tags if tag == "a" and "rel" in found}
        backward.append(to.get("prev", ""))
        where = to.get("next", "")
    assert sorted(seen) == list(range(60))
    assert [bool(link) for link in backward] == [False, True, True]
    assert backward[1] == "/papers?q=robots"


def test_an_invalid_trail_is_not_found(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Robots")
    for bad in ("x", "0", "-1", "1.", "9" * 20, ".".join(["5"] * 60)):
        assert browser.get("/papers", params={"q": "robots", "at": bad}).status_code == 404, bad
    assert browser.get("/papers", params={"q": "robots", "at": "9" * 16}).status_code == 200


def test_a_search_without_a_term_examines_a_bounded_number_of_papers_and_says_so(
    ctx: AppContext, browser: Browser
) -> None:
    store_papers(ctx, *(f"Robots {n}" for n in range(450)), upvotes=1)
    page = ParsedPage(browser.get("/papers", params={"q": "upvotes>5"}).text)
    assert "Nothing among the 400 papers that were looked at" in page.text
    assert any("at=" in link for link in page.links)


def test_an_empty_result_says_so(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Robots")
    assert "No paper so far" in browser.get("/papers", params={"q": "proteins"}).text


@pytest.mark.parametrize(("view", "seen"), [("week", {0, 6}), ("month", {0, 6, 20}), ("trending", {0, 6})])
def test_views_show_several_days(ctx: AppContext, browser: Browser, view: str, seen: set[int]) -> None:
    for ago in (40, 20, 6, 0):
        store_papers(ctx, f"Paper of {ago} days ago", days_ago=ago, upvotes=ago + 1)
    text = ParsedPage(browser.get(f"/papers?view={view}").text).text
    assert {ago for ago in (0, 6, 20, 40) if f"Paper of {ago} days ago" in text} == seen
    assert (text.index("Paper of 0 days") < text.index("Paper of 6 days")) == (view != "trending")


def test_views_have_pages(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *(f"Robots {n}" for n in range(70)))
    assert "/papers?view=week&page=2" in ParsedPage(browser.get("/papers?view=week").text).links
    second = ParsedPage(browser.get("/papers?view=week&page=2").text)
    assert "/papers?view=week&page=1" in second.links
    assert second.text.count("Robots ") >= 20
    for bad in ("0", "x", "3", "201", "9999999"):
        assert browser.get(f"/papers?view=week&page={bad}").status_code == 404, bad


def test_search_pages_escape_text_from_outside(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, f"Robots {HOSTILE_TEXT}", abstract=HOSTILE_TEXT)
    for query in ("robots", f'"{HOSTILE_TEXT}', f"robots {HOSTILE_TEXT}", HOSTILE_TEXT):
        seen = ParsedPage(browser.get("/papers", params={"q": query}).text)
        assert not [tag for tag, _ in seen.tags if tag in {"script", "img"}]


def test_searches_have_a_rate_limit_of_their_own(ctx: AppContext) -> None:
    store_papers(ctx, "Robots")
    app = create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(search=2), min_answer_seconds=0)
    browser = Browser(app)
    codes = [browser.get("/papers?q=robots").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    assert browser.get("/papers").status_code == 200
    assert Browser(app, "192.0.2.2").get("/papers?q=robots").status_code == 200


def test_a_paper_is_found_before_it_is_indexed(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Robots before the index knows")
    with read_session(ctx.engine) as session:
        assert latest_list_day(session) == TODAY
    assert "before the index knows" in browser.get("/papers?q=robot").text


def test_a_paper_with_thousands_of_authors_lists_fifty_and_is_found_by_the_last(
    ctx: AppContext, browser: Browser
) -> None:
    store_papers(ctx, "A robot walks")
    with write_session(ctx.engine) as session:
        paper = session.exec(select(Paper)).one()
        paper.authors = [f"Author Number{n}" for n in range(3000)]
        paper.is_indexed = False
        number = paper.id
    page = browser.get(f"/papers/{number}").text
    assert "Author Number49 and 2,950 more" in page
    found = browser.get("/papers", params={"q": 'author:"Author Number2999"'}).text
    assert "Author Number49 and 2,950 more" in found
