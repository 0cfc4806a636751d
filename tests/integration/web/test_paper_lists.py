"""Lists of papers: days, weeks, months, what trends; one paper's page; sitemap."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from lxml import etree  # type: ignore[import-untyped]
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Paper
from digest.papers import store_listings
from digest.sources import ListedPaper
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import make_context
from tests.support.factories import source_fetch

FRIDAY = TEST_TIME.date()  # 31 July 2026
HOSTILE_TEXT = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def listed(number: int, ago: int = 0, **given: Any) -> ListedPaper:
    defaults: dict[str, Any] = {
        "source": "huggingface",
        "list_day": FRIDAY - timedelta(days=ago),
        "rank": number,
        "title": f"Paper {number} of {ago}",
        "abstract": "One sentence.",
        "authors": ("Ada Example",),
        "arxiv_id": f"26{ago:02}.{number:05}",
        "url": f"https://arxiv.org/abs/26{ago:02}.{number:05}",
        "upvotes": 100 - number,
    }
    return ListedPaper(**defaults | given)


def open_pages(store: Engine, *papers: ListedPaper, **settings: Any) -> tuple[AppContext, Browser]:
    ctx = make_context(store, base_url="http://digest.test", **settings)
    with write_session(store) as session:
        store_listings(session, papers, TEST_TIME)
    return ctx, Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


def titles(browser: Browser, path: str) -> list[str]:
    page = browser.get(path)
    assert page.status_code == 200, (path, page.text)
    return re.findall(r'data-id="[^"]+">([^<]+)</a></h[23]>', page.text)


def test_a_day_is_sorted_and_filtered_and_its_links_keep_the_choices(store: Engine) -> None:
    papers = [
        listed(1, code_url="https://github.com/a/b", code_stars=1, comments=9),
        listed(2, upvotes=500, code_url="https://github.com/a/c", code_stars=7),
        listed(3, upvotes=None, source="arxiv", kind="new", categories=("cs.CL", "cs.LG"), published_on=FRIDAY),
        listed(4, upvotes=None, source="arxiv", kind="new", categories=("math.CO",)),
    ]
    _, browser = open_pages(store, *papers)
    day = f"/papers/{FRIDAY}"
    assert titles(browser, day) == [f"Paper {n} of 0" for n in (2, 1, 3, 4)]
    assert titles(browser, "/papers") == titles(browser, day)
    assert titles(browser, f"{day}?sort=stars")[:2] == ["Paper 2 of 0", "Paper 1 of 0"]
    assert titles(browser, f"{day}?sort=comments")[0] == "Paper 1 of 0"
    assert titles(browser, f"{day}?sort=newest")[0] == "Paper 3 of 0"
    assert titles(browser, f"{day}?source=arxiv") == ["Paper 3 of 0", "Paper 4 of 0"]
    assert titles(browser, f"{day}?category=cs.LG") == ["Paper 3 of 0"]
    assert titles(browser, f"{day}?category=s.LG") == []
    page = ParsedPage(browser.get(f"{day}?source=arxiv&category=cs.CL&density=compact").text)
    assert "1 of 4 papers" in page.text
    assert page.find_tag(name="robots")["content"] == "noindex"
    assert page.find_tag(rel="canonical")["href"] == f"http://digest.test{day}"
    assert "compact" in page.find_tag(id="list")["class"]
    assert "/papers/2026-W31?source=arxiv&category=cs.CL&density=compact" in page.links
    assert "/feeds/atom?source=arxiv&category=cs.CL" in page.links
    none = ParsedPage(browser.get(f"{day}?source=huggingface&category=cs.CL").text)
    assert "No papers match these filters" in none.text
    assert day in none.links
    assert "Listed without upvotes so far" in browser.get(day).text


def test_a_week_and_a_month_show_the_best_of_each_day_and_no_paper_twice(store: Engine) -> None:
    days = {0: 9, 1: 2, 20: 4}
    papers = [listed(number, ago) for ago, count in days.items() for number in range(count)]
    papers += [listed(0, ago=0, list_day=FRIDAY - timedelta(days=1))]  # listed on Thursday, too
    _, browser = open_pages(store, *papers)
    for path in ("/papers/week", "/papers/2026-W31"):
        page = ParsedPage(browser.get(path).text)
        assert titles(browser, path) == [*(f"Paper {n} of 0" for n in range(6)), "Paper 0 of 1", "Paper 1 of 1"]
        assert "27 to 31 July" in page.text
        assert "3 more on Friday 31 July" in page.text
        assert "11 papers" in page.text
    assert titles(browser, "/papers/2026-07")[-3:] == [f"Paper {n} of 20" for n in range(3)]
    assert titles(browser, "/papers/week?sort=upvotes")[:2] == ["Paper 0 of 0", "Paper 0 of 1"]
    assert titles(browser, "/papers/week?source=arxiv") == []
    assert [
        found["href"]
        for tag, found in ParsedPage(browser.get("/papers/week").text).tags
        if "prev" in found.get("rel", "")
    ] == ["/papers/2026-W28"]
    assert browser.get("/papers/week?page=2").status_code == 404


def test_trending_papers_have_upvotes_and_are_of_seven_days(store: Engine) -> None:
    _, browser = open_pages(
        store, listed(1, 0, upvotes=3), listed(2, 6, upvotes=90), listed(3, 7), listed(4, 0, upvotes=0)
    )
    assert titles(browser, "/papers/trending") == ["Paper 2 of 6", "Paper 1 of 0"]


def test_long_lists_have_pages(store: Engine) -> None:
    _, browser = open_pages(store, *(listed(n) for n in range(120)))
    second = ParsedPage(browser.get(f"/papers/{FRIDAY}?page=2&sort=newest").text)
    assert {f"/papers/{FRIDAY}?page=3&sort=newest", f"/papers/{FRIDAY}?sort=newest"} <= set(second.links)
    seen = [title for page in (1, 2, 3) for title in titles(browser, f"/papers/{FRIDAY}?page={page}")]
    assert seen == [f"Paper {n} of 0" for n in range(120)]
    for bad in ("0", "x", "4", "201", "9999999"):
        assert browser.get(f"/papers/{FRIDAY}?page={bad}").status_code == 404, bad


def test_old_addresses_of_views_lead_to_the_new_ones(sqlite_store: Engine) -> None:
    _, browser = open_pages(sqlite_store, listed(1))
    for view in ("week", "month", "trending"):
        moved = browser.get(f"/papers?view={view}")
        assert (moved.status_code, moved.headers["location"]) == (308, f"/papers/{view}")
        assert browser.get(f"/papers/{view}").status_code == 200
    assert browser.get("/papers?view=trending&page=2").headers["location"] == "/papers/trending?page=2"
    assert browser.get("/papers?view=other").status_code == 200


@pytest.mark.parametrize("name", ["2026-7-1", "2026-13", "2026-W54", "2026-W00", "0000-01", "2026-02-30", "9999-W53"])
def test_an_impossible_period_is_not_found(sqlite_store: Engine, name: str) -> None:
    _, browser = open_pages(sqlite_store, listed(1))
    response = browser.get(f"/papers/{name}")
    assert response.status_code == 404
    assert "Use a day like" in response.text


def test_an_empty_period_says_why_and_leads_on(sqlite_store: Engine) -> None:
    ctx, browser = open_pages(sqlite_store, listed(1, ago=3), listed(2, ago=1))
    with write_session(ctx.engine) as session:
        failed = {"source": "arxiv", "status": "failed", "error_code": "malformed"}
        session.add(
            source_fetch(**failed, list_day=FRIDAY - timedelta(days=2), started_at=TEST_TIME - timedelta(days=1))
        )
        session.add(source_fetch(source="arxiv", list_day=FRIDAY, started_at=TEST_TIME))
    empty = browser.get(f"/papers/{FRIDAY - timedelta(days=2)}")
    page = ParsedPage(empty.text)
    assert empty.status_code == 404
    assert "arXiv could not be read for Wednesday 29 July; its papers will be fetched later." in page.text
    assert {"/papers/2026-07-28", "/papers/2026-07-30"} <= set(page.links)
    assert "No source listed papers then." in browser.get("/papers/2026-07-25").text
    assert "No list has been published yet" in browser.get("/papers/2026-07-31").text
    assert "is in the future" in browser.get("/papers/2026-12-01").text
    assert "/papers/2026-W31" in ParsedPage(browser.get("/papers/2026-W20").text).links


def test_a_month_says_once_a_source_which_days_are_incomplete(sqlite_store: Engine) -> None:
    ctx, browser = open_pages(sqlite_store, listed(1, ago=1), listed(2))
    with write_session(ctx.engine) as session:
        for ago in (1, 2, 3):
            failed = {"source": "arxiv", "status": "failed", "error_code": "malformed"}
            day = FRIDAY - timedelta(days=ago)
            session.add(source_fetch(**failed, list_day=day, started_at=TEST_TIME - timedelta(days=ago)))
        session.add(source_fetch(source="arxiv", list_day=FRIDAY, started_at=TEST_TIME))
    month = ParsedPage(browser.get("/papers/2026-07").text).text
    assert month.count("arXiv is incomplete on 3 days from Tuesday 28 July to Thursday 30 July; what is missing") == 1
    assert "could not be read" not in month
    assert "arXiv could not be read for Thursday 30 July" in ParsedPage(browser.get("/papers/2026-07-30").text).text


def test_the_calendar_has_the_days_of_the_month_with_their_papers(sqlite_store: Engine) -> None:
    _, browser = open_pages(sqlite_store, listed(1), listed(2), listed(3, ago=1), listed(4, ago=40))
    page = browser.get(f"/papers/{FRIDAY}").text
    assert re.search(
        r'<a class="n24" href="/papers/2026-07-31" aria-current="date" aria-label="31 July, 2 papers"', page
    )
    assert re.search(r'<a class="n12" href="/papers/2026-07-30" aria-label="30 July, 1 paper"', page)
    assert 'href="/papers/2026-06" aria-label="June 2026"' in page
    assert 'href="/papers/2026-08"' not in page
    assert "style=" not in page


def paper_number(ctx: AppContext) -> int:
    with read_session(ctx.engine) as session:
        return int(session.exec(select(Paper.id)).one() or 0)


def test_the_page_of_a_paper_has_all_that_is_known_for_people_and_programs(sqlite_store: Engine) -> None:
    known: dict[str, Any] = {
        "title": "INTACT: <b>Worlds</b>",
        "authors": ("Junhan Sun", 'Ada "Countess" Lovelace'),
        "abstract": f"An abstract {HOSTILE_TEXT}",
        "organization": "Example University",
        "categories": ("cs.LG", "cs.RO"),
        "published_on": date(2026, 7, 28),
        "doi": "10.1000/182",
        "pdf_url": "https://arxiv.org/pdf/2600.00001",
        "code_url": "https://github.com/a/b",
        "code_stars": 1043,
        "project_url": "https://example.org/intact",
        "discussion_url": "https://huggingface.co/papers/2600.00001",
        "comments": 2,
        "thumbnail_url": "https://cdn-thumbnails.huggingface.co/x.png",
        "ai_summary": "A short summary.",
        "ai_keywords": ("world models",),
    }
    on_arxiv: dict[str, Any] = {"source": "arxiv", "kind": "new", "arxiv_id": "2600.00001"}
    ctx, browser = open_pages(sqlite_store, listed(1, **known), listed(1, ago=1, **{**known, **on_arxiv}))
    path = f"/papers/{paper_number(ctx)}"
    text = browser.get(path).text
    page = ParsedPage(text)
    for part in (
        *("INTACT: <b>Worlds</b>", "Example University", "99", "1,043 stars", "28 July 2026", "2600.00001"),
        *("10.1000/182", "A short summary.", "world models", "Project page", "Discussion, 2 comments"),
    ):
        assert part in page.text, part
    assert {
        *(known["pdf_url"], known["code_url"], known["project_url"], "https://doi.org/10.1000/182"),
        *("/papers/2026-07-31", "/papers/2026-07-30", "/papers?q=category%3Acs.LG", "/papers?q=world%20models"),
        "/papers?q=author%3A%22Ada%20Countess%20Lovelace%22",
    } <= set(page.links)
    metas = {
        (found.get("name") or found.get("property"), found["content"])
        for tag, found in page.tags
        if tag == "meta" and "content" in found
    }
    assert {
        ("citation_title", "INTACT: <b>Worlds</b>"),
        ("citation_author", "Junhan Sun"),
        ("citation_publication_date", "2026/07/28"),
        ("citation_arxiv_id", "2600.00001"),
        ("citation_doi", "10.1000/182"),
        ("citation_pdf_url", "https://arxiv.org/pdf/2600.00001"),
        ("og:url", f"http://digest.test{path}"),
        ("og:image", f"http://digest.test{path}/thumbnail"),
    } <= metas
    [linked] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text)
    data = json.loads(linked)
    assert (data["@type"], data["datePublished"]) == ("ScholarlyArticle", "2026-07-28")
    assert data["abstract"] == known["abstract"]
    assert [author["name"] for author in data["author"]] == list(known["authors"])
    assert "alert(1)</script>" not in text
    assert "@misc{sun2026intact," in page.text
    assert "AU  - Sun, Junhan" in page.text
    assert "INTACT: <b>Worlds</b>. arXiv:2600.00001, 2026. https://doi.org/10.1000/182" in page.text


def test_unsafe_links_of_a_paper_are_left_out(sqlite_store: Engine) -> None:
    evil: dict[str, Any] = dict.fromkeys(
        ("url", "pdf_url", "code_url", "project_url", "discussion_url"), "javascript:alert(1)"
    )
    ctx, browser = open_pages(sqlite_store, listed(1, **evil))
    for path in ("/papers", f"/papers/{paper_number(ctx)}"):
        assert "javascript:" not in browser.get(path).text


def test_the_citations_of_a_week_have_every_paper_under_a_key_of_its_own(sqlite_store: Engine) -> None:
    _, browser = open_pages(sqlite_store, *(listed(n, ago, title="Robots walk") for ago in (0, 1) for n in (1, 2)))
    keys = re.findall(r"@misc\{(.+),", browser.get("/papers/2026-W31.bib").text)
    assert keys == ["examplerobots", "examplerobots-2", "examplerobots-3", "examplerobots-4"]
    assert browser.get("/papers/2026-07.ris").text.count("TY  - ") == 4


def test_the_sitemap_leads_to_every_page(sqlite_store: Engine) -> None:
    ctx, browser = open_pages(sqlite_store, listed(1))

    def addresses(path: str) -> list[str]:
        response = browser.get(path)
        assert response.headers["content-type"].startswith("application/xml")
        return [str(found) for found in etree.fromstring(response.content).xpath("//*[local-name()='loc']/text()")]

    assert f"Sitemap: {'http://digest.test/sitemap.xml'}" in browser.get("/robots.txt").text
    found = [url for shard in addresses("/sitemap.xml") for url in addresses(shard.removeprefix("http://digest.test"))]
    assert f"http://digest.test/papers/{paper_number(ctx)}" in found
    assert f"http://digest.test/papers/{FRIDAY}" in found
    for url in found:
        assert browser.get(url.removeprefix("http://digest.test")).status_code == 200, url
    for bad in ("papers-1", "papers-x", "other"):
        assert browser.get(f"/sitemaps/{bad}.xml").status_code == 404


def test_the_icon_is_at_its_old_place(sqlite_store: Engine) -> None:
    _, browser = open_pages(sqlite_store)
    response = browser.get("/favicon.ico")
    assert response.headers["content-type"] == "image/x-icon"
    assert response.content.startswith(b"\x00\x00\x01\x00")


def test_papers_are_filtered_by_any_source_under_its_title(store: Engine) -> None:
    entries = [
        listed(number, upvotes=None, source=source, kind="new", journal="The Lancet" if number else None)
        for number, source in enumerate(("arxiv", "pubmed", "old-feed"))
    ]
    _, browser = open_pages(store, *entries, sources=("huggingface", "arxiv", "pubmed"))
    html = browser.get(f"/papers/{FRIDAY}").text
    options = re.findall(r'<option value="([a-z-]+)"[^>]*>(arXiv|PubMed|old-feed)', html)
    assert options == [("arxiv", "arXiv"), ("old-feed", "old-feed"), ("pubmed", "PubMed")]
    assert html.count("The Lancet") == 2
    for source in ("arxiv", "pubmed", "old-feed"):
        assert len(titles(browser, f"/papers/{FRIDAY}?source={source}")) == 1
    assert browser.get("/papers?q=paper&source=pubmed").text.count("data-id=") == 1
    assert browser.get("/feeds/atom?source=pubmed").status_code == 200
    assert browser.get(f"/papers/{FRIDAY}?source=jacs").status_code == 422
    assert ">The Lancet</a>" in browser.get("/papers/2").text
    cited = browser.get("/papers/2.bib").text
    assert re.search(r"journal += {The Lancet}", cited)
    assert cited.startswith("@article{")
    assert "TY  - JOUR" in browser.get("/papers/2.ris").text
