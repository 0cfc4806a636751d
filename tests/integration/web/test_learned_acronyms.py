"""A learned acronym is known wherever keywords are read."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session, write_session
from digest.database.models import AcronymCount, Keyword
from digest.subscribers import import_csv, parse_keywords_or_raise
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.command import Command
from tests.support.contexts import ADA, add_active_subscriber, make_context, sign_token, store_papers

TITLE = "Federated learning at home"


@pytest.fixture
def learned_store(sqlite_store: Engine) -> Engine:
    with write_session(sqlite_store) as session:
        row = AcronymCount(short="fl", long="federated learning", papers=20, last_paper_id=1, is_learned=True)
        session.add(row)
    return sqlite_store


def test_pages_interface_table_and_commands_read_keywords_with_it(learned_store: Engine, tmp_path: Path) -> None:
    ctx = make_context(learned_store)
    store_papers(ctx, TEST_TIME, TITLE)
    limits = FormLimits(subscribe=1000, other=1000)
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, limits=limits, min_answer_seconds=0))
    page = ParsedPage(browser.post("/", {"keywords": "FL"}).text)
    assert TITLE in page.text
    assert "also matches “federated learning”" in page.text
    assert TITLE in ParsedPage(browser.get("/papers", params={"q": "FL"}).text).text
    assert [row["title"] for row in browser.get("/api/v1/papers", params={"q": "FL"}).json()["papers"]] == [TITLE]

    browser.post("/subscribe", {"email": "bob@example.org", "keywords": "FL 1"})
    response = browser.post(
        "/api/v1/subscriptions", json={"email": "eve@example.org", "keywords": ["FL 2"], "agreed": True}
    )
    assert response.is_success, response.text
    (tmp_path / "people.csv").write_text("email,keywords\nlin@example.org,FL 3\n")
    import_csv(ctx, tmp_path / "people.csv", TEST_TIME, confirmed=True, strict=False)
    add_active_subscriber(ctx, ADA, "graph", now=TEST_TIME)
    token = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    browser.post(f"/preferences/{token}", {"keywords": "FL 4"})
    assert "also matches “federated learning 4”" in ParsedPage(browser.get(f"/preferences/{token}").text).text
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": ctx.settings.database_url})
    command.run("subscribers", "add", "moe@example.org", "-k", "FL 5", "--confirmed")
    assert TITLE in command.run("match", "FL").stdout

    with read_session(learned_store) as session:
        stored = {canonical for canonical in session.exec(select(Keyword.canonical)) if canonical != "graph"}
    assert len(stored) == 5
    assert all("≡" in canonical for canonical in stored), stored
    assert parse_keywords_or_raise(["FL 1"])[0].canonical not in stored
