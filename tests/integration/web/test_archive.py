"""The copy of a letter on the web: all its papers, for a set time, and no power over anybody's subscription."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery
from digest.planning import plan
from digest.rendering import DigestContext, PersonalLinks, digest_context, load_batch
from digest.subscribers import erase_by_email
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import Browser, Seen
from tests.support.contexts import ADA, Record, arrive, make_context, reader

NOW = datetime(2026, 7, 29, 8, tzinfo=UTC)
HOST = "http://digest.test"
DAY = timedelta(days=1)


@pytest.fixture
def at(sqlite_store: Engine) -> AppContext:
    made = make_context(sqlite_store, base_url=HOST, web_copy_days=7)
    reader(made, ADA, "robot", "protein", "-volcano", now=NOW, cap=3)
    arrive(made, NOW, *(f"Robot {n:03}" for n in range(60)))
    plan(made.engine, made.sender_domain, NOW)
    return made


def copy_of(at: AppContext) -> str:
    return at.signed_url(TokenPurpose.VIEW, str(Record(at.engine).letters(ADA)[-1].id), NOW).removeprefix(HOST)


def browse(at: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(create_app(at, clock=lambda: NOW + later, min_answer_seconds=0))


def words(at: AppContext) -> DigestContext:
    claimed = ClaimedDelivery.from_delivery(Record(at.engine).letters(ADA)[-1])
    with read_session(at.engine) as session:
        desk = load_batch(session, [claimed], NOW)
        return digest_context(at, desk, claimed)


def test_the_copy_has_all_papers_also_those_without_room_in_the_letter(at: AppContext) -> None:
    page = browse(at).get(copy_of(at))
    assert page.status_code == 200
    text = Seen(page.text).text
    assert all(f"Robot {n:03}" in text for n in range(60))
    assert "60 new papers match your keywords" in text
    assert "more papers on the web" not in text
    assert [each.get("role") for tag, each in Seen(page.text).tags if each.get("role") in {"main", "article"}] == [
        "main"
    ]


def test_the_copy_gives_nobody_power_over_the_subscription(at: AppContext) -> None:
    page, letter = browse(at).get(copy_of(at)), words(at)
    links = [link for link in Seen(page.text).links if link.startswith((HOST, "/"))]
    assert links == []
    for name in (field.name for field in fields(PersonalLinks)):
        address = getattr(letter.links, name)
        assert address, name  # the letter itself has it
        assert address.rpartition("/")[2] not in page.text
    assert Record(at.engine).of(ADA).nonce not in page.text
    assert ADA not in page.text
    assert "open the mail to change your keywords or to unsubscribe" in page.text


def test_the_token_of_the_copy_opens_no_other_page(at: AppContext) -> None:
    token = copy_of(at).rpartition("/")[2]
    for page in ("preferences", "unsubscribe", "mute", "never", "fewer", "pause", "return", "confirm"):
        tail = "/1" if page in {"mute", "never"} else ""
        assert browse(at).get(f"/{page}/{token}{tail}").status_code == 404
        assert browse(at).post(f"/{page}/{token}{tail}", {"answer": "yes"}).status_code == 404


def test_a_copy_is_put_away_after_its_days_and_the_page_says_so(at: AppContext) -> None:
    where = copy_of(at)
    assert browse(at, 7 * DAY).get(where).status_code == 200
    late = browse(at, 7 * DAY + timedelta(seconds=1))
    page = late.get(where)
    assert page.status_code == 410
    assert "Copies of letters can be looked at for 7 days." in page.text
    assert "Robot 000" not in page.text
    assert {"/papers", "/"} <= set(Seen(page.text).links)
    assert late.head(where).status_code == 410


def test_looking_is_private_and_head_answers_like_get(at: AppContext) -> None:
    for answer in (browse(at).get(copy_of(at)), browse(at).head(copy_of(at))):
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_copies_of_who_was_erased_are_gone_with_them(at: AppContext) -> None:
    where = copy_of(at)
    erase_by_email(at.engine, ADA)
    assert browse(at).get(where).status_code == 410
