"""`like:` as a keyword whose e-mails show the words in common, as search, as feed, and after a paper is forgotten."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Keyword, Paper
from digest.jobs import pipeline
from digest.jobs.retention import prune_papers
from digest.mail import list_messages
from digest.matching import KeywordInput
from digest.papers import RecentPapersIndex, count_terms, store_listings, update_index
from digest.planning import preview_from_index
from digest.sources import ListedPaper
from digest.subscribers import KeywordLimits, Preferences, add_subscriber, parse_keywords, renew_keywords
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, FixedClock, make_context, plan_digests
from tests.support.factories import NOW

DAY = timedelta(days=1)


def list_texts(ctx: AppContext, ago: int, *texts: tuple[str, str]) -> None:
    """Store papers with the number 2607.AGONN."""
    now = NOW - ago * DAY
    entries = [
        ListedPaper(
            source="arxiv",
            list_day=now.date(),
            rank=rank,
            kind="new",
            title=title,
            abstract=abstract,
            authors=("Ada Moreau",),
            arxiv_id=f"2607.{ago:02}{rank:03}",
            url="https://example.org/paper",
        )
        for rank, (title, abstract) in enumerate(texts, 1)
    ]
    with write_session(ctx.engine) as session:
        store_listings(session, entries, now)
        update_index(session, 1000)


@pytest.fixture
def ctx(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppContext:
    """A week of papers on tides and looms, whose terms are counted; today three more."""
    monkeypatch.chdir(tmp_path)  # the inbox of a store that is no file
    made = make_context(store, base_url="http://digest.test", keep_papers_days=100)
    for ago in range(7, 1, -1):
        list_texts(
            made,
            ago,
            (f"Tidal bores of river {ago}", f"A tidal bore runs up shallow river beds. Case {ago}."),
            (f"Hand looms of town {ago}", f"Woven patterns of a hand loom with thread {ago}."),
        )
    count_terms(made.engine, NOW - DAY)
    list_texts(made, 1, ("Yesterday", "Nothing of the kind."))
    return made


def read_keyword(ctx: AppContext, text: str) -> KeywordInput:
    (keyword,), errors = parse_keywords([text], KeywordLimits.from_context(ctx))
    assert not errors
    return keyword


def test_a_keyword_brings_papers_like_one_with_the_words_in_common(ctx: AppContext) -> None:
    keyword = read_keyword(ctx, "like:2607.07001")
    add_subscriber(ctx, ADA, Preferences(send_hour=5), [keyword], NOW - DAY, confirmed=True)
    list_texts(ctx, 0, ("The bore", "How a tidal bore runs up a river."), ("Looms", "Of a hand loom."))
    plan_digests(ctx, NOW)
    asyncio.run(pipeline.deliver(ctx, FixedClock(NOW)))
    (message,) = list_messages(ctx.mailbox_directory)
    text = " ".join(message.part("plain").split())
    assert "The *bore*" in text
    assert "How a *tidal bore* runs" in text
    assert "like:2607.07001" in text
    assert "Looms" not in text
    with read_session(ctx.engine) as session:
        index = RecentPapersIndex(30)
        preview = preview_from_index(session, [keyword], index, NOW.date(), NOW)
        assert preview.match_counts == (7,)
        assert all(paper.title_spans or paper.abstract_spans for paper in preview.papers)


def test_a_search_and_a_feed_find_papers_like_one_and_errors_say_why(ctx: AppContext) -> None:
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    page = browser.get("/papers", params={"q": "like:2607.07001"})
    text = " ".join(ParsedPage(page.text).text.split())
    assert "Tidal bores of river 2" in text
    assert "Hand looms" not in text
    assert "Words are like those of arxiv:2607.07001" in text
    assert "<mark" in page.text
    feed = browser.get("/feeds/json", params={"q": "like:2607.07001"}).json()
    assert sorted(item["title"] for item in feed["items"]) == [f"Tidal bores of river {ago}" for ago in range(2, 8)]
    links = ParsedPage(browser.get("/papers/1").text).links
    assert "/papers?q=like%3A2607.07001" in links
    assert "/?keywords=like%3A2607.01001" in ParsedPage(browser.get("/help/keywords").text).links
    unknown = browser.get("/papers", params={"q": "like:2607.99999"})
    assert unknown.status_code == 422
    assert "We don&#39;t have the paper arxiv:2607.99999" in unknown.text
    assert browser.get("/feeds/atom", params={"q": "like:2607.99999"}).status_code == 422
    silent = browser.get("/papers", params={"q": "like:2607.01001"})
    assert "cannot be compared" in silent.text


def test_a_named_paper_stays_and_its_keyword_is_renewed(ctx: AppContext) -> None:
    keyword = read_keyword(ctx, "like:2607.07001")
    add_subscriber(ctx, ADA, Preferences(send_hour=5), [keyword], NOW - DAY, confirmed=True)
    with write_session(ctx.engine) as session:
        session.exec(select(Keyword)).one().forms_version = -1
    renew_keywords(ctx.engine)
    with read_session(ctx.engine) as session:
        assert session.exec(select(Keyword.canonical)).one() == keyword.canonical
    plan_digests(ctx, NOW)
    prune_papers(ctx, NOW + 200 * DAY)
    with read_session(ctx.engine) as session:
        assert [paper.arxiv_id for paper in session.exec(select(Paper)).all()] == ["2607.07001"]
