"""The pages as a person meets them, on a real store: what each says, what each does, what none gives away."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.papers import store_listings
from digest.planning import plan
from digest.sources import ListedPaper
from digest.subscribers import (
    Preferences,
    confirm,
    get_profile,
    parse_keywords,
    subscribe,
    suspend,
    unsubscribe,
    update_preferences,
)
from digest.tokens import TokenPurpose, TokenSigner
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.conftest import Connect
from tests.support.browser import AT, Browser, Seen

TODAY = AT.date()
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FORM = {"keywords": "graph\nworld model", "email": "ada@example.org"}
HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "cache-control",
}


@pytest.fixture
def home(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    return AppContext(settings(tmp_path), sqlite_store, TokenSigner(["a key for tests"]))


def settings(folder: Path, **given: str) -> Settings:
    chosen: dict[str, Any] = {"database_url": f"sqlite:///{folder}/digest.db", "base_url": "http://digest.test"}
    return Settings(_env_file=None, **chosen | given)


@pytest.fixture
def browser(home: AppContext) -> Browser:
    return open_at(home)


def open_at(home: AppContext, now: datetime = AT, pace: FormLimits | None = None) -> Browser:
    return Browser(
        create_app(home, clock=lambda: now, limits=pace or FormLimits(subscribe=1000, other=1000), min_answer_seconds=0)
    )


def shelve(home: AppContext, listed: Sequence[ListedPaper]) -> None:
    with write_session(home.engine) as session:
        store_listings(session, listed, AT)


def listed(number: int = 1, **given: Any) -> ListedPaper:
    usual: dict[str, Any] = {
        "source": "huggingface",
        "list_day": TODAY,
        "rank": number,
        "title": f"Paper {number} on graphs",
        "abstract": "A graph is looked at. Then another.",
        "authors": ("Ada Example", "Ben Example"),
        "arxiv_id": f"2607.{number:05}",
        "url": f"https://arxiv.org/abs/2607.{number:05}",
        "upvotes": 1000 - number,
    }
    return ListedPaper(**usual | given)


def subscribed(home: AppContext, mail: str = "ada@example.org", *, confirmed: bool = True) -> Subscriber:
    saved, _ = parse_keywords(["graph", "world model"])
    subscribe(home, mail, Preferences(), saved, AT)
    with read_session(home.engine) as session:
        found = session.exec(select(Subscriber).where(Subscriber.email == mail)).one()
    if confirmed:
        confirm(home, home.token_signer.sign(TokenPurpose.CONFIRM, found.nonce, AT), AT)
    return found


def path(home: AppContext, purpose: TokenPurpose, of: Subscriber, issued: datetime = AT) -> str:
    return home.signed_url(purpose, of.nonce, issued).removeprefix("http://digest.test")


def state(home: AppContext, mail: str = "ada@example.org") -> str:
    with read_session(home.engine) as session:
        return session.exec(select(Subscriber).where(Subscriber.email == mail)).one().status


def letters(home: AppContext) -> list[str]:
    with read_session(home.engine) as session:
        return [each.kind for each in session.exec(select(Delivery).order_by(text("id"))).all()]


def dump(home: AppContext) -> list[str]:
    with home.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        return list(raw.iterdump())


def kept(home: AppContext) -> list[str]:
    """All but the counts of what was sent, which every form adds to."""
    return [line for line in dump(home) if not line.startswith('INSERT INTO "allowance"')]


# --- subscribing


def test_a_subscription_is_noted_and_its_letter_queued(home: AppContext, browser: Browser) -> None:
    answer = browser.post(
        "/subscribe",
        {**FORM, "frequency": "weekdays", "hour": "6", "timezone": "Asia/Tokyo", "cap": "7", "trending": "yes"}
        | {"summaries": "yes"},
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/sent")
    with read_session(home.engine) as session:
        found = session.exec(select(Subscriber)).one()
    assert (found.status, found.frequency, found.send_hour, found.timezone, found.cap, found.trending) == (
        SubscriberStatus.PENDING,
        "weekdays",
        6,
        "Asia/Tokyo",
        7,
        True,
    )
    assert found.summaries
    assert letters(home) == ["confirm"]
    assert "ada" not in browser.get("/sent").text


def test_without_keywords_a_reader_is_welcome_too(home: AppContext, browser: Browser) -> None:
    assert browser.post("/subscribe", {"email": "ada@example.org"}).status_code == 303
    assert state(home) == SubscriberStatus.PENDING


def test_the_answer_is_the_same_whatever_the_addresss_state(home: AppContext, browser: Browser) -> None:
    subscribed(home, "pending@example.org", confirmed=False)
    subscribed(home, "active@example.org")
    left = subscribed(home, "left@example.org")
    unsubscribe(home, home.token_signer.sign(TokenPurpose.UNSUBSCRIBE, left.nonce, AT), AT)
    complained = subscribed(home, "complained@example.org")
    with write_session(home.engine) as session:
        row = session.get_one(Subscriber, complained.id)
        row.status, row.reason = SubscriberStatus.SUPPRESSED, "complaint: abuse"
    answers = {
        (answer.status_code, answer.content, str(sorted(answer.headers.items())))
        for name in ("new", "pending", "active", "left", "complained")
        for answer in [browser.post("/subscribe", {**FORM, "email": f"{name}@example.org"})]
    }
    assert len(answers) == 1
    assert state(home, "complained@example.org") == SubscriberStatus.SUPPRESSED


def test_an_answer_takes_its_time_whatever_the_addresss_state(home: AppContext) -> None:
    browser = Browser(create_app(home, clock=lambda: AT, min_answer_seconds=0.25))
    assert browser.post("/subscribe", FORM).elapsed >= timedelta(seconds=0.24)
    assert browser.post("/subscribe", {**FORM, "website": "http://spam"}).elapsed >= timedelta(seconds=0.24)


def test_who_fills_in_the_hidden_field_is_answered_and_ignored(home: AppContext, browser: Browser) -> None:
    before = kept(home)
    answer = browser.post("/subscribe", {**FORM, "website": "https://spam.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sent")
    assert kept(home) == before


def test_a_bad_form_comes_back_as_it_was_typed_with_every_fault_linked(home: AppContext, browser: Browser) -> None:
    before = kept(home)
    answer = browser.post("/subscribe", {"keywords": 'graph\n"open', "email": "ada@", "cap": "500", "hour": "5"})
    page = Seen(answer.text)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert 'Line 2, “"open”: unclosed quote' in page.text
    assert [link for link in page.links if link.startswith("#") and link not in {"#main", "#beside"}] == [
        *("#keywords", "#email", "#cap")
    ]
    for field in ("keywords", "email", "cap"):
        shown = page.one(id=field)
        assert shown["aria-invalid"] == "true"
        assert page.one(id=f"{field}-fault")
        assert f"{field}-fault" in shown["aria-describedby"]
    assert page.one(id="email")["value"] == "ada@"
    assert page.one(id="cap")["value"] == "500"
    assert "graph\n&#34;open</textarea>" in answer.text
    assert re.search(r'<option value="5" selected>', answer.text)
    assert kept(home) == before


def test_every_field_has_a_label_and_every_id_is_there_once(browser: Browser) -> None:
    page = Seen(browser.get("/").text)
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    labelled = {found["for"] for tag, found in page.tags if tag == "label" and "for" in found}
    fields = {found["id"] for tag, found in page.tags if tag in {"input", "select", "textarea"} and "id" in found}
    assert fields == labelled
    assert page.one(lang="en")


def test_a_deep_link_fills_in_the_keywords_and_does_no_more(home: AppContext, browser: Browser) -> None:
    before = dump(home)
    answer = browser.get("/", params={"keywords": f"graph\n{EVIL}"})
    assert "graph\n&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert dump(home) == before


def test_an_empty_shelf_is_said_kindly(browser: Browser) -> None:
    assert "Nothing on the shelf yet" in browser.get("/").text
    assert browser.get("/papers").status_code == 200


def test_the_latest_papers_stand_beside_the_form(home: AppContext, browser: Browser) -> None:
    shelve(home, [listed(n) for n in range(1, 9)])
    page = Seen(browser.get("/").text)
    assert "On the list of Friday 31 July" in page.text
    assert "Paper 6 on graphs" in page.text
    assert "Paper 7 on graphs" not in page.text
    assert "/papers" in page.links


def test_a_preview_shows_what_would_have_come_and_keeps_nothing(home: AppContext, browser: Browser) -> None:
    shelve(home, [listed(1), listed(2, title="Speech", abstract="Of sounds.")])
    before = kept(home)
    answer = browser.post("/", {"keywords": "graphs\nquantum", "email": "ada@example.org", "cap": "nonsense"})
    assert answer.status_code == 200
    assert "1 paper of the last 2 would have come" in Seen(answer.text).text
    assert '<mark class="k0">graphs</mark>' in answer.text
    assert "none lately" in answer.text
    assert ">Speech<" not in answer.text
    assert Seen(answer.text).one(id="email")["value"] == "ada@example.org"
    assert kept(home) == before


def test_a_preview_of_an_unreadable_keyword_says_so(browser: Browser) -> None:
    answer = browser.post("/", {"keywords": '"open'})
    assert answer.status_code == 422
    assert "unclosed quote" in answer.text


# --- the links in letters


def test_confirming_takes_one_button_and_a_second_click_is_answered_kindly(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.CONFIRM, subscribed(home, confirmed=False))
    page = browser.get(link)
    assert (page.status_code, state(home)) == (200, SubscriberStatus.PENDING)
    assert "ada@example.org" in page.text
    assert '<mark class="k1" dir="auto">world model</mark>' in page.text
    assert "The papers will come" in browser.post(link).text
    assert state(home) == SubscriberStatus.ACTIVE
    for again in (browser.post(link), browser.get(link)):
        assert again.status_code == 200
        assert "All is set already" in again.text
    assert letters(home) == ["confirm", "welcome"]


def test_who_says_no_hears_nothing_more(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.CONFIRM, subscribed(home, confirmed=False))
    assert "Nothing will be sent" in browser.post(link, {"answer": "no"}).text
    assert state(home) == SubscriberStatus.UNSUBSCRIBED
    assert browser.get(link).status_code == browser.post(link).status_code == 410


def test_a_running_subscription_does_not_end_by_a_late_no(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.CONFIRM, subscribed(home))
    assert "All is set already" in browser.post(link, {"answer": "no"}).text
    assert state(home) == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_link_is_gone_and_a_damaged_one_was_never_there(home: AppContext, method: str) -> None:
    link = path(home, TokenPurpose.CONFIRM, subscribed(home, confirmed=False))
    late = open_at(home, AT + timedelta(hours=73))
    expired = late.send(method, link)
    assert expired.status_code == 410
    assert "72 hours" in expired.text
    assert "/" in Seen(expired.text).links
    for group in ("confirm", "preferences", "unsubscribe", "letters"):
        if (method, group) == ("POST", "letters"):
            continue
        for token in ("x", link.rpartition("/")[2][:-1], "%F0%9F%A6%86", "%00", "a.b.c"):
            damaged = late.send(method, f"/{group}/{token}")
            assert damaged.status_code == 404, (group, token)
            assert damaged.headers["x-robots-tag"] == "noindex, nofollow"


def test_a_link_for_one_purpose_does_nothing_else(home: AppContext, browser: Browser) -> None:
    token = path(home, TokenPurpose.UNSUBSCRIBE, subscribed(home)).rpartition("/")[2]
    for group in ("confirm", "preferences", "letters"):
        assert browser.get(f"/{group}/{token}").status_code == 404
    assert browser.post(f"/preferences/{token}", {"keywords": "x"}).status_code == 404


def test_preferences_are_shown_and_changed(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.PREFERENCES, subscribed(home))
    assert "graph\nworld model</textarea>" in browser.get(link).text
    answer = browser.post(
        link,
        {
            "keywords": "speech",
            "frequency": "weekly",
            "hour": "0",
            "timezone": "UTC",
            "cap": "3",
            "summaries": "yes",
            "pause": "2026-09-01",
        },
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{link}?saved=1")
    page = browser.get(answer.headers["location"])
    assert Seen(page.text).one(role="status", id="saved")
    assert "speech</textarea>" in page.text
    assert "checked" in Seen(page.text).one(name="summaries")
    assert "checked" not in Seen(page.text).one(name="trending")
    card = get_profile(home, TokenPurpose.PREFERENCES, link.rpartition("/")[2], AT)
    assert (card.preferences.frequency, card.preferences.send_hour, card.preferences.cap) == ("weekly", 0, 3)
    assert (card.status, card.paused_until) == (SubscriberStatus.PAUSED, date(2026, 9, 1))
    browser.post(link, {"keywords": "speech", "pause": ""})
    assert state(home) == SubscriberStatus.ACTIVE


def test_who_is_on_hold_reads_why_and_resumes_by_saving(home: AppContext, browser: Browser) -> None:
    ada = subscribed(home)
    with write_session(home.engine) as session:
        suspend(session.get_one(Subscriber, ada.id), "3 of the last 5 letters came back <b>full</b>")
    link = path(home, TokenPurpose.PREFERENCES, ada)
    page = browser.get(link)
    assert Seen(page.text).one(id="held")
    assert "on hold: 3 of the last 5 letters came back &lt;b&gt;full" in page.text
    assert state(home) == SubscriberStatus.PAUSED
    browser.post(link, {"keywords": "speech", "pause": ""})
    assert state(home) == SubscriberStatus.ACTIVE
    assert "on hold" not in browser.get(link).text


def test_bad_preferences_change_nothing_and_keep_what_was_typed(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.PREFERENCES, subscribed(home))
    before = kept(home)
    answer = browser.post(link, {"keywords": '"open', "pause": "2026-07-31", "cap": "12"})
    page = Seen(answer.text)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "Choose a day after today" in page.text
    assert (page.one(id="pause")["value"], page.one(id="cap")["value"]) == ("2026-07-31", "12")
    assert kept(home) == before


def test_preferences_lead_to_unsubscribing(home: AppContext, browser: Browser) -> None:
    link = path(home, TokenPurpose.PREFERENCES, subscribed(home))
    (leave,) = (each for each in Seen(browser.get(link).text).links if each.startswith("/unsubscribe/"))
    assert "Unsubscribe?" in browser.get(leave).text
    assert "You are unsubscribed" in browser.post(leave, {"answer": "yes"}).text
    assert browser.get(link).status_code == 410
    assert browser.post(link, {"keywords": "x"}).status_code == 410


def test_leaving_by_the_button_sends_a_farewell_and_a_second_click_is_answered_kindly(
    home: AppContext, browser: Browser
) -> None:
    link = path(home, TokenPurpose.UNSUBSCRIBE, subscribed(home))
    browser.get(link)
    assert state(home) == SubscriberStatus.ACTIVE
    assert browser.post(link, {"answer": "yes"}).status_code == 200
    assert state(home) == SubscriberStatus.UNSUBSCRIBED
    assert letters(home)[-1] == "goodbye"
    for again in (browser.get(link), browser.post(link, {"answer": "yes"})):
        assert "You are unsubscribed already" in again.text
    assert letters(home).count("goodbye") == 1


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_unsubscribes_without_ceremony(home: AppContext, browser: Browser, multipart: bool) -> None:
    link = path(home, TokenPurpose.UNSUBSCRIBE, subscribed(home))
    field = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        body = {"files": {name: (None, value) for name, value in field.items()}} if multipart else {"data": field}
        answer = browser.send("POST", link, **body)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert "set-cookie" not in answer.headers
    assert state(home) == SubscriberStatus.UNSUBSCRIBED
    assert "goodbye" not in letters(home)


def test_the_web_copy_is_the_letter_and_only_its_link_opens_it(home: AppContext, browser: Browser) -> None:
    shelve(home, [listed(1), listed(2, title="Speech", abstract="Of sounds.")])
    reader = subscribed(home)
    sent = digest_of(home, reader)
    page = browser.get(home.signed_url(TokenPurpose.VIEW, str(sent.id), AT))
    assert page.status_code == 200
    assert "1 new paper matches your keywords" in Seen(page.text).text
    assert "Speech" not in page.text
    with read_session(home.engine) as session:
        (welcome,) = session.exec(select(Delivery).where(Delivery.kind == DeliveryKind.WELCOME)).all()
    for other in (str(welcome.id), "999", "x"):
        assert browser.get(home.signed_url(TokenPurpose.VIEW, other, AT)).status_code == 410


# --- papers


def test_the_page_of_a_day_says_of_each_paper_what_is_known(home: AppContext, browser: Browser) -> None:
    known: dict[str, Any] = {
        "organization": "Example Lab",
        "published_on": date(2026, 7, 30),
        "upvotes": 1234,
        "comments": 1,
        "pdf_url": "https://arxiv.org/pdf/2607.00001",
        "discussion_url": "https://huggingface.co/papers/2607.00001",
        "code_url": "javascript:alert(1)",
    }
    shelve(home, [listed(1, **known), listed(2, list_day=TODAY - timedelta(days=2))])
    page = Seen(browser.get("/papers").text)
    for words in ("Paper 1 on graphs", "A graph is looked at.", "2 authors", "Ada Example, Ben Example", "Example Lab"):
        assert words in page.text
    for words in ("30 July 2026", "1,234 upvotes", "1 comment", "Friday 31 July 2026"):
        assert words in page.text
    assert {"https://arxiv.org/abs/2607.00001", known["pdf_url"], known["discussion_url"]} <= set(page.links)
    assert not [link for link in page.links if link.startswith("javascript")]
    assert "/papers/2026-07-29" in page.links
    assert "/papers/2026-07-31" in Seen(browser.get("/papers/2026-07-29").text).links


def test_a_big_day_is_paged_the_most_upvoted_first(home: AppContext, browser: Browser) -> None:
    voted = [listed(n) for n in range(1, 41)]
    plain = [listed(n, source="arxiv", kind="new", upvotes=None, title=f"Late {n}") for n in range(41, 121)]
    shelve(home, plain + voted)
    first, last = browser.get("/papers/2026-07-31").text, browser.get("/papers/2026-07-31?page=3").text
    assert first.index("Paper 40 on graphs") < first.index("Also listed, without votes yet") < first.index("Late 41")
    assert "Late 51" not in first
    assert "Late 120" in last
    assert "Page 3 of 3" in last
    for bad in ("0", "4", "-1", "x", "1.5", "9" * 30):
        assert browser.get("/papers/2026-07-31", params={"page": bad}).status_code == 404


@pytest.mark.parametrize("day", ["2026-7-1", "yesterday", "2026-02-30", "20260731", "2026-07-31T00:00", "0000-00-00"])
def test_what_is_no_day_is_not_found(browser: Browser, day: str) -> None:
    assert browser.get(f"/papers/{day}").status_code == 404


def test_a_day_without_a_list_names_the_nearest_ones(home: AppContext, browser: Browser) -> None:
    shelve(home, [listed(1, list_day=date(2026, 7, 1)), listed(2)])
    answer = browser.get("/papers/2026-07-12")
    assert answer.status_code == 404
    assert {"/papers/2026-07-01", "/papers/2026-07-31"} <= set(Seen(answer.text).links)


def test_nothing_from_outside_becomes_markup(home: AppContext, browser: Browser) -> None:
    shelve(
        home,
        [
            listed(1, title=f"graph {EVIL}", abstract=f"A graph {EVIL}.", authors=(EVIL, "B"), organization=EVIL),
            listed(2, url="javascript:alert(3)", code_url="data:text/html,x", categories=(EVIL,)),
        ],
    )
    saved, _ = parse_keywords(["graph", "<b>bold</b>"])
    reader = subscribed(home)
    update_preferences(
        home, path(home, TokenPurpose.PREFERENCES, reader).rpartition("/")[2], Preferences(), saved, None, AT
    )
    pages = [browser.get(each) for each in ("/", "/papers", path(home, TokenPurpose.PREFERENCES, reader))]
    pages += [browser.post("/", {"keywords": "graph\n<b>bold</b>", "email": EVIL, "cap": EVIL})]
    pages += [browser.post("/subscribe", {"keywords": f'"{EVIL}', "email": EVIL, "timezone": EVIL, "hour": EVIL})]
    for page in pages:
        seen = Seen(page.text)
        scripts = [found.get("src", "") for tag, found in seen.tags if tag == "script"]
        assert all(src.startswith("/static/subscribe.js") for src in scripts)
        assert not [
            tag for tag, found in seen.tags if tag in {"img", "b"} or any(name.startswith("on") for name in found)
        ]
        assert not [link for link in seen.links if link.startswith(("javascript", "data"))]


# --- what every answer has


def every_path(home: AppContext) -> list[str]:
    shelve(home, [listed(1), listed(2, list_day=TODAY - timedelta(days=1))])
    waiting, reader = subscribed(home, "b@example.org", confirmed=False), subscribed(home)
    keep_letter(home)
    letter = home.signed_url(TokenPurpose.VIEW, str(digest_of(home, reader).id), AT)
    return [
        letter.removeprefix("http://digest.test"),
        *("/", "/?keywords=graph", "/sent", "/papers", "/papers/2026-07-31", "/privacy", "/robots.txt", "/healthz"),
        *("/help/keywords", "/for-your-site"),
        *("/inbox", "/inbox/1-1", "/inbox/1-1/html", "/inbox/1-1/raw", "/static/style.css", "/static/subscribe.js"),
        *("/nothing", "/papers/x", "/papers/2020-01-01", "/inbox/9-9", "/static/nothing", "/confirm/x", "/subscribe"),
        path(home, TokenPurpose.CONFIRM, waiting),
        path(home, TokenPurpose.CONFIRM, reader),
        *(path(home, TokenPurpose.PREFERENCES, reader) + page for page in ("", "/history", "/export.json", "/erase")),
        *(path(home, TokenPurpose.FEED, reader) + page for page in ("/atom", "/json", "/papers.bib")),
        path(home, TokenPurpose.UNSUBSCRIBE, reader),
    ]


def digest_of(home: AppContext, reader: Subscriber) -> Delivery:
    """The digest that a plan queued for a reader."""
    plan(home.engine, home.sender_domain, AT)
    with read_session(home.engine) as session:
        return session.exec(
            select(Delivery).where(Delivery.subscriber_id == reader.id, Delivery.kind == DeliveryKind.DIGEST)
        ).one()


def keep_letter(home: AppContext) -> None:
    home.mailbox_directory.mkdir(exist_ok=True)
    (home.mailbox_directory / "1-1.eml").write_bytes(
        b"Delivered-To: ada@example.org\r\nSubject: =?utf-8?q?Caf=C3=A9_=3Cb=3E?=\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
        b"--x\r\nContent-Type: text/plain\r\n\r\nplain <i>words</i>\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html><head></head><body>fine words</body></html>\r\n"
        b"--x--\r\n"
    )


def test_every_answer_carries_the_headers_that_protect_it(home: AppContext, browser: Browser) -> None:
    for each in every_path(home):
        answer = browser.get(each)
        assert set(answer.headers) >= HEADERS, each
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"]
        assert "base-uri 'none'" in policy
        assert "default-src 'self'" in policy or "default-src 'none'" in policy
        assert ("unsafe-inline" in policy) == (each.endswith("/html") or each.startswith("/letters/"))
        assert ("frame-ancestors 'none'" in policy) == (not each.endswith("/html"))
        assert "set-cookie" not in answer.headers
        secret = each.startswith(("/confirm", "/preferences", "/unsubscribe", "/inbox", "/letters", "/mine"))
        assert (answer.headers["cache-control"] == "no-store") == (secret or each == "/sent"), each
        assert ("x-robots-tag" in answer.headers) == (secret or each == "/sent"), each


def test_looking_changes_nothing_however_far_a_scanner_follows_links(home: AppContext, browser: Browser) -> None:
    waiting = every_path(home)
    before, seen = dump(home), set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        browser.head(each)
        answer = browser.get(each)
        if answer.headers.get("content-type", "").startswith("text/html"):
            found = [link.removeprefix("http://digest.test") for link in Seen(answer.text).links]
            waiting += [link for link in found if link.startswith("/")]
    assert len(seen) > 35
    assert any(each.startswith("/unsubscribe/") for each in seen)
    assert dump(home) == before


def test_head_answers_like_get(home: AppContext, browser: Browser) -> None:
    for each in every_path(home):
        head, get = browser.head(each), browser.get(each)
        assert head.status_code == get.status_code, each
        assert head.headers.get("content-type") == get.headers.get("content-type"), each


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/", 405), ("GET", "/subscribe", 405), ("POST", "/papers", 405)],
)
def test_errors_have_a_page_in_the_same_look(browser: Browser, method: str, where: str, status: int) -> None:
    answer = browser.send(method, where)
    assert answer.status_code == status
    assert "<title>Error: " in answer.text
    assert "/static/style.css" in answer.text


def test_what_is_no_form_is_told_so(browser: Browser) -> None:
    assert browser.post("/subscribe", content=b"{}", headers={"content-type": "application/json"}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert browser.post("/subscribe", content=b"nonsense", headers=broken).status_code in {400, 422}
    odd = {"content-type": "multipart/form-data; boundary=x; charset=utf-7"}
    body = b'--x\r\nContent-Disposition: form-data; name="keywords"\r\n\r\n+2AA-\r\n--x--\r\n'
    assert browser.post("/subscribe", content=body, headers=odd).status_code == 422
    assert browser.send("POST", "/subscribe", files={"email": ("a.txt", b"x")}).status_code == 422


def test_too_large_a_body_is_refused_announced_or_not(home: AppContext, browser: Browser) -> None:
    before = kept(home)
    large = b"email=ada%40example.org&keywords=" + b"x" * 65536

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 5000):
            yield large[start : start + 5000]

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/subscribe", content=large, headers=form).status_code == 413
    answer = browser.post("/subscribe", content=pieces(), headers=form)
    assert answer.status_code == 413
    assert "transfer-encoding" in answer.request.headers
    assert "64 KB" in answer.text
    assert kept(home) == before


def test_too_many_posts_from_one_network_are_asked_to_wait(home: AppContext) -> None:
    app = create_app(home, clock=lambda: AT, limits=FormLimits(subscribe=2, other=3), min_answer_seconds=0)
    here, there = Browser(app, "2001:db8::1"), Browser(app, "2001:db8:0:1::1")
    statuses = [here.post("/subscribe", FORM).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]
    refused = Browser(app, "2001:db8::ffff").post("/subscribe", FORM)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 3602
    assert "content-security-policy" in refused.headers
    assert there.post("/subscribe", FORM).status_code == 303
    assert here.get("/").status_code == 200


def test_a_fault_of_ours_shows_no_insides(home: AppContext) -> None:
    def broken() -> datetime:
        raise RuntimeError("the secret is 42")

    answer = Browser(create_app(home, clock=broken)).get(path(home, TokenPurpose.CONFIRM, subscribed(home)))
    assert answer.status_code == 500
    assert "42" not in re.sub(r"v=\w+", "", answer.text)
    assert set(answer.headers) >= HEADERS
    assert answer.headers["cache-control"] == "no-store"


def test_a_store_that_is_away_is_said_and_not_explained(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "empty.db").touch()
    lost = AppContext(settings(tmp_path), connect(f"sqlite:///{tmp_path}/empty.db"), TokenSigner(["a key for tests"]))
    browser = Browser(create_app(lost, clock=lambda: AT))
    answer = browser.get("/papers")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "listing" not in answer.text
    health = browser.get("/healthz")
    assert health.status_code == 503
    assert "digest migrate" in health.json()["reason"]


def test_health_is_well_and_a_database_that_is_none_is_not(
    home: AppContext, browser: Browser, tmp_path: Path, connect: Connect
) -> None:
    assert browser.get("/healthz").json()["status"] == "ok"
    (tmp_path / "noise.db").write_bytes(b"this is no database at all" * 100)
    lost = AppContext(settings(tmp_path), connect(f"sqlite:///{tmp_path}/noise.db"), home.token_signer)
    answer = Browser(create_app(lost, clock=lambda: AT)).get("/healthz")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text


def test_the_inbox_shows_letters_and_is_there_without_a_relay_only(
    home: AppContext, browser: Browser, tmp_path: Path
) -> None:
    keep_letter(home)
    assert "Café &lt;b&gt;" in browser.get("/inbox").text
    page = browser.get("/inbox/1-1")
    assert "plain &lt;i&gt;words" in page.text
    frame = Seen(page.text).one(src="/inbox/1-1/html")
    assert "allow-scripts" not in frame["sandbox"]
    assert "allow-same-origin" not in frame["sandbox"]
    html = browser.get("/inbox/1-1/html")
    assert '<base target="_top">' in html.text
    assert "sandbox allow-top-navigation" in html.headers["content-security-policy"]
    raw = browser.get("/inbox/1-1/raw")
    assert raw.content == (home.mailbox_directory / "1-1.eml").read_bytes()
    assert raw.headers["content-disposition"] == 'attachment; filename="1-1.eml"'
    for stray in ("..%2F..%2Fdigest", "*", "1-1.eml", "%2e%2e"):
        assert browser.get(f"/inbox/{stray}").status_code == 404
    relayed = settings(tmp_path, smtp_host="smtp.example.org", secret_key="a key for tests")
    away = open_at(AppContext(relayed, home.engine, home.token_signer))
    for each in ("/inbox", "/inbox/1-1", "/inbox/1-1/html", "/inbox/1-1/raw"):
        assert away.get(each).status_code == 404
    assert "/inbox" not in Seen(away.get("/").text).links


def test_pages_below_a_path_link_to_themselves(home: AppContext, tmp_path: Path) -> None:
    below = settings(tmp_path, base_url="https://example.org/digest")
    browser = open_at(AppContext(below, home.engine, home.token_signer))
    for prefix in ("", "/digest"):  # a proxy may take the path off, or leave it
        page = browser.get(f"{prefix}/")
        assert page.status_code == 200
        assert all(link.startswith(("/digest/", "#")) for link in Seen(page.text).links)
        assert browser.get(f"{prefix}/static/style.css").status_code == 200
        assert browser.get(f"{prefix}/confirm/x").headers["cache-control"] == "no-store"
    assert browser.post("/digest/subscribe", FORM).headers["location"] == "/digest/sent"


def test_static_files_may_be_kept_because_their_address_changes(browser: Browser) -> None:
    style = next(found["href"] for tag, found in Seen(browser.get("/").text).tags if found.get("rel") == "stylesheet")
    assert re.search(r"\?v=[0-9a-f]{12}$", style)
    assert "max-age=31536000" in browser.get(style).headers["cache-control"]
