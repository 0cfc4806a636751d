"""Preferences page: rows of keywords, what its buttons do without a script, and its live part."""

import re
from html import unescape

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import write_session
from digest.database.models import Feed
from digest.subscribers import Preferences, get_profile, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, DAY, add_active_subscriber, make_context, sign_token, store_papers

ROW = re.compile(r'<div class="krow([^"]*)".*?name="keyword" value="([^"]*)".*?value="\d+"( checked)?>', re.DOTALL)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    ctx = make_context(sqlite_store)
    for day in range(4):
        store_papers(ctx, TEST_TIME - day * DAY, f"Robot {day}", *([f"Protein {day}"] if day % 2 else []))
    add_active_subscriber(ctx, ADA, "robot", "protein", "-survey", now=TEST_TIME, frequency="weekly", weekday=4)
    return ctx


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME))


def path(ctx: AppContext) -> str:
    return f"/preferences/{sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)}"


def keywords(ctx: AppContext) -> tuple[tuple[str, ...], frozenset[str]]:
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    profile = get_profile(ctx, TokenPurpose.PREFERENCES, token, TEST_TIME)
    return profile.keywords, profile.muted


def rows(html: str) -> list[tuple[str, str, bool]]:
    """Return the classes, the text and whether it is muted, for each row."""
    shown = html.partition("<template")[0]
    return [(classes.strip(), unescape(text), bool(muted)) for classes, text, muted in ROW.findall(shown)]


def post(browser: Browser, where: str, *fields: tuple[str, str]) -> str:
    """Post fields of which some come several times, and return the page; after saving, the one that follows."""
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = browser.send("POST", where, content=body, headers=headers)
    return browser.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text


def test_each_keyword_has_a_row_with_its_color_and_rate(ctx: AppContext, browser: Browser) -> None:
    first = browser.get(path(ctx)).text  # the papers to count in are loaded after it
    html = browser.get(path(ctx)).text
    assert rows(first) == rows(html) == [("k0", "robot", False), ("k1", "protein", False), ("", "-survey", False)]
    stats = re.findall(r'<div class="stat" data-keyword="([^"]*)">.*?<span>([^<]*)</span>', html, re.DOTALL)
    assert stats == [("robot", "1 a day"), ("protein", "2 a week"), ("-survey", "no recent matches")]
    assert html.count('<svg class="spark') == 3
    assert "Robot 0" in ParsedPage(html).text  # the e-mail beside it
    assert '<option value="weekly-friday" selected>Once a week, on Fridays</option>' in html


def test_a_muted_keyword_is_saved_with_its_place_and_gives_its_color_away(ctx: AppContext, browser: Browser) -> None:
    fields = [("keyword", "robot"), ("keyword", "protein"), ("keyword", "-survey"), ("keyword", ""), ("muted", "0")]
    html = post(browser, path(ctx), *fields, ("frequency", "weekly-friday"))
    assert keywords(ctx) == (("robot", "protein", "-survey"), frozenset({"robot"}))
    assert rows(html) == [("muted", "robot", True), ("k0", "protein", False), ("", "-survey", False)]
    assert "Robot 0" not in ParsedPage(html).text


def test_a_form_of_lines_leaves_muted_keywords_muted(ctx: AppContext, browser: Browser) -> None:
    post(browser, path(ctx), ("keyword", "robot"), ("keyword", "protein"), ("muted", "1"))
    post(browser, path(ctx), ("keywords", "protein%0Arobot"))
    assert keywords(ctx) == (("protein", "robot"), frozenset({"protein"}))


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        (("remove", "0"), ["protein", "graph"]),
        (("add", "tool use"), ["robot", "protein", "graph", "tool use"]),
        (("preview", "1"), ["robot", "protein", "graph"]),
    ],
)
def test_buttons_of_the_rows_show_the_form_and_save_nothing(
    ctx: AppContext, browser: Browser, button: tuple[str, str], expected: list[str]
) -> None:
    before = keywords(ctx)
    html = post(
        browser, path(ctx), ("keyword", "robot"), ("keyword", "protein"), ("keyword", "graph"), ("muted", "1"), button
    )
    assert [(text, muted) for _, text, muted in rows(html)] == [(text, text == "protein") for text in expected]
    assert keywords(ctx) == before


