"""The page "Papers like these", the learned words among the preferences, and the same by the JSON API."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import PaperMark, Profile, SeedText, TermCount, TermFit
from digest.subscribers import ProfileChange, add_seeds, edit_profile, parse_references
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.middleware import MAX_BODY_BYTES, MAX_UPLOAD_BODY_BYTES
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, BOB, add_active_subscriber, make_context, sign_token, store_papers

FOLDING = "Folding proteins with diffusion models of residues"
WORDS = ("protein", "folding", "diffusion", "residue", "lattice")
BIBTEX = (
    "@article{a, title={" + FOLDING + "}}\n@article{broken, title={\n"
    '@article{b, title={<script>alert(1)</script> on a "lattice" <img src=x>}, abstract={Of a lattice}}\n'
)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    ctx = make_context(sqlite_store, base_url="http://digest.test")
    store_papers(ctx, TEST_TIME, FOLDING)
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "neural", now=TEST_TIME)
    return ctx


@pytest.fixture
def fitted(ctx: AppContext) -> AppContext:
    with write_session(ctx.engine) as session:
        session.add_all(TermCount(term=word, label=word.title(), paper_count=3) for word in WORDS)
        session.add(TermFit(paper_count=1000, last_paper_id=1, fitted_at=TEST_TIME))
    return ctx


def browser_of(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))


def token_of(ctx: AppContext, email: str = ADA) -> str:
    return sign_token(ctx, email, TokenPurpose.PREFERENCES, TEST_TIME)


def learn(ctx: AppContext) -> None:
    add_seeds(ctx, token_of(ctx), parse_references(FOLDING), TEST_TIME)


def stored_profile(ctx: AppContext) -> Profile:
    with read_session(ctx.engine) as session:
        return session.exec(select(Profile)).one()


def form_of(page: str) -> dict[str, list[str]]:
    """Return the fields of the preferences form as a browser would send them."""
    fields: dict[str, list[str]] = {}
    for tag, attributes in ParsedPage(page).tags:
        is_off = attributes.get("type") in {"checkbox", "submit"} and "checked" not in attributes
        if tag == "input" and "name" in attributes and not is_off:
            fields.setdefault(attributes["name"], []).append(attributes.get("value", ""))
    return fields


def test_papers_are_pasted_uploaded_listed_and_removed(fitted: AppContext) -> None:
    browser, path = browser_of(fitted), f"/preferences/{token_of(fitted)}/papers"
    assert "No papers added yet" in browser.get(path).text
    pasted = browser.post(path, {"references": f"{FOLDING}\nhello\n1706.03762"})
    assert pasted.status_code == 200
    text = ParsedPage(pasted.text).text
    assert "2 papers were added. 1 entry could not be used." in text
    for line in ("Line 2", "Line 3", "Found among our papers.", "This is neither an identifier nor a title."):
        assert line in text
    files = {"file": ("library.bib", BIBTEX.encode(), "text/x-bibtex")}
    uploaded = browser.post(path, files=files)
    assert "1 paper was added. 1 was there before. 1 entry could not be used." in ParsedPage(uploaded.text).text
    assert "<script>alert" not in uploaded.text
    assert "<img" not in uploaded.text
    keys = [
        attributes["value"] for _, attributes in ParsedPage(uploaded.text).tags if attributes.get("name") == "remove"
    ]
    assert len(keys) == 3
    assert (
        browser.send("POST", f"/preferences/{token_of(fitted, BOB)}/papers", data={"remove": keys}).status_code == 303
    )
    assert browser.get(path).text.count('name="remove"') == 3
    removed = browser.send("POST", path, data={"remove": keys[:2]})
    assert removed.status_code == 303
    after = browser.get(removed.headers["location"])
    assert "2 papers were removed." in after.text
    assert after.text.count('name="remove"') == 1
    assert after.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"data": {"references": " "}}, "There is nothing in it."),
        ({"files": {"file": ("a.zip", b"PK\x03\x04", "application/zip")}}, "This file is compressed."),
        ({"files": {"file": ("a.json", b'[{"a":' * 9000, "application/json")}}, "nested too deeply"),
        ({"data": {"references": "<b>one</b>"}}, "This is XML."),
        (
            {"data": {"references": FOLDING}, "files": {"file": ("a.bib", BIBTEX.encode(), "text/plain")}},
            "one at a time. What you pasted is still here.",
        ),
    ],
)
def test_what_cannot_be_used_is_named_at_its_field(ctx: AppContext, options: dict[str, Any], words: str) -> None:
    response = browser_of(ctx).send("POST", f"/preferences/{token_of(ctx)}/papers", **options)
    assert response.status_code == 422
    assert words in response.text
    assert "<b>one" not in response.text
    with read_session(ctx.engine) as session:
        assert [*session.exec(select(PaperMark)), *session.exec(select(SeedText))] == []


def test_a_file_has_a_larger_limit_than_a_form_and_its_own_message(ctx: AppContext) -> None:
    browser, token = browser_of(ctx), token_of(ctx)
    bibtex = ("@comment{" + "x" * 2 * MAX_BODY_BYTES + "}\n" + BIBTEX).encode()
    accepted = browser.post(f"/preferences/{token}/papers", files={"file": ("a.bib", bibtex, "text/plain")})
    assert "2 papers were added." in accepted.text
    assert browser.post(f"/preferences/{token}", content=bibtex).status_code == 413
    for path in (f"/preferences/{token}/papers", "/api/v1/seeds"):
        refused = browser.post(path, content=b"x" * (MAX_UPLOAD_BODY_BYTES + 1))
        assert refused.status_code == 413
        assert "at most 1 MB" in refused.text


def test_words_are_shown_weighed_removed_added_and_restored(fitted: AppContext) -> None:
    learn(fitted)
    browser, path = browser_of(fitted), f"/preferences/{token_of(fitted)}"
    page = browser.get(path).text
    form = form_of(page)
    assert set(form["word"]) == {"protein", "folding", "diffusion", "residue"}
    assert form["close_papers"] == ["yes"]
    assert "Learned from 1 paper you saved" in page
    assert browser.send("POST", path, data=form).status_code == 303
    assert stored_profile(fitted).edits == {}
    assert stored_profile(fitted).in_digest is None, "what was not touched is no choice"
    place = form["word"].index("protein")
    form["weight"][place] = "40"
    assert (
        browser.send(
            "POST", path, data=form | {"strike": ["residue"], "new_words": ["Origami, protein design"]}
        ).status_code
        == 303
    )
    edits = stored_profile(fitted).edits
    assert edits == {"protein": 0.4, "residue": 0, "origami": 1, "protein design": 1}
    page = browser.get(path).text
    form = form_of(page)
    assert form["weight"][form["word"].index("protein")] == "40"
    assert "residue" not in form["word"]
    assert page.count("changed by you") == 3
    form.pop("close_papers")
    assert browser.send("POST", path, data=form | {"restore": ["residue"]}).status_code == 303
    assert stored_profile(fitted).edits == {word: weight for word, weight in edits.items() if weight}
    assert stored_profile(fitted).in_digest is False
    form = form_of(browser.get(path).text)
    assert "close_papers" not in form
    assert browser.send("POST", path, data=form | {"reset_words": "yes"}).status_code == 303
    assert stored_profile(fitted).edits == {}
    assert stored_profile(fitted).in_digest is False


def test_a_weight_or_word_that_is_none_is_refused_and_nothing_is_saved(fitted: AppContext) -> None:
    learn(fitted)
    browser, path = browser_of(fitted), f"/preferences/{token_of(fitted)}"
    form = form_of(browser.get(path).text)
    form["weight"][0] = "<b>101"
    response = browser.send(
        "POST", path, data=form | {"new_words": "one two three four", "cap": "7", "strike": [form["word"][1]]}
    )
    assert response.status_code == 422
    assert "is not a weight. Use a number from 0 to 100" in response.text
    assert "is not one or two words." in response.text
    assert "<b>101" not in response.text
    assert 'value="&lt;b&gt;101"' in response.text
    assert 'value="one two three four"' in response.text
    assert stored_profile(fitted).edits == {}


def test_a_form_without_the_section_changes_nothing_of_it(fitted: AppContext) -> None:
    learn(fitted)
    edit_profile(fitted, token_of(fitted), ProfileChange({"protein": 0.5}), TEST_TIME)
    before = stored_profile(fitted)
    browser, path = browser_of(fitted), f"/preferences/{token_of(fitted)}"
    assert browser.post(path, {"keywords": "robot"}).status_code == 303
    assert stored_profile(fitted) == before


def test_without_counted_words_the_page_says_so(ctx: AppContext) -> None:
    learn(ctx)
    browser, path = browser_of(ctx), f"/preferences/{token_of(ctx)}"
    assert "be learned here yet" in browser.get(path).text
    assert browser.post(path, {"keywords": "robot", "new_words": "origami"}).status_code == 303
    assert form_of(browser.get(path).text)["word"] == ["origami"]


def test_the_api_adds_lists_and_removes_examples(fitted: AppContext) -> None:
    browser = browser_of(fitted)
    headers = {"Authorization": f"Bearer {token_of(fitted)}"}
    added = browser.post("/api/v1/seeds", headers=headers, json={"references": f"{FOLDING}\nhello"})
    assert added.status_code == 200
    report = added.json()
    assert (report["format"], report["added"]) == ("lines", 1)
    assert [(outcome["place"], outcome["status"]) for outcome in report["outcomes"]] == [(1, "found"), (2, "unusable")]
    listed = browser.get("/api/v1/seeds", headers=headers)
    assert listed.headers["cache-control"] == "no-store"
    (seed,) = listed.json()["seeds"]
    assert seed["title"] == FOLDING
    other = {"Authorization": f"Bearer {token_of(fitted, BOB)}"}
    assert browser.send("DELETE", f"/api/v1/seeds/{seed['key']}", headers=other).status_code == 404
    assert browser.send("DELETE", f"/api/v1/seeds/{seed['key']}", headers=headers).status_code == 204
    assert browser.get("/api/v1/seeds", headers=headers).json() == {"seeds": []}
    invalid = browser.post("/api/v1/seeds", headers=headers, json={"references": "[{"})
    assert invalid.status_code == 422
    assert "CSL-JSON" in invalid.json()["detail"]


def test_the_api_shows_and_edits_the_words(fitted: AppContext) -> None:
    learn(fitted)
    browser = browser_of(fitted)
    headers = {"Authorization": f"Bearer {token_of(fitted)}"}
    profile = browser.get("/api/v1/profile", headers=headers).json()
    assert {word["word"] for word in profile["words"]} == {"protein", "folding", "diffusion", "residue"}
    assert (profile["learned_from"], profile["is_fitted"], profile["in_digest"]) == (1, True, True)
    change = {"weights": {"Proteins": 0.25, "residue": 0}, "add": ["origami"]}
    edited = browser.send("PATCH", "/api/v1/profile", headers=headers, json=change).json()
    weights = {word["word"]: word["weight"] for word in edited["words"]}
    assert (weights["protein"], weights["origami"]) == (0.25, 1.0)
    assert [word["word"] for word in edited["removed"]] == ["residue"]
    bodies: tuple[dict[str, Any], ...] = ({"weights": {"protein": 2}}, {"add": ["one two three four"]}, {"adds": []})
    for body in bodies:
        refused = browser.send("PATCH", "/api/v1/profile", headers=headers, json=body)
        assert refused.status_code == 422, body
        assert refused.json()["detail"]
    assert browser.get("/api/v1/profile", headers=headers).json() == edited


@pytest.mark.parametrize("purpose", [None, *TokenPurpose])
def test_the_api_takes_a_preferences_token_and_no_other(ctx: AppContext, purpose: TokenPurpose | None) -> None:
    token = "guess.1.x" if purpose is None else sign_token(ctx, ADA, purpose, TEST_TIME)
    expected, browser = 200 if purpose == TokenPurpose.PREFERENCES else 401, browser_of(ctx)
    for value in (f"Bearer {token}", f"bearer {token}"):
        assert browser.get("/api/v1/profile", headers={"Authorization": value}).status_code == expected
    refused = browser.get("/api/v1/profile", headers={"Authorization": f"Basic {token}"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert browser.get("/api/v1/seeds").status_code == 401


def test_the_api_describes_its_key_and_operations(ctx: AppContext) -> None:
    description = json.loads(browser_of(ctx).get("/api/v1/openapi.json").text)
    assert description["components"]["securitySchemes"]["PreferencesToken"]["scheme"] == "bearer"
    assert {"get", "post"} <= description["paths"]["/seeds"].keys()
    assert {"get", "patch"} <= description["paths"]["/profile"].keys()
    for method in ("get", "patch"):
        operation = description["paths"]["/profile"][method]
        assert operation["security"] == [{"PreferencesToken": []}]
        assert "401" in operation["responses"]
