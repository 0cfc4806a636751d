"""Templates of an operator, by the commands: copied, checked, used, and faults found before the service starts."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery
from digest.rendering import copy_templates, load_batch, prepare_email, template_names
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser
from tests.support.command import Command
from tests.support.contexts import ADA, make_context, store_papers

TYPO = '{% extends "base.html" %}\n{% block main %}{{ produkt }}{% endblock %}\n'


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_templates_are_copied_checked_and_a_fault_stops_what_would_use_them(command: Command) -> None:
    shown = command.run("templates", "copy", "own", "web/sent.html")
    assert shown.stdout == "1 template copied. Change them, then: digest templates check own\n"
    assert "is there already and was kept" in command.run("templates", "copy", "own", "web/sent.html").stderr
    assert "Did you mean web/sent.html?" in command.run("templates", "copy", "own", "web/snt.html", status=2).stderr
    assert command.run("templates", "check", "own").stdout == "1 template without a fault.\n"
    assert "DIGEST_TEMPLATES is empty" in command.run("templates", "check", status=2).stderr
    (command.folder / "own" / "web" / "sent.html").write_text(TYPO)
    command.environment |= {"DIGEST_TEMPLATES": "own", "DIGEST_CONTACT": "tests@example.org"}
    line = "own/web/sent.html:2: there is no variable 'produkt' here"
    assert command.run("templates", "check", status=1).stderr.startswith(f"digest: {line}")
    (fault,) = command.json("templates", "check", status=1)
    assert (fault["file"], fault["line"], fault["is_warning"]) == ("own/web/sent.html", 2, False)
    for words in (("run",), ("serve",)):
        stopped = command.run(*words, status=2).stderr
        assert stopped.startswith(f"digest: {line}")
        assert "Nothing was started." in stopped
    assert f"FIX  templates: {line}" in command.run("doctor", status=1).stdout
    command.environment["DIGEST_TEMPLATES"] = "nowhere"
    assert "DIGEST_TEMPLATES: nowhere is not a folder" in command.run("subscribers", "list", status=2).stderr


def test_own_templates_go_before_ours_in_emails_and_on_pages(sqlite_store: Engine, tmp_path: Path) -> None:
    copy_templates(tmp_path, template_names(), overwrites=False)  # all of them, so that all run in the sandbox
    (tmp_path / "mail" / "confirm-subject.txt").write_text("Ahoy from {{ product }}\n")
    base = tmp_path / "web" / "base.html"
    base.write_text(base.read_text().replace("</footer>", "Ahoy from the lab</footer>"))
    page = '{% extends "ours/privacy.html" %}{% block title %}Ahoy: {{ super() }}{% endblock %}'
    (tmp_path / "web" / "privacy.html").write_text(page)
    ctx = make_context(sqlite_store, templates=str(tmp_path), operator_token="x" * 20)
    store_papers(ctx, TEST_TIME, "A robot")
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0))
    for path in ("/", "/papers", "/papers/1", "/privacy", "/nothing", "/preview?keywords=robot", "/operator/login"):
        response = browser.get(path)
        assert response.status_code in {200, 404}, path
        assert ("Ahoy from the lab" in response.text) == (not path.startswith(("/preview", "/operator"))), path
    assert "<title>Ahoy: " in browser.get("/privacy").text
    assert browser.post("/subscribe", {"email": ADA, "keywords": "robot"}).status_code == 303
    with read_session(sqlite_store) as session:
        (delivery,) = [ClaimedDelivery.from_delivery(row) for row in session.exec(select(Delivery))]
        email = prepare_email(ctx, load_batch(session, [delivery], TEST_TIME), delivery, TEST_TIME).build_content()
    assert email.subject == "Ahoy from Paper Digest"
