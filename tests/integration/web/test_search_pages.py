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
    assert "A parenthesis is not closed" in page.text
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
    assert "400 papers were compared for this page" in page.text
    assert any("at=" in link for link in page.links)


def test_an_empty_result_says_so(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "Robots")
    page = ParsedPage(browser.get("/papers", params={"q": "proteins"}).text)
    assert "No papers match “proteins”" in page.text
    assert "/?keywords=proteins" in page.links
    assert "/papers?q=robots" in ParsedPage(browser.get("/papers", params={"q": "robotz"}).text).links


def test_filters_and_sort_of_a_search_are_links_that_pages_keep(ctx: AppContext, browser: Browser) -> None:
    for ago in (0, 10):
        store_papers(ctx, *(f"Robots {n} of {ago} days ago" for n in range(30)), days_ago=ago, upvotes=ago)
    page = ParsedPage(browser.get("/papers?q=robots&sort=upvotes&since=7").text)
    assert "30 papers" in page.text
    assert "of 10 days ago" not in page.text
    assert "/papers?q=robots&at=25&sort=upvotes&since=7" in page.links
    second = ParsedPage(browser.get("/papers?q=robots&at=25&sort=upvotes&since=7").text)
    assert "/papers?q=robots&sort=upvotes&since=7" in second.links
    by_upvotes = ParsedPage(browser.get("/papers?q=robots&sort=upvotes").text).text
    assert "of 10 days ago" in by_upvotes
    assert "of 0 days ago" not in by_upvotes
    none = ParsedPage(browser.get("/papers?q=robots&source=arxiv").text)
    assert "with these filters" in none.text
    assert "/papers?q=robots" in none.links


@pytest.mark.parametrize(
    "bad", ["sort=random", "since=3", "source=%3Cb%3E", "density=loud", "sort=days", "category=%22%25%22"]
)
def test_an_invalid_filter_says_what_there_is_to_choose(ctx: AppContext, browser: Browser, bad: str) -> None:
    store_papers(ctx, "Robots")
    for path in ("/papers?q=robots&", "/papers?", f"/papers/{TODAY}?", "/papers/trending?"):
        if bad.startswith("since" if path != "/papers?q=robots&" else "category"):
            continue  # no filter of this page
        response = browser.get(path + bad)
        assert response.status_code == 422, path
        assert f"not a value for “{bad.partition('=')[0]}”. Use " in ParsedPage(response.text).text
        assert "<b>" not in response.text


def test_the_page_to_search_sends_searches_on(browser: Browser) -> None:
    assert ParsedPage(browser.get("/search").text).find_tag(id="q")
    moved = browser.get("/search", params={"q": "a & b"})
    assert (moved.status_code, moved.headers["location"]) == (308, "/papers?q=a+%26+b")


def test_search_pages_escape_text_from_outside(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, f"Robots {HOSTILE_TEXT}", abstract=HOSTILE_TEXT)
    for query in ("robots", f'"{HOSTILE_TEXT}', f"robots {HOSTILE_TEXT}", HOSTILE_TEXT):
        seen = ParsedPage(browser.get("/papers", params={"q": query}).text)
        assert not [tag for tag, found in seen.tags if tag == "script" and "src" not in found]
        assert not [tag for tag, found in seen.tags if tag == "img" and not found["src"].startswith("/static/")]


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
    assert "Author Number49</a> and 2,950 more" in page
    found = browser.get("/papers", params={"q": 'author:"Author Number2999"'}).text
    assert "Author Number2999, +2,996" in found
