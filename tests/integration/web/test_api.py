"""JSON API: the same queries as the pages, described, with problem details as errors."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.config import Settings
from digest.context import AppContext
from digest.database import write_session
from digest.subscribers import CONSENT_TEXT
from digest.tokens import TokenSigner
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import StoreView, make_context
from tests.support.factories import listing, paper


@pytest.fixture
def browser(sqlite_store: Engine, tmp_path: Path) -> Browser:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/digest.db", base_url="http://digest.test")
    with write_session(sqlite_store) as session:
        found = [paper(title=f"Robots {n}", url="javascript:alert(1)") for n in range(30)]
        session.add_all([*found, paper(title="Fine-tuning")])
        session.flush()
        session.add_all(listing(entry, list_day=TEST_TIME.date()) for entry in found[:2])
    home = AppContext(settings, sqlite_store, TokenSigner(["a key for tests"]))
    return Browser(create_app(home, clock=lambda: TEST_TIME, min_answer_seconds=0))


def test_a_search_can_be_paged_to_its_end(browser: Browser) -> None:
    first = browser.get("/api/v1/papers?q=robot").json()
    rest = browser.get("/api/v1/papers", params={"q": "robot", "page": first["next"]}).json()
    assert (len(first["papers"]), len(rest["papers"]), rest["next"]) == (25, 5, None)
    assert len({entry["id"] for entry in first["papers"] + rest["papers"]}) == 30
    assert first["papers"][0]["url"] is None


def test_a_day_and_a_keyword_can_be_combined(browser: Browser) -> None:
    response = browser.get("/api/v1/papers", params={"day": str(TEST_TIME.date()), "q": "robots ANDNOT 1"}).json()
    assert [entry["title"] for entry in response["papers"]] == ["Robots 0"]
    assert len(browser.get("/api/v1/papers", params={"day": str(TEST_TIME.date())}).json()["papers"]) == 2


def test_one_paper(browser: Browser) -> None:
    [found] = browser.get("/api/v1/papers?q=finetuning").json()["papers"]
    assert browser.get(f"/api/v1/papers/{found['id']}").json() == found


def test_a_keyword_is_explained(browser: Browser) -> None:
    body = browser.get("/api/v1/keywords/explain", params={"q": "fine tuning"}).json()
    assert body["meaning"] == "title or abstract contains “fine tuning”"
    assert body["canonical"] == browser.get("/api/v1/keywords/explain?q=Fine-Tunings").json()["canonical"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/papers/0", 404), ("/papers/999", 404), ("/papers/x", 404), ("/nothing", 404), ("/papers?q=a&page=x", 404)),
        *(("/papers", 422), ("/papers?day=soon", 422), ("/keywords/explain", 422), ("/papers?q=%22", 422)),
        ("/papers?q=" + "a" * 20_001, 422),
    ],
)
def test_errors_are_problem_details(browser: Browser, path: str, status: int) -> None:
    response = browser.get(f"/api/v1{path}")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["status"] == status


def test_an_error_in_a_keyword_has_a_position(browser: Browser) -> None:
    body = browser.get("/api/v1/keywords/explain", params={"q": "robots AND (arms"}).json()
    assert body["position"] == 12
    assert "parenthesis is not closed" in body["detail"]


def test_the_api_describes_itself(browser: Browser) -> None:
    body = browser.get("/api/v1/openapi.json").json()
    methods = {path: set(operations) for path, operations in body["paths"].items()}
    assert methods == {
        "/papers": {"get"},
        "/papers/{number}": {"get"},
        "/keywords/explain": {"get"},
        "/subscriptions": {"post"},
        "/marks": {"get"},
        "/marks/{kind}/{number}": {"put", "delete"},
        "/seeds": {"get", "post"},
        "/seeds/{key}": {"delete"},
        "/profile": {"get", "patch"},
    }
    assert browser.post("/api/v1/papers").status_code == 405
    assert browser.get("/api/v1/docs").status_code == 404
    assert "content-security-policy" in browser.get("/api/v1/papers?q=robot").headers


SUBSCRIPTION = {"email": "ada@example.org", "keywords": ["graph", "-survey"], "hour": 6, "agreed": True}


def test_a_subscription_by_the_api_must_be_confirmed(store: Engine) -> None:
    home = make_context(store)
    responses = set()
    browser = Browser(create_app(home, clock=lambda: TEST_TIME, min_answer_seconds=0.2))
    for email in ("ada@example.org", "ADA@example.org", "bob@example.org"):
        response = browser.post(
            "/api/v1/subscriptions",
            json={**SUBSCRIPTION, "email": email, "timezone": "Asia/Tokyo", "sources": ["arxiv"]},
        )
        assert response.elapsed >= timedelta(seconds=0.19)
        responses.add((response.status_code, response.content))
    [(status, body)] = responses
    assert (status, json.loads(body)["probably_meant"]) == (202, None)
    record = StoreView(store)
    ada = record.subscriber("ada@example.org")
    assert (ada.status, ada.send_hour, ada.timezone, ada.consent) == ("pending", 6, "Asia/Tokyo", CONSENT_TEXT)
    assert ada.sources == ["arxiv"]
    assert record.delivery_kinds("ada@example.org") == ["confirm"]


def test_the_api_suggests_a_correction_of_a_typo(browser: Browser) -> None:
    response = browser.post("/api/v1/subscriptions", json={**SUBSCRIPTION, "email": "ada@gmial.com"})
    assert (response.status_code, response.json()["probably_meant"]) == (202, "ada@gmail.com")


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"keywords": ["graph", '"open']}, ["keywords.1"]),
        ({"email": "ada@", "timezone": "Moon/Sea"}, ["email", "timezone"]),
        ({"hour": 24, "cap": 0}, ["hour", "cap"]),
        ({"sources": ["jacs"], "keywords": ["source:jacs"]}, ["keywords.0", "sources"]),
        ({"agreed": False}, ["agreed"]),
        ({"frequency": "hourly"}, ["frequency"]),
        ({"email": "a" * 600}, ["email"]),
    ],
)
def test_validation_errors_are_listed_by_field(browser: Browser, wrong: dict[str, object], fields: list[str]) -> None:
    response = browser.post("/api/v1/subscriptions", json={**SUBSCRIPTION, **wrong})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [error["field"] for error in response.json()["errors"]] == fields


def test_every_error_below_the_api_is_problem_details(sqlite_store: Engine) -> None:
    app = create_app(
        make_context(sqlite_store),
        clock=lambda: TEST_TIME,
        limits=FormLimits(subscribe=1, search=0),
        min_answer_seconds=0,
    )
    browser = Browser(app)
    responses = [
        browser.get("/api/nothing"),
        browser.get("/api/v1/papers?q=a"),
        browser.post("/api/v1/subscriptions", content=b"x" * 70_000),
        browser.post("/api/v1/subscriptions", content=b"no json", headers={"content-type": "application/json"}),
    ]
    assert [response.status_code for response in responses] == [429, 429, 413, 429]
    assert {response.headers["content-type"] for response in responses} == {"application/problem+json"}
    assert all(response.json()["status"] == response.status_code for response in responses)
    assert (
        Browser(create_app(make_context(sqlite_store), clock=lambda: TEST_TIME)).get("/api/nothing").json()["status"]
        == 404
    )


def test_a_wrong_method_is_answered_with_all_that_a_path_has(browser: Browser) -> None:
    answer = browser.send("DELETE", "/api/v1/profile")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH")
