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
from digest.web.forms import append_keywords, edit_keywords
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


ROBOT_TITLES = [*["Robots learn by imitation learning"] * 5, *["Imitation learning of birdsong"] * 3]
DARK_MATTER_TITLES = ["A model of dark matter"] * 60


def preferences_of(ctx: AppContext) -> str:
    """Return the preferences link of a new subscriber."""
    subscribe(ctx, "ada@example.org", Preferences(), [], TEST_TIME)
    with read_session(ctx.engine) as session:
        nonce = session.exec(select(Subscriber)).one().nonce
    confirm(ctx, ctx.token_signer.sign(TokenPurpose.CONFIRM, nonce, TEST_TIME), TEST_TIME)
    return f"/preferences/{ctx.token_signer.sign(TokenPurpose.PREFERENCES, nonce, TEST_TIME)}"


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


def replacements(page: ParsedPage) -> list[str]:
    return [value.replace("\r\n", "\n") for value in buttons(page, "replace")]


def test_saved_preferences_show_how_keywords_are_understood(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *ROBOT_TITLES)
    link = preferences_of(ctx)
    saved = ParsedPage(browser.get(browser.post(link, {"keywords": "model\ntitle:graph"}).headers["location"]).text)
    assert "model is very broad: on a usual day this alone fills your e-mail." in " ".join(saved.text.split())
    live = ParsedPage(browser.post("/preview/rows", {"keyword": "title:graph"}).text)
    for page in (saved, live):
        assert page.find_tag(id="readings")
        assert "title contains “graph”" in page.text
    refused = ParsedPage(browser.post(link, {"keywords": 'title:birds\n"open'}).text)
    assert "title contains “birds”" in refused.text


def test_a_keyword_that_alone_fills_an_email_is_accepted_with_a_warning_and_can_be_narrowed(
    ctx: AppContext, browser: Browser
) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *["A model of turbulence"] * 5, *ROBOT_TITLES)
    browser.get("/")  # loads the papers
    assert browser.post("/subscribe", {"keywords": "model", "email": "ada@example.org"}).status_code == 303
    page = ParsedPage(browser.post("/", {"keywords": "speech\nmodel"}).text)
    assert "model is very broad: on a usual day this alone fills your e-mail." in " ".join(page.text.split())
    assert replacements(page) == ["model\nmodel AND turbulence"]
    after = browser.post("/", {"keywords": "speech\nmodel", "replace": buttons(page, "replace")[0]}).text
    assert "\nspeech\nmodel AND turbulence</textarea>" in after
    assert "very broad" not in after


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"cap": "10"}, "on a usual day this alone fills your e-mail"),
        ({"cap": "11"}, ""),
        ({"cap": "50", "frequency": "weekly-friday"}, "in a usual week this alone fills your e-mail"),
        ({"cap": "51", "frequency": "weekly-friday"}, ""),
        ({"cap": "100", "frequency": "monthly"}, "in a usual month this alone fills your e-mail"),
    ],
)
@pytest.mark.parametrize("is_loaded", [True, False])
def test_what_fills_an_email_depends_on_its_size_and_how_often_it_comes(
    ctx: AppContext, browser: Browser, options: dict[str, str], warning: str, *, is_loaded: bool
) -> None:
    for day in range(3):
        store_papers(ctx, *["Graphs"] * (5 + 5 * day), first=1 + 100 * day, days_ago=day)
    if is_loaded:
        browser.get("/")
    text = " ".join(ParsedPage(browser.post("/", {"keywords": "graph\nbird"} | options).text).text.split())
    assert text.count("very broad") == bool(warning)
    assert warning in text


def test_an_exclusion_that_leaves_out_over_a_third_has_a_warning(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES[:16], *["Birds"] * 24)
    text = ParsedPage(browser.post("/", {"keywords": "bird\n-dark matter"}).text).text
    assert "-dark matter is very broad: it leaves out 40% of all papers." in " ".join(text.split())
    assert "it leaves out" not in browser.post("/", {"keywords": "dark matter\n-stone"}).text


