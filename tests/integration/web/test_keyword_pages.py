"""Keywords on the pages: their meaning, warnings, suggestions, and the help page."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Subscriber
from digest.matching import SYNTAX_EXAMPLES
from digest.papers import store_listings
from digest.sources import ListedPaper
from digest.subscribers import Preferences, confirm, subscribe
from digest.tokens import TokenPurpose, TokenSigner
from digest.web import create_app
from digest.web.keywords import edit_keywords
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage


@pytest.fixture
def ctx(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    return create_context_with(sqlite_store, tmp_path)


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return browser_at(ctx)


def create_context_with(store: Engine, folder: Path, **more: Any) -> AppContext:
    chosen: dict[str, Any] = {"database_url": f"sqlite:///{folder}/digest.db", "base_url": "http://digest.test"}
    return AppContext(Settings(_env_file=None, **chosen | more), store, TokenSigner(["a key for tests"]))


def browser_at(ctx: AppContext) -> Browser:
    return Browser(
        create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(subscribe=1000, other=1000), min_answer_seconds=0)
    )


def store_papers(ctx: AppContext, *titles: str, first: int = 1, days_ago: int = 0, named: tuple[str, ...] = ()) -> None:
    listed = [
        ListedPaper(
            source="huggingface",
            list_day=TEST_TIME.date() - timedelta(days=days_ago),
            rank=number,
            title=title,
            arxiv_id=f"2607.{number:05}",
            url=f"https://arxiv.org/abs/2607.{number:05}",
            ai_keywords=named,
        )
        for number, title in enumerate(titles, start=first)
    ]
    with write_session(ctx.engine) as session:
        store_listings(session, listed, TEST_TIME)


ROBOT_TITLES = ["Robots learn by imitation learning"] * 5 + ["Imitation learning of birdsong"]
DARK_MATTER_TITLES = ["A model of dark matter"] * 30


def buttons(page: ParsedPage, name: str) -> list[str]:
    return [found["value"] for tag, found in page.tags if tag == "button" and found.get("name") == name]


def test_a_preview_shows_how_each_keyword_is_understood(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, "A survey of graphs", "Graphs")
    page = ParsedPage(browser.post("/", {"keywords": "graph ANDNOT survey\n-quantum"}).text)
    assert "title or abstract contains “graph”, but not “survey”" in page.text
    assert "no paper where title or abstract contains “quantum”" in page.text


@pytest.mark.parametrize("where", ["/", "/subscribe"])
def test_an_invalid_form_shows_the_meaning_of_the_valid_keywords(ctx: AppContext, browser: Browser, where: str) -> None:
    store_papers(ctx, "Graphs")
    response = browser.post(where, {"keywords": 'graph\n"open', "email": "ada@example.org"})
    assert response.status_code == 422
    assert "title or abstract contains “graph”1 paper" in "".join(ParsedPage(response.text).text.split("\n"))
    assert "quotation mark is not closed" in response.text


def test_keywords_are_explained_even_without_papers(browser: Browser) -> None:
    page = ParsedPage(browser.post("/", {"keywords": "graph"}).text)
    assert "title or abstract contains “graph”" in page.text
    assert "very broad" not in page.text


def test_saved_preferences_show_how_keywords_are_understood(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *ROBOT_TITLES)
    subscribe(ctx, "ada@example.org", Preferences(), [], TEST_TIME)
    with read_session(ctx.engine) as session:
        nonce = session.exec(select(Subscriber)).one().nonce
    confirm(ctx, ctx.token_signer.sign(TokenPurpose.CONFIRM, nonce, TEST_TIME), TEST_TIME)
    link = f"/preferences/{ctx.token_signer.sign(TokenPurpose.PREFERENCES, nonce, TEST_TIME)}"
    saved = ParsedPage(browser.get(browser.post(link, {"keywords": "model\ntitle:graph"}).headers["location"]).text)
    assert "it matches 83% of all papers" in saved.text
    live = ParsedPage(browser.post("/preview/rows", {"keyword": "title:graph"}).text)
    for page in (saved, live):
        assert page.find_tag(id="readings")
        assert "title contains “graph”" in page.text
    refused = ParsedPage(browser.post(link, {"keywords": 'title:birds\n"open'}).text)
    assert "title contains “birds”" in refused.text


def test_a_keyword_that_matches_over_a_third_is_accepted_with_a_warning_and_can_be_narrowed(
    ctx: AppContext, browser: Browser
) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *["A model of turbulence"] * 5, *ROBOT_TITLES)
    assert browser.post("/subscribe", {"keywords": "model", "email": "ada@example.org"}).status_code == 303
    page = ParsedPage(browser.post("/", {"keywords": "speech\nmodel"}).text)
    assert "it matches 85% of all papers" in page.text
    assert buttons(page, "narrow") == ["model AND turbulence"]
    after = browser.post("/", {"keywords": "speech\nmodel", "narrow": "model AND turbulence"}).text
    assert "\nspeech\nmodel AND turbulence</textarea>" in after
    assert "very broad" not in after


def test_the_share_is_counted_over_the_last_thirty_list_days(ctx: AppContext, browser: Browser) -> None:
    for day in range(30):
        store_papers(ctx, "Graphs" if day < 10 else "Birds", "Stones", first=1 + 2 * day, days_ago=day)
    store_papers(ctx, *["Birds"] * 60, first=100, days_ago=30)
    text = ParsedPage(browser.post("/", {"keywords": "bird\nstone"}).text).text
    assert text.count("is very broad") == 1
    assert "it matches 50% of all papers" in text


def test_too_few_papers_cause_no_warning(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES[:29])
    assert "very broad" not in browser.post("/", {"keywords": "model"}).text


def test_a_button_adds_a_phrase_of_the_same_papers(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *ROBOT_TITLES)
    page = ParsedPage(browser.post("/", {"keywords": "robot", "email": "ada@example.org"}).text)
    assert "Related" in page.text
    button = page.find_tag(name="add", value="imitation learning")
    assert (button["type"], button["formaction"]) == ("submit", "/")
    assert "formnovalidate" in button
    after = browser.post("/", {"keywords": "robot", "email": "ada@example.org", "add": button["value"]})
    assert "robot\nimitation learning</textarea>" in after.text
    assert ParsedPage(after.text).find_tag(id="email")["value"] == "ada@example.org"
    assert buttons(ParsedPage(after.text), "add") == []


def test_an_empty_form_suggests_frequent_phrases(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *ROBOT_TITLES, *["Fine stones"] * 30)
    for page in (browser.get("/"), browser.post("/", {"keywords": " "})):
        assert "Try" in page.text
        assert buttons(ParsedPage(page.text), "add") == ["imitation learning"]
    assert buttons(ParsedPage(browser.get("/?keywords=graph").text), "add") == []


def test_suggestions_follow_new_listings(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *["Fine stones"] * 30)
    assert buttons(ParsedPage(browser.get("/").text), "add") == []
    store_papers(ctx, *ROBOT_TITLES, first=100)
    assert buttons(ParsedPage(browser.get("/").text), "add") == ["imitation learning"]


def test_keywords_of_a_listing_are_escaped(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *["A robot <b>x</b> y"] * 6, named=("<b>x</b> y",))
    store_papers(ctx, "<b>x</b> y", *DARK_MATTER_TITLES, first=100)
    page = ParsedPage(browser.post("/", {"keywords": "robot"}).text)
    assert buttons(page, "add") in ([], ["<b>x</b> y"])
    assert not [tag for tag, _ in page.tags if tag == "b"]


@pytest.mark.parametrize(
    ("text", "add", "narrow", "after"),
    [
        ("", "cats", "", "cats"),
        ("dogs\r\n\r\n", "cats", "", "dogs\ncats"),
        ("cats\ndogs", "cats", "", "cats\ndogs"),
        ("dogs\n cats ", "", "cats AND fish", "dogs\ncats AND fish"),
        ("cats OR dogs", "", "(cats OR dogs) AND fish", "(cats OR dogs) AND fish"),
        ("dogs", "", "cats AND fish", "dogs\ncats AND fish"),
        ("cats AND fish", "", "cats AND fish", "cats AND fish"),
    ],
)
def test_a_button_changes_one_line(text: str, add: str, narrow: str, after: str) -> None:
    assert edit_keywords(text, add, narrow) == after


def test_a_button_converts_the_syntax_of_another_system_without_javascript(ctx: AppContext, browser: Browser) -> None:
    lines = "robots\n(sepsis adj2 marker*).ti,ab.\nprotein folding, diffusion model"
    page = browser.post("/", {"keywords": lines, "email": "ada@example.org"})
    assert "Words near each other cannot be searched" in page.text
    assert 'name="convert" value="(sepsis adj2 marker*).ti,ab."' in page.text
    assert 'formaction="/"' in page.text
    page = browser.post("/", {"keywords": lines, "convert": "(sepsis adj2 marker*).ti,ab."})
    assert "robots\nsepsis AND marker*\nprotein folding, diffusion model" in page.text.replace("\r", "")
    assert edit_keywords("a1\nb1, c1", "", "", "b1, c1") == "a1\nb1\nc1"
    assert edit_keywords("a1\nb1", "", "", "b1") == "a1\nb1"


def test_the_help_page_has_every_row_and_both_forms_lead_to_it(ctx: AppContext, browser: Browser) -> None:
    page = ParsedPage(browser.get("/help/keywords").text)
    for row in SYNTAX_EXAMPLES:
        assert row.purpose in page.text
        assert row.example in page.text
        assert row.meaning in page.text
    assert "100 keywords" in page.text
    headings = [tag for tag, found in page.tags if tag == "th" and "scope" in found]
    assert len(headings) == len(SYNTAX_EXAMPLES) + 3
    assert "/help/keywords" in ParsedPage(browser.get("/").text).links
    for link in page.links:
        if link.startswith("/?keywords="):
            assert browser.get(link).status_code == 200


def test_the_number_of_keywords_is_limited_by_a_setting(sqlite_store: Engine, tmp_path: Path) -> None:
    browser = browser_at(create_context_with(sqlite_store, tmp_path, most_keywords=2))
    form = {"keywords": "cats\ndogs", "email": "ada@example.org"}
    assert browser.post("/subscribe", form).status_code == 303
    response = browser.post("/subscribe", form | {"keywords": "cats\ndogs\nfish"})
    assert response.status_code == 422
    assert "You can have at most 2 keywords, and these are 3." in response.text
    assert "2 keywords" in browser.get("/help/keywords").text
