"""Keywords on the pages: how they were understood, what is too broad, what could be added, and the page of help."""

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
from tests.support.browser import AT, Browser, Seen


@pytest.fixture
def home(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    return open_with(sqlite_store, tmp_path)


@pytest.fixture
def browser(home: AppContext) -> Browser:
    return at_door(home)


def open_with(store: Engine, folder: Path, **more: Any) -> AppContext:
    chosen: dict[str, Any] = {"database_url": f"sqlite:///{folder}/digest.db", "base_url": "http://digest.test"}
    return AppContext(Settings(_env_file=None, **chosen | more), store, TokenSigner(["a key for tests"]))


def at_door(home: AppContext) -> Browser:
    return Browser(
        create_app(home, clock=lambda: AT, limits=FormLimits(subscribe=1000, other=1000), min_answer_seconds=0)
    )


def shelve(home: AppContext, *titles: str, first: int = 1, days_ago: int = 0, named: tuple[str, ...] = ()) -> None:
    listed = [
        ListedPaper(
            source="huggingface",
            list_day=AT.date() - timedelta(days=days_ago),
            rank=number,
            title=title,
            arxiv_id=f"2607.{number:05}",
            url=f"https://arxiv.org/abs/2607.{number:05}",
            ai_keywords=named,
        )
        for number, title in enumerate(titles, start=first)
    ]
    with write_session(home.engine) as session:
        store_listings(session, listed, AT)


ROBOTS = ["Robots learn by imitation learning"] * 5 + ["Imitation learning of birdsong"]
MATTER = ["A model of dark matter"] * 30


def buttons(page: Seen, name: str) -> list[str]:
    return [found["value"] for tag, found in page.tags if tag == "button" and found.get("name") == name]


def test_a_preview_tells_how_each_keyword_was_understood(home: AppContext, browser: Browser) -> None:
    shelve(home, "A survey of graphs", "Graphs")
    page = Seen(browser.post("/", {"keywords": "graph ANDNOT survey\n-quantum"}).text)
    assert "title or abstract contains “graph”, but not “survey”" in page.text
    assert "no paper where title or abstract contains “quantum”" in page.text


@pytest.mark.parametrize("where", ["/", "/subscribe"])
def test_a_refused_form_tells_of_the_keywords_that_could_be_read(
    home: AppContext, browser: Browser, where: str
) -> None:
    shelve(home, "Graphs")
    answer = browser.post(where, {"keywords": 'graph\n"open', "email": "ada@example.org"})
    assert answer.status_code == 422
    assert "title or abstract contains “graph”1 paper" in "".join(Seen(answer.text).text.split("\n"))
    assert "unclosed quote" in answer.text


def test_without_a_paper_keywords_are_told_back_all_the_same(browser: Browser) -> None:
    page = Seen(browser.post("/", {"keywords": "graph"}).text)
    assert "title or abstract contains “graph”" in page.text
    assert "of everything" not in page.text


def test_saved_preferences_tell_how_they_were_understood(home: AppContext, browser: Browser) -> None:
    shelve(home, *MATTER, *ROBOTS)
    subscribe(home, "ada@example.org", Preferences(), [], AT)
    with read_session(home.engine) as session:
        nonce = session.exec(select(Subscriber)).one().nonce
    confirm(home, home.token_signer.sign(TokenPurpose.CONFIRM, nonce, AT), AT)
    link = f"/preferences/{home.token_signer.sign(TokenPurpose.PREFERENCES, nonce, AT)}"
    saved = Seen(browser.get(browser.post(link, {"keywords": "model\ntitle:graph"}).headers["location"]).text)
    assert "title contains “graph”" in saved.text
    assert "too broad: 83 % of everything" in saved.text
    assert "title contains" not in Seen(browser.get(link).text).text
    refused = Seen(browser.post(link, {"keywords": 'title:birds\n"open'}).text)
    assert "title contains “birds”" in refused.text


def test_a_keyword_that_finds_over_a_third_is_taken_with_a_warning_and_can_be_narrowed(
    home: AppContext, browser: Browser
) -> None:
    shelve(home, *MATTER, *["A model of turbulence"] * 5, *ROBOTS)
    assert browser.post("/subscribe", {"keywords": "model", "email": "ada@example.org"}).status_code == 303
    page = Seen(browser.post("/", {"keywords": "speech\nmodel"}).text)
    assert "too broad: 85 % of everything" in page.text
    assert buttons(page, "narrow") == ["model AND turbulence"]
    after = browser.post("/", {"keywords": "speech\nmodel", "narrow": "model AND turbulence"}).text
    assert "\nspeech\nmodel AND turbulence</textarea>" in after
    assert "of everything" not in after


def test_a_third_is_counted_over_the_last_thirty_list_days(home: AppContext, browser: Browser) -> None:
    for day in range(30):
        shelve(home, "Graphs" if day < 10 else "Birds", "Stones", first=1 + 2 * day, days_ago=day)
    shelve(home, *["Birds"] * 60, first=100, days_ago=30)
    said = Seen(browser.post("/", {"keywords": "bird\nstone"}).text).text
    assert said.count("of everything") == 1
    assert "too broad: 50 % of everything" in said


def test_too_few_papers_are_no_ground_for_a_warning(home: AppContext, browser: Browser) -> None:
    shelve(home, *MATTER[:29])
    assert "of everything" not in browser.post("/", {"keywords": "model"}).text


def test_a_button_adds_what_stands_in_the_same_papers(home: AppContext, browser: Browser) -> None:
    shelve(home, *MATTER, *ROBOTS)
    page = Seen(browser.post("/", {"keywords": "robot", "email": "ada@example.org"}).text)
    assert "Often in the same papers" in page.text
    button = page.one(name="add", value="imitation learning")
    assert (button["type"], button["formaction"]) == ("submit", "/")
    assert "formnovalidate" in button
    after = browser.post("/", {"keywords": "robot", "email": "ada@example.org", "add": button["value"]})
    assert "robot\nimitation learning</textarea>" in after.text
    assert Seen(after.text).one(id="email")["value"] == "ada@example.org"
    assert buttons(Seen(after.text), "add") == []


def test_an_empty_form_is_offered_what_is_frequent(home: AppContext, browser: Browser) -> None:
    shelve(home, *ROBOTS, *["Fine stones"] * 30)
    for page in (browser.get("/"), browser.post("/", {"keywords": " "})):
        assert "For example" in page.text
        assert buttons(Seen(page.text), "add") == ["imitation learning"]
    assert buttons(Seen(browser.get("/?keywords=graph").text), "add") == []


def test_what_is_offered_keeps_up_with_the_lists(home: AppContext, browser: Browser) -> None:
    shelve(home, *["Fine stones"] * 30)
    assert buttons(Seen(browser.get("/").text), "add") == []
    shelve(home, *ROBOTS, first=100)
    assert buttons(Seen(browser.get("/").text), "add") == ["imitation learning"]


def test_a_listings_own_keyword_becomes_no_markup(home: AppContext, browser: Browser) -> None:
    shelve(home, *["A robot <b>x</b> y"] * 6, named=("<b>x</b> y",))
    shelve(home, "<b>x</b> y", *MATTER, first=100)
    page = Seen(browser.post("/", {"keywords": "robot"}).text)
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


def test_the_help_page_has_every_row_and_both_forms_lead_to_it(home: AppContext, browser: Browser) -> None:
    page = Seen(browser.get("/help/keywords").text)
    for row in SYNTAX_EXAMPLES:
        assert row.purpose in page.text
        assert row.example in page.text
        assert row.meaning in page.text
    assert "100 keywords" in page.text
    headings = [tag for tag, found in page.tags if tag == "th" and "scope" in found]
    assert len(headings) == len(SYNTAX_EXAMPLES) + 3
    assert "/help/keywords" in Seen(browser.get("/").text).links
    for link in page.links:
        if link.startswith("/?keywords="):
            assert browser.get(link).status_code == 200


def test_how_many_keywords_a_reader_may_have_is_a_setting(sqlite_store: Engine, tmp_path: Path) -> None:
    browser = at_door(open_with(sqlite_store, tmp_path, most_keywords=2))
    form = {"keywords": "cats\ndogs", "email": "ada@example.org"}
    assert browser.post("/subscribe", form).status_code == 303
    answer = browser.post("/subscribe", form | {"keywords": "cats\ndogs\nfish"})
    assert answer.status_code == 422
    assert "At most 2 keywords, please; these are 3." in answer.text
    assert "2 keywords" in browser.get("/help/keywords").text