def test_unfinished_text_is_saved_as_a_keyword(ctx: AppContext, browser: Browser) -> None:
    post(browser, path(ctx), ("keyword", "robot"), ("keyword", "graph neural network"))
    assert keywords(ctx)[0] == ("robot", "graph neural network")


def test_not_all_keywords_can_be_muted(ctx: AppContext, browser: Browser) -> None:
    before = keywords(ctx)
    html = post(browser, path(ctx), ("keyword", "robot"), ("keyword", "-survey"), ("muted", "0"))
    assert "At least one keyword must not be muted" in html
    assert "<title>Error: " in html
    assert keywords(ctx) == before


def test_an_error_stands_at_its_row(ctx: AppContext, browser: Browser) -> None:
    html = post(browser, path(ctx), ("keyword", "robot"), ("keyword", '"open'))
    assert rows(html)[1][1] == '"open'
    assert 'class="fault"' in html
    assert ParsedPage(html).find_tag(name="keyword", value='"open')["aria-invalid"] == "true"


def test_the_live_part_counts_without_saving(ctx: AppContext, browser: Browser) -> None:
    before = keywords(ctx)
    browser.get(path(ctx))
    html = post(browser, "/preview/rows", ("keyword", "robot"), ("keyword", "protein"), ("muted", "0"))
    assert re.findall(r'data-keyword="([^"]*)".*?<span>([^<]*)</span>', html, re.DOTALL)[:2] == [
        ("robot", "muted"),
        ("protein", "2 a week"),
    ]
    text = ParsedPage(html).text
    assert "Protein 1" in text
    assert "Robot 1" not in text
    assert keywords(ctx) == before


def test_who_has_no_keywords_sees_the_most_upvoted_papers(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, TEST_TIME, "Upvoted", source="huggingface", upvotes=9)
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    update_preferences(ctx, token, Preferences(), parse_keywords_or_raise([]), None, TEST_TIME)
    html = browser.get(path(ctx)).text
    assert rows(html) == []
    assert "Upvoted" in ParsedPage(html).text


def test_sources_can_be_chosen_once_there_are_three(ctx: AppContext, browser: Browser) -> None:
    assert 'name="sources"' not in browser.get(path(ctx)).text
    many = make_context(ctx.engine, sources=("huggingface", "arxiv", "pubmed"))
    web = Browser(create_app(many, clock=lambda: TEST_TIME))
    boxes = re.compile(r'name="sources" value="([a-z]+)"( checked)?> ([^<]+)<')
    html = web.get(path(ctx)).text
    assert boxes.findall(html) == [
        ("arxiv", " checked", "arXiv"),
        ("huggingface", " checked", "Hugging Face"),
        ("pubmed", " checked", "PubMed"),
    ]

    def save(*names: str) -> str:
        chosen = [("sources", name) for name in names]
        return post(web, path(ctx), ("keyword", "robot"), ("sources_shown", "yes"), *chosen)

    def stored() -> tuple[str, ...]:
        token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
        return get_profile(ctx, TokenPurpose.PREFERENCES, token, TEST_TIME).preferences.sources

    assert [bool(checked) for _, checked, _ in boxes.findall(save("pubmed", "arxiv"))] == [True, False, True]
    assert stored() == ("arxiv", "pubmed")
    assert "Choose at least one source." in save()
    assert "There is no source" in save("jacs")
    # A form without the boxes leaves them; the preview counts papers of the chosen ones.
    post(browser, path(ctx), ("keyword", "robot"))
    assert stored() == ("arxiv", "pubmed")
    counted = {
        name: web.send("POST", "/preview/rows", data={"keyword": "robot", "sources": name}).text
        for name in ("arxiv", "pubmed")
    }
    assert ["No recent matches" in html for html in counted.values()] == [False, True]
    save("arxiv", "huggingface", "pubmed")
    assert stored() == ()


def test_a_feed_is_called_by_the_title_that_it_states(ctx: AppContext) -> None:
    feeds = "jacs = https://example.org/jacs\nlab = https://example.org/lab"
    reading = make_context(ctx.engine, sources=("arxiv", "feeds"), feeds=feeds)
    with write_session(ctx.engine) as session:
        session.add(Feed(source="feeds", name="jacs", url="https://example.org/jacs", title="J. Am. Chem. Soc."))
    web = Browser(create_app(reading, clock=lambda: TEST_TIME))
    for page in (path(ctx), "/"):
        text = web.get(page).text
        assert "J. Am. Chem. Soc." in text
        assert "arXiv" in text
