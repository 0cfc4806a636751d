"""Pages where papers are marked: the link of one mark, the papers of a digest, saved papers."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState, MarkKind, Paper, PaperMark
from digest.subscribers import unsubscribe
from digest.tokens import MARK_KINDS, TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import (
    ADA,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    sign_digest_token,
    sign_mark,
    sign_token,
    store_papers,
)

DAY = timedelta(days=1)
HOSTILE_TITLE = "Robots & <img src=x onerror=alert(1)> \"'"


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url="http://digest.test")
    add_active_subscriber(made, ADA, "robot", "graph", now=TEST_TIME - DAY)
    robot, _ = store_papers(made, TEST_TIME, "A robot", "A graph")
    with write_session(made.engine) as session:
        paper = session.get_one(Paper, robot)
        paper.authors, paper.title = ["Ada Example", "Ben van der Example"], HOSTILE_TITLE
    plan_digests(made, TEST_TIME)
    return made


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(other=1000), min_answer_seconds=0))


def stored_marks(ctx: AppContext) -> set[tuple[int, str]]:
    with read_session(ctx.engine) as session:
        return {(row.paper_id, row.kind) for row in session.exec(select(PaperMark)).all()}


def digest_of_ada(ctx: AppContext) -> Delivery:
    (delivery,) = StoreView(ctx.engine).deliveries(ADA)
    return delivery


def own_paths(ctx: AppContext) -> dict[str, str]:
    """Return the pages of Ada where papers are marked, by name."""
    saved = f"/saved/{sign_token(ctx, ADA, TokenPurpose.SAVED, TEST_TIME)}"
    digest = f"/marks/{sign_digest_token(ctx, digest_of_ada(ctx), TokenPurpose.MARKS)}"
    return {"digest": digest, "saved": saved, "paper": f"{saved}/papers/1"}


def buttons(html: str) -> dict[str, dict[str, str]]:
    """Return the form data of each button of a page, by its accessible name or `undo`."""
    found = {}
    for tag, attributes in ParsedPage(html).tags:
        if tag == "button" and attributes.get("name"):
            name = "undo" if attributes["name"] == "undo" else attributes.get("aria-label", attributes["value"])
            found[name.partition(":")[0]] = {attributes["name"]: attributes["value"]}
    return found


@pytest.mark.parametrize("kind", MARK_KINDS)
def test_a_get_marks_nothing_one_button_does_and_another_undoes_it(
    ctx: AppContext, browser: Browser, kind: str
) -> None:
    path = f"/mark/{sign_mark(ctx, ADA, 1, kind, TEST_TIME)}"
    for _ in range(2):
        browser.head(path)
        page = browser.get(path)
    assert (page.status_code, stored_marks(ctx)) == (200, set())
    assert "/saved/" not in page.text  # a link that was only opened leads to no other mark
    seen = ParsedPage(page.text)
    before = next(a["value"] for tag, a in seen.tags if tag == "input" and a.get("name") == "before")
    first = browser.post(path, {"before": before, "answer": "yes"})
    second = browser.post(path, {"before": before, "answer": "yes"})
    assert stored_marks(ctx) == {(1, kind)}
    again = browser.get(path)
    assert "lready" in again.text
    for given in (first, second):
        assert given.status_code == 200
        assert browser.post(path, buttons(given.text)["undo"]).status_code == 200
        assert stored_marks(ctx) == set()
        browser.post(path, {"answer": "yes"})
    removed = browser.post(path, buttons(again.text)["remove"])
    assert stored_marks(ctx) == set()
    browser.post(path, buttons(removed.text)["undo"])
    assert stored_marks(ctx) == {(1, kind)}


def test_less_like_this_offers_to_mute_the_keyword_or_to_hide_an_author(ctx: AppContext, browser: Browser) -> None:
    page = browser.get(f"/mark/{sign_mark(ctx, ADA, 1, 'less', TEST_TIME)}")
    seen = ParsedPage(page.text)
    (mute,) = [a["action"] for tag, a in seen.tags if tag == "form" and a.get("action", "").startswith("/mute/")]
    (hide,) = [link for link in seen.links if link.startswith("/never/")]
    assert "Ada Example and Ben van der Example" in seen.text
    assert browser.get(hide).status_code == 200
    assert StoreView(ctx.engine).keywords(ADA) == [("robot", False), ("graph", False)]
    answer = browser.post(mute, {"answer": "yes"})
    assert StoreView(ctx.engine).keywords(ADA) == [("robot", True), ("graph", False)]
    browser.post(mute, buttons(answer.text)["undo"])
    assert StoreView(ctx.engine).keywords(ADA) == [("robot", False), ("graph", False)]
    for other in ("more", "saved"):
        assert "/mute/" not in browser.get(f"/mark/{sign_mark(ctx, ADA, 1, other, TEST_TIME)}").text


@pytest.mark.parametrize("name", ["digest", "saved", "paper"])
def test_each_page_of_a_subscriber_sets_removes_and_undoes(ctx: AppContext, browser: Browser, name: str) -> None:
    path = own_paths(ctx)[name]
    browser.post(f"/mark/{sign_mark(ctx, ADA, 1, 'saved', TEST_TIME)}", {"answer": "yes"})
    page = browser.get(path)
    assert (page.status_code, stored_marks(ctx)) == (200, {(1, "saved")})
    browser.post(path, {"mark": "more:1"})
    response = browser.post(path, {"mark": "less:1"})
    assert stored_marks(ctx) == {(1, "saved"), (1, "less")}
    assert "fewer papers like this" in response.text
    browser.post(path, buttons(response.text)["undo"])
    assert stored_marks(ctx) == {(1, "saved"), (1, "more")}
    removed = browser.post(path, {"unmark": "saved:1"})
    assert stored_marks(ctx) == {(1, "more")}
    assert "Removed from your saved papers" in removed.text
    assert "Undone" in browser.post(path, buttons(removed.text)["undo"]).text
    assert stored_marks(ctx) == {(1, "saved"), (1, "more")}


@pytest.mark.parametrize("name", ["digest", "saved", "paper"])
def test_a_form_that_says_nothing_changes_nothing(ctx: AppContext, browser: Browser, name: str) -> None:
    marks = ("", "seed:1", "more:-1", "more:1 ", "more:\u0661")
    forms: tuple[dict[str, str], ...] = ({}, {"x": "y"}, *({"mark": mark} for mark in marks))
    for form in forms:
        assert browser.post(own_paths(ctx)[name], form).status_code == 200, form
        assert stored_marks(ctx) == set(), form


def test_the_page_of_a_digest_has_all_its_papers_and_text_from_outside_is_escaped(
    ctx: AppContext, browser: Browser
) -> None:
    page = browser.get(own_paths(ctx)["digest"])
    assert page.text.count('<li class="card"') == len(digest_of_ada(ctx).papers) == 2
    for path in (*own_paths(ctx).values(), f"/mark/{sign_mark(ctx, ADA, 1, 'less', TEST_TIME)}"):
        shown = browser.get(path)
        assert "<img src=x" not in shown.text
    assert "onerror" in page.text


def test_saved_papers_are_listed_by_kind_and_exported_in_three_formats(ctx: AppContext, browser: Browser) -> None:
    saved = own_paths(ctx)["saved"]
    assert "No saved papers yet" in browser.get(saved).text
    for button in ("saved:1", "saved:2", "less:2"):
        browser.post(saved, {"mark": button})
    page = browser.get(saved)
    assert page.text.count('<li class="card"') == 2
    assert re.findall(r"<small>(\d+)</small>", page.text) == ["2", "0", "1"]
    assert "Saved, " in page.text
    assert browser.get(f"{saved}?list=less").text.count('<li class="card"') == 1
    for wrong in ("?list=seed", "?list=x", "?page=2", "?page=x", "/papers.txt", "/papers/0", "/papers/3x"):
        assert browser.get(f"{saved}{wrong}").status_code in {404, 422}, wrong
    bib, ris, csl = (browser.get(f"{saved}/papers.{kind}") for kind in ("bib", "ris", "json"))
    assert (bib.text.count("@misc{"), ris.text.count("TY  - ")) == (2, 2)
    items = json.loads(csl.text)
    assert csl.headers["content-type"].startswith("application/vnd.citationstyles.csl+json")
    assert csl.headers["content-disposition"] == 'attachment; filename="saved-papers.json"'
    robot = next(item for item in items if "Robots" in item["title"])
    assert robot["title"] == HOSTILE_TITLE
    assert robot["author"] == [{"family": "Example", "given": "Ada"}, {"family": "van der Example", "given": "Ben"}]
    assert len({item["id"] for item in items}) == 2
    assert robot["DOI"] == "10.1000/a-robot"


def test_after_the_end_saved_papers_can_be_taken_along(ctx: AppContext, browser: Browser) -> None:
    saved = own_paths(ctx)["saved"]
    browser.post(saved, {"mark": "saved:1"})
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    page = browser.get(saved)
    assert (page.status_code, buttons(page.text)) == (200, {})
    assert "@misc{" in browser.get(f"{saved}/papers.bib").text
    assert browser.post(saved, {"unmark": "saved:1"}).status_code == 410
    assert stored_marks(ctx) == {(1, MarkKind.SAVED)}


def test_the_page_to_unsubscribe_offers_to_mute_the_keyword_that_brings_most(ctx: AppContext, browser: Browser) -> None:
    path = f"/unsubscribe/{sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME)}"
    assert "Mute keyword" not in browser.get(path).text  # nothing was sent yet
    store_papers(ctx, TEST_TIME, *(f"Robot {n}" for n in range(3)))
    plan_digests(ctx, TEST_TIME + DAY)
    StoreView(ctx.engine).set_state(DeliveryState.SENT)
    page = browser.get(path)
    assert "robot</mark> brought 4 of your last 5 papers." in page.text
    (mute,) = [
        a["action"] for tag, a in ParsedPage(page.text).tags if tag == "form" and "/mute/" in a.get("action", "")
    ]
    answer = browser.post(mute, {"answer": "yes"})
    assert StoreView(ctx.engine).keywords(ADA) == [("robot", True), ("graph", False)]
    assert "Mute keyword" not in browser.get(path).text  # the other one is the only one that is left
    browser.post(mute, buttons(answer.text)["undo"])
    assert StoreView(ctx.engine).keywords(ADA) == [("robot", False), ("graph", False)]


def test_the_account_leads_to_saved_papers_and_the_data_of_a_subscriber_has_them(
    ctx: AppContext, browser: Browser
) -> None:
    browser.post(own_paths(ctx)["saved"], {"mark": "saved:1"})
    preferences = f"/preferences/{sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)}"
    for path in (preferences, f"{preferences}/history"):
        (link,) = [link for link in ParsedPage(browser.get(path).text).links if link.startswith("/saved/")]
        assert HOSTILE_TITLE[:6] in browser.get(link).text
    (mark,) = browser.get(f"{preferences}/export.json").json()["marks"]
    assert (mark["paper_id"], mark["kind"], mark["title"]) == (1, "saved", HOSTILE_TITLE)
    browser.post(f"{preferences}/erase", {"answer": "yes"})
    assert stored_marks(ctx) == set()
    assert browser.get(link).status_code == 410


def test_marks_are_listed_set_and_removed_by_the_api(ctx: AppContext, browser: Browser) -> None:
    headers = {"Authorization": f"Bearer {sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)}"}

    def send(method: str, path: str, headers: dict[str, str] = headers) -> tuple[int, Any]:
        response = browser.send(method, f"/api/v1/marks{path}", headers=headers)
        return response.status_code, response.json()

    for kind, expected in (("saved", {"saved"}), ("more", {"saved", "more"}), ("less", {"saved", "less"})):
        for _ in range(2):
            status, mark = send("PUT", f"/{kind}/1")
            assert (status, mark["paper_id"], {*mark["marks"]}) == (200, 1, expected)
    _, listed = send("GET", "?kind=less")
    assert ([mark["title"] for mark in listed["marks"]], listed["total"]) == ([HOSTILE_TITLE], 1)
    assert listed["counts"] == {"saved": 1, "more": 0, "less": 1, "seed": 0}
    assert [send("DELETE", "/saved/1")[1]["marks"].keys() for _ in range(2)] == [{"less"}, {"less"}]
    assert stored_marks(ctx) == {(1, "less")}
    wrong = ("/seed/1", "/saved/0", "/saved/x", "/saved/99", "/saved/" + "9" * 30, "/Saved/1")
    assert {send("PUT", path)[0] for path in wrong} == {404, 422}
    assert {send("GET", query)[0] for query in ("?kind=seed", "?limit=0", "?limit=501", "?offset=-1")} == {422}
    saved = sign_token(ctx, ADA, TokenPurpose.SAVED, TEST_TIME)
    for stranger in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {saved}"}):
        assert {send(method, "/saved/1", stranger)[0] for method in ("PUT", "DELETE")} == {401}
        assert send("GET", "", stranger)[0] == 401
    assert stored_marks(ctx) == {(1, "less")}
    unsubscribe(ctx, sign_token(ctx, ADA, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    assert send("PUT", "/saved/1")[0] in {401, 409}
    assert stored_marks(ctx) == {(1, "less")}