def test_a_keyword_that_finds_nothing_can_be_replaced_without_javascript(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *ROBOT_TITLES, *["A large language model of dark matter"] * 2)
    assert buttons(ParsedPage(browser.post("/", {"keywords": "imitaton learning"}).text), "replace") == []
    browser.get("/")
    form = {"keywords": "birds\nimitaton learning", "email": "ada@example.org"}
    page = ParsedPage(browser.post("/", form).text)
    assert "imitaton learning: did you mean" in " ".join(page.text.split())
    assert replacements(page) == ["imitaton learning\nimitation learning"]
    after = ParsedPage(browser.post("/", form | {"replace": buttons(page, "replace")[0]}).text)
    assert after.find_tag(id="email")["value"] == "ada@example.org"
    assert after.text.count("imitation learning") > 0
    assert replacements(after) == []
    acronyms = ParsedPage(browser.post("/", {"keywords": "imitation learning\nLLM of dark matter"}).text)
    assert replacements(acronyms) == []  # a long form is found, too
    wider = ParsedPage(browser.post("/", {"keywords": "learning robot of birdsong"}).text)
    assert "No recent matches for learning robot of birdsong. Try" in " ".join(wider.text.split())
    assert replacements(wider) == ["learning robot of birdsong\nbirdsong", "learning robot of birdsong\nrobot"]


def test_the_preferences_page_corrects_narrows_and_converts_without_javascript(
    ctx: AppContext, browser: Browser
) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *["A model of turbulence"] * 5, *ROBOT_TITLES)
    browser.get("/")
    link = preferences_of(ctx)
    lines = ["model", "imitaton learning", "robots, birds", "-stone"]
    page = ParsedPage(browser.send("POST", link, data={"keyword": [*lines, ""], "muted": ["3"], "preview": "1"}).text)
    assert replacements(page) == ["model\nmodel AND turbulence", "imitaton learning\nimitation learning"]
    assert buttons(page, "convert") == ["robots, birds"]
    for name, value, changed in (
        ("replace", buttons(page, "replace")[0], ["model AND turbulence", *lines[1:]]),
        ("replace", buttons(page, "replace")[1], ["model", "imitation learning", *lines[2:]]),
        ("convert", "robots, birds", [*lines[:2], "robots", "birds", "-stone"]),
    ):
        after = ParsedPage(browser.send("POST", link, data={"keyword": [*lines, ""], "muted": ["3"], name: value}).text)
        fields = [found.get("value", "") for tag, found in after.tags if found.get("name") == "keyword"]
        assert [text for text in fields if text] == changed
        muted = [found["value"] for _, found in after.tags if found.get("name") == "muted" and "checked" in found]
        assert muted == [str(len(changed) - 1)]
    saved = ParsedPage(browser.get(link).text)
    assert [found for _, found in saved.tags if found.get("name") == "keyword" and found.get("value")] == []


def test_a_button_adds_a_phrase_of_the_same_papers(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *DARK_MATTER_TITLES, *ROBOT_TITLES)
    browser.get("/")
    page = ParsedPage(browser.post("/", {"keywords": "robot", "email": "ada@example.org"}).text)
    assert "Did you also mean" in page.text
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


def test_phrases_of_titles_and_listings_are_text(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, *["A robot <marquee tracker>"] * 6, named=("<marquee tracker>",))
    store_papers(ctx, *["<marquee tracker>"] * 3, *DARK_MATTER_TITLES, first=100)
    browser.get("/")
    page = ParsedPage(browser.post("/", {"keywords": "robot"}).text)
    assert buttons(page, "add") == ["marquee tracker"]
    assert not [tag for tag, _ in page.tags if tag == "marquee"]


@pytest.mark.parametrize(
    ("text", "add", "replace", "after"),
    [
        ("", "cats", "", "cats"),
        ("dogs\r\n\r\n", "cats", "", "dogs\ncats"),
        ("cats\ndogs", "cats", "", "cats\ndogs"),
        ("dogs\n cats ", "", "cats\r\ncats AND fish", "dogs\ncats AND fish"),
        ("cats OR dogs", "", "cats OR dogs\n(cats OR dogs) AND fish", "(cats OR dogs) AND fish"),
        ("dogs", "", "cats\ncats AND fish", "dogs\ncats AND fish"),
        ("cats AND fish", "", "cats\ncats AND fish", "cats AND fish"),
        ("cats\ndogs", "", "cats", "cats\ndogs"),
        ("cats\ndogs", "", "\n", "cats\ndogs"),
    ],
)
def test_a_button_changes_one_line(text: str, add: str, replace: str, after: str) -> None:
    assert edit_keywords(text, add, replace) == after


def test_many_keywords_are_appended_where_no_line_has_them() -> None:
    assert append_keywords("dogs\r\n cats \n\n", ["cats", "fish", "", "fish", "birds"]) == "dogs\n cats \nfish\nbirds"
    assert append_keywords("dogs\n\n", ["dogs"]) == "dogs\n\n"


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
