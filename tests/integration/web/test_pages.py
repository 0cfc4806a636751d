"""Pages on a real database: their contents, their actions, and what they must not reveal."""

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
from digest.identifiers import Identifier, LinkRelation, StatedLink
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
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.factories import source_fetch

TODAY = TEST_TIME.date()
HOSTILE_TEXT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FORM = {"keywords": "graph\nworld model", "email": "ada@example.org"}
HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
    "cache-control",
}


@pytest.fixture
def ctx(sqlite_store: Engine, tmp_path: Path) -> AppContext:
    return AppContext(settings(tmp_path), sqlite_store, TokenSigner(["a key for tests"]))


def settings(folder: Path, **given: str) -> Settings:
    chosen: dict[str, Any] = {"database_url": f"sqlite:///{folder}/digest.db", "base_url": "http://digest.test"}
    return Settings(_env_file=None, **chosen | given)


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return browser_at(ctx)


def browser_at(ctx: AppContext, now: datetime = TEST_TIME, limits: FormLimits | None = None) -> Browser:
    return Browser(
        create_app(
            ctx, clock=lambda: now, limits=limits or FormLimits(subscribe=1000, other=1000), min_answer_seconds=0
        )
    )


def store_papers(ctx: AppContext, make_listing: Sequence[ListedPaper]) -> None:
    with write_session(ctx.engine) as session:
        store_listings(session, make_listing, TEST_TIME)


def make_listing(number: int = 1, **given: Any) -> ListedPaper:
    defaults: dict[str, Any] = {
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
    return ListedPaper(**defaults | given)


def create_subscriber(ctx: AppContext, mail: str = "ada@example.org", *, confirmed: bool = True) -> Subscriber:
    keywords, _ = parse_keywords(["graph", "world model"])
    subscribe(ctx, mail, Preferences(), keywords, TEST_TIME)
    with read_session(ctx.engine) as session:
        found = session.exec(select(Subscriber).where(Subscriber.email == mail)).one()
    if confirmed:
        confirm(ctx, ctx.token_signer.sign(TokenPurpose.CONFIRM, found.nonce, TEST_TIME), TEST_TIME)
    return found


def signed_path(ctx: AppContext, purpose: TokenPurpose, of: Subscriber, issued: datetime = TEST_TIME) -> str:
    return ctx.signed_url(purpose, of.nonce, issued).removeprefix("http://digest.test")


def status_of(ctx: AppContext, mail: str = "ada@example.org") -> str:
    with read_session(ctx.engine) as session:
        return session.exec(select(Subscriber).where(Subscriber.email == mail)).one().status


def delivery_kinds(ctx: AppContext) -> list[str]:
    with read_session(ctx.engine) as session:
        return [delivery.kind for delivery in session.exec(select(Delivery).order_by(text("id"))).all()]


def dump_database(ctx: AppContext) -> list[str]:
    with ctx.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        return list(raw.iterdump())


def dump_without_counters(ctx: AppContext) -> list[str]:
    """Return the dump without rate limit counters, which every form changes."""
    return [line for line in dump_database(ctx) if not line.startswith('INSERT INTO "rate_limit_counter"')]


# --- subscribing


def test_a_subscription_is_stored_and_its_confirmation_queued(ctx: AppContext, browser: Browser) -> None:
    response = browser.post(
        "/subscribe",
        {**FORM, "frequency": "weekdays", "hour": "6", "timezone": "Asia/Tokyo", "cap": "7", "trending": "yes"}
        | {"summaries": "yes"},
    )
    assert (response.status_code, response.headers["location"]) == (303, "/sent")
    with read_session(ctx.engine) as session:
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
    assert delivery_kinds(ctx) == ["confirm"]
    assert "ada" not in browser.get("/sent").text


def test_a_subscription_needs_no_keywords(ctx: AppContext, browser: Browser) -> None:
    assert browser.post("/subscribe", {"email": "ada@example.org"}).status_code == 303
    assert status_of(ctx) == SubscriberStatus.PENDING


def test_the_response_is_the_same_whatever_the_state_of_the_address(ctx: AppContext, browser: Browser) -> None:
    create_subscriber(ctx, "pending@example.org", confirmed=False)
    create_subscriber(ctx, "active@example.org")
    left = create_subscriber(ctx, "left@example.org")
    unsubscribe(ctx, ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, left.nonce, TEST_TIME), TEST_TIME)
    complained = create_subscriber(ctx, "complained@example.org")
    with write_session(ctx.engine) as session:
        row = session.get_one(Subscriber, complained.id)
        row.status, row.reason = SubscriberStatus.SUPPRESSED, "complaint: abuse"
    responses = {
        (response.status_code, response.content, str(sorted(response.headers.items())))
        for name in ("new", "pending", "active", "left", "complained")
        for response in [browser.post("/subscribe", {**FORM, "email": f"{name}@example.org"})]
    }
    assert len(responses) == 1
    assert status_of(ctx, "complained@example.org") == SubscriberStatus.SUPPRESSED


def test_a_response_takes_a_minimum_time_whatever_the_state_of_the_address(ctx: AppContext) -> None:
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME, min_answer_seconds=0.25))
    assert browser.post("/subscribe", FORM).elapsed >= timedelta(seconds=0.24)
    assert browser.post("/subscribe", {**FORM, "website": "http://spam"}).elapsed >= timedelta(seconds=0.24)


def test_a_filled_honeypot_field_is_answered_and_ignored(ctx: AppContext, browser: Browser) -> None:
    before = dump_without_counters(ctx)
    response = browser.post("/subscribe", {**FORM, "website": "https://spam.example"})
    assert (response.status_code, response.headers["location"]) == (303, "/sent")
    assert dump_without_counters(ctx) == before


def test_an_invalid_form_is_shown_again_with_its_values_and_a_link_to_every_error(
    ctx: AppContext, browser: Browser
) -> None:
    before = dump_without_counters(ctx)
    response = browser.post("/subscribe", {"keywords": 'graph\n"open', "email": "ada@", "cap": "500", "hour": "5"})
    page = ParsedPage(response.text)
    assert response.status_code == 422
    assert "<title>Error: " in response.text
    assert 'Line 2, “"open”: A quotation mark is not closed' in page.text
    assert [link for link in page.links if link.startswith("#") and link not in {"#main", "#beside"}] == [
        *("#keywords", "#email", "#cap")
    ]
    for field in ("keywords", "email", "cap"):
        shown = page.find_tag(id=field)
        assert shown["aria-invalid"] == "true"
        assert page.find_tag(id=f"{field}-fault")
        assert f"{field}-fault" in shown["aria-describedby"]
    assert page.find_tag(id="email")["value"] == "ada@"
    assert page.find_tag(id="cap")["value"] == "500"
    assert "graph\n&#34;open</textarea>" in response.text
    assert re.search(r'<option value="5" selected>', response.text)
    assert dump_without_counters(ctx) == before


def test_every_field_has_a_label_and_every_id_is_unique(browser: Browser) -> None:
    page = ParsedPage(browser.get("/").text)
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    labelled = {found["for"] for tag, found in page.tags if tag == "label" and "for" in found}
    fields = {found["id"] for tag, found in page.tags if tag in {"input", "select", "textarea"} and "id" in found}
    assert fields == labelled
    assert page.find_tag(lang="en")


def test_a_deep_link_only_fills_in_the_keywords(ctx: AppContext, browser: Browser) -> None:
    before = dump_database(ctx)
    response = browser.get("/", params={"keywords": f"graph\n{HOSTILE_TEXT}"})
    assert "graph\n&lt;script&gt;" in response.text
    assert "<script>alert" not in response.text
    assert dump_database(ctx) == before


def test_the_front_page_works_without_papers(browser: Browser) -> None:
    for path in ("/", "/papers"):
        assert "No papers yet" in browser.get(path).text
        assert "The sources have not been read yet" in browser.get(path).text


def test_a_source_that_is_down_or_quiet_is_named_on_every_page_that_lists_papers(
    ctx: AppContext, browser: Browser
) -> None:
    down, quiet = TEST_TIME - timedelta(hours=2), TEST_TIME - timedelta(days=4)
    with write_session(ctx.engine) as session:
        session.add(source_fetch(source="arxiv", status="failed", error_code="unreachable", started_at=down))
        for day in (quiet, TEST_TIME - timedelta(days=1)):
            status = "ok" if day == quiet else "not-listed"
            session.add(source_fetch(list_day=day.date(), status=status, started_at=TEST_TIME))
    sentences = [
        "arXiv has not answered since Friday 31 July; its papers will be fetched later.",
        "Hugging Face has announced nothing since Monday 27 July; anything late will be in a later digest.",
    ]
    for path in ("/", "/papers"):
        page = browser.get(path).text
        assert all(sentence in page for sentence in sentences)
        assert "not been read yet" not in page
    assert browser.get("/healthz").json()["sources"] == sentences
    store_papers(ctx, [make_listing(1)])
    for path in ("/", "/papers"):
        assert all(sentence in browser.get(path).text for sentence in sentences)


def test_the_latest_papers_are_listed_below_the_form(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, [make_listing(n) for n in range(1, 9)])
    page = ParsedPage(browser.get("/").text)
    assert "Top papers, Friday 31 July" in page.text
    assert "Paper 6 on graphs" in page.text
    assert "Paper 7 on graphs" not in page.text
    assert "/papers" in page.links


def test_a_preview_shows_matching_papers_and_stores_nothing(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, [make_listing(1), make_listing(2, title="Speech", abstract="Of sounds.")])
    before = dump_without_counters(ctx)
    response = browser.post("/", {"keywords": "graphs\nquantum", "email": "ada@example.org", "cap": "nonsense"})
    assert response.status_code == 200
    assert "1 match on the last publication day." in ParsedPage(response.text).text
    assert '<mark class="k0">graphs</mark>' in response.text
    assert "no recent matches" in response.text
    assert ">Speech<" not in response.text.partition("How it works")[0]
    assert ParsedPage(response.text).find_tag(id="email")["value"] == "ada@example.org"
    assert dump_without_counters(ctx) == before


def test_a_preview_of_an_invalid_keyword_shows_the_error(browser: Browser) -> None:
    response = browser.post("/", {"keywords": '"open'})
    assert response.status_code == 422
    assert "A quotation mark is not closed" in response.text


# --- the links in emails


def test_confirming_takes_one_button_and_a_second_click_is_no_error(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.CONFIRM, create_subscriber(ctx, confirmed=False))
    page = browser.get(link)
    assert (page.status_code, status_of(ctx)) == (200, SubscriberStatus.PENDING)
    assert "ada@example.org" in page.text
    assert '<mark class="k1" dir="auto">world model</mark>' in page.text
    assert "all set" in browser.post(link).text
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    for again in (browser.post(link), browser.get(link)):
        assert again.status_code == 200
        assert "already confirmed" in again.text
    assert delivery_kinds(ctx) == ["confirm", "welcome"]


def test_declining_ends_the_subscription(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.CONFIRM, create_subscriber(ctx, confirmed=False))
    assert "Nothing will be sent" in browser.post(link, {"answer": "no"}).text
    assert status_of(ctx) == SubscriberStatus.UNSUBSCRIBED
    # Whoever changes their mind can still confirm by the same link.
    assert "Confirm your digest" in browser.get(link).text
    assert status_of(ctx) == SubscriberStatus.UNSUBSCRIBED
    assert browser.post(link).status_code == 200
    assert status_of(ctx) == SubscriberStatus.ACTIVE


def test_declining_late_does_not_end_a_running_subscription(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.CONFIRM, create_subscriber(ctx))
    assert "already confirmed" in browser.post(link, {"answer": "no"}).text
    assert status_of(ctx) == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_link_is_gone_and_a_damaged_one_is_not_found(ctx: AppContext, method: str) -> None:
    link = signed_path(ctx, TokenPurpose.CONFIRM, create_subscriber(ctx, confirmed=False))
    late = browser_at(ctx, TEST_TIME + timedelta(hours=73))
    expired = late.send(method, link)
    assert expired.status_code == 410
    assert "72 hours" in expired.text
    assert "/" in ParsedPage(expired.text).links
    for group in ("confirm", "preferences", "unsubscribe", "emails"):
        if (method, group) == ("POST", "emails"):
            continue
        for token in ("x", link.rpartition("/")[2][:-1], "%F0%9F%A6%86", "%00", "a.b.c"):
            damaged = late.send(method, f"/{group}/{token}")
            assert damaged.status_code == 404, (group, token)
            assert damaged.headers["x-robots-tag"] == "noindex, nofollow"


def test_a_token_works_for_its_purpose_only(ctx: AppContext, browser: Browser) -> None:
    token = signed_path(ctx, TokenPurpose.UNSUBSCRIBE, create_subscriber(ctx)).rpartition("/")[2]
    for group in ("confirm", "preferences", "emails"):
        assert browser.get(f"/{group}/{token}").status_code == 404
    assert browser.post(f"/preferences/{token}", {"keywords": "x"}).status_code == 404


def test_preferences_are_shown_and_changed(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.PREFERENCES, create_subscriber(ctx))
    fields = re.findall(r'name="keyword" value="([^"]*)"', browser.get(link).text)
    assert [field for field in fields if field] == ["graph", "world model"]
    response = browser.post(
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
    assert (response.status_code, response.headers["location"]) == (303, f"{link}?saved=1")
    page = browser.get(response.headers["location"])
    assert ParsedPage(page.text).find_tag(role="status", id="saved")
    assert 'name="keyword" value="speech"' in page.text
    assert "checked" in ParsedPage(page.text).find_tag(name="summaries")
    assert "checked" not in ParsedPage(page.text).find_tag(name="trending")
    profile = get_profile(ctx, TokenPurpose.PREFERENCES, link.rpartition("/")[2], TEST_TIME)
    assert (profile.preferences.frequency, profile.preferences.send_hour, profile.preferences.cap) == ("weekly", 0, 3)
    assert (profile.status, profile.paused_until) == (SubscriberStatus.PAUSED, date(2026, 9, 1))
    browser.post(link, {"keywords": "speech", "pause": ""})
    assert status_of(ctx) == SubscriberStatus.ACTIVE


def test_a_suspended_subscriber_sees_the_reason_and_resumes_by_saving(ctx: AppContext, browser: Browser) -> None:
    ada = create_subscriber(ctx)
    with write_session(ctx.engine) as session:
        suspend(session.get_one(Subscriber, ada.id), "3 of the last 5 e-mails bounced <b>full</b>")
    link = signed_path(ctx, TokenPurpose.PREFERENCES, ada)
    page = browser.get(link)
    assert ParsedPage(page.text).find_tag(id="held")
    assert "arrive: 3 of the last 5 e-mails bounced &lt;b&gt;full" in page.text
    assert status_of(ctx) == SubscriberStatus.PAUSED
    browser.post(link, {"keywords": "speech", "pause": ""})
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    assert 'id="held"' not in browser.get(link).text


def test_invalid_preferences_change_nothing_and_are_shown_again(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.PREFERENCES, create_subscriber(ctx))
    before = dump_without_counters(ctx)
    response = browser.post(link, {"keywords": '"open', "pause": "2026-07-31", "cap": "12"})
    page = ParsedPage(response.text)
    assert response.status_code == 422
    assert "<title>Error: " in response.text
    assert "Choose a day after today" in page.text
    assert (page.find_tag(id="pause")["value"], page.find_tag(id="cap")["value"]) == ("2026-07-31", "12")
    assert dump_without_counters(ctx) == before


def test_preferences_link_to_unsubscribe(ctx: AppContext, browser: Browser) -> None:
    link = signed_path(ctx, TokenPurpose.PREFERENCES, create_subscriber(ctx))
    (leave,) = (url for url in ParsedPage(browser.get(link).text).links if url.startswith("/unsubscribe/"))
    assert "Unsubscribe?" in browser.get(leave).text
    assert "ve unsubscribed" in browser.post(leave, {"answer": "yes"}).text
    assert browser.get(link).status_code == 410
    assert browser.post(link, {"keywords": "x"}).status_code == 410


def test_unsubscribing_by_the_button_sends_a_farewell_and_a_second_click_is_no_error(
    ctx: AppContext, browser: Browser
) -> None:
    link = signed_path(ctx, TokenPurpose.UNSUBSCRIBE, create_subscriber(ctx))
    browser.get(link)
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    assert browser.post(link, {"answer": "yes"}).status_code == 200
    assert status_of(ctx) == SubscriberStatus.UNSUBSCRIBED
    assert delivery_kinds(ctx)[-1] == "goodbye"
    for again in (browser.get(link), browser.post(link, {"answer": "yes"})):
        assert "already unsubscribed" in again.text
    assert delivery_kinds(ctx).count("goodbye") == 1


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_unsubscribes_without_a_farewell(ctx: AppContext, browser: Browser, multipart: bool) -> None:
    link = signed_path(ctx, TokenPurpose.UNSUBSCRIBE, create_subscriber(ctx))
    field = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        body = {"files": {name: (None, value) for name, value in field.items()}} if multipart else {"data": field}
        response = browser.send("POST", link, **body)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain")
        assert "set-cookie" not in response.headers
    assert status_of(ctx) == SubscriberStatus.UNSUBSCRIBED
    assert "goodbye" not in delivery_kinds(ctx)


def test_the_web_copy_is_the_digest_and_only_its_link_opens_it(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, [make_listing(1), make_listing(2, title="Speech", abstract="Of sounds.")])
    subscriber = create_subscriber(ctx)
    delivery = queue_digest(ctx, subscriber)
    page = browser.get(ctx.signed_url(TokenPurpose.VIEW, str(delivery.id), TEST_TIME))
    assert page.status_code == 200
    assert "1 new paper matches your keywords" in ParsedPage(page.text).text
    assert "Speech" not in page.text
    with read_session(ctx.engine) as session:
        (confirmation,) = session.exec(select(Delivery).where(Delivery.kind == DeliveryKind.CONFIRM)).all()
    for other in (str(confirmation.id), "999", "x"):
        assert browser.get(ctx.signed_url(TokenPurpose.VIEW, other, TEST_TIME)).status_code == 410


# --- papers


def test_the_page_of_a_day_shows_the_metadata_of_each_paper(ctx: AppContext, browser: Browser) -> None:
    known: dict[str, Any] = {
        "organization": "Example Lab",
        "published_on": date(2026, 7, 30),
        "upvotes": 1234,
        "comments": 1,
        "pdf_url": "https://arxiv.org/pdf/2607.00001",
        "discussion_url": "https://huggingface.co/papers/2607.00001",
        "code_url": "javascript:alert(1)",
    }
    store_papers(ctx, [make_listing(1, **known), make_listing(2, list_day=TODAY - timedelta(days=2))])
    page = ParsedPage(browser.get("/papers").text)
    for words in ("Paper 1 on graphs", "A graph is looked at.", "Ada Example, Ben Example", "Example Lab", "1,234"):
        assert words in page.text
    labels = {found["aria-label"] for _, found in page.tags if "aria-label" in found}
    assert {"1,234 upvotes: Paper 1 on graphs", "1 comment: Paper 1 on graphs", "PDF: Paper 1 on graphs"} <= labels
    assert {"/papers/1", known["pdf_url"], known["discussion_url"]} <= set(page.links)
    assert not [link for link in page.links if link.startswith("javascript")]
    assert "/papers/2026-07-29" in page.links
    assert "/papers/2026-07-31" in ParsedPage(browser.get("/papers/2026-07-29").text).links


def test_the_page_of_a_paper_says_what_happened_to_it(ctx: AppContext, browser: Browser) -> None:
    article, notice = (Identifier("doi", f"10.5555/{name}") for name in ("article", "notice"))
    stated = StatedLink(LinkRelation.PUBLISHED, article, venue=HOSTILE_TEXT, stated_on=date(2026, 8, 3))
    store_papers(ctx, [make_listing(1)])
    store_papers(ctx, [make_listing(1, version=2, kind="replace", abstract="Graphs.", links=(stated,))])
    history = "What happened since"
    page = ParsedPage(browser.get("/papers/1").text)
    assert "https://doi.org/10.5555/article" in page.links
    for words in (history, "3 August 2026", f"Published in {HOSTILE_TEXT}", "Version 2, with a changed abstract."):
        assert words in page.text
    store_papers(
        ctx,
        [
            make_listing(2, arxiv_id=None, identifiers=(article,), title="An article on graphs"),
            make_listing(
                3,
                arxiv_id=None,
                identifiers=(notice,),
                title="Retraction notice to: An article",
                links=(StatedLink(LinkRelation.RETRACTS, article),),
            ),
        ],
    )
    preprint, published, retraction = (ParsedPage(browser.get(f"/papers/{number}").text) for number in (1, 2, 3))
    assert "/papers/2" in preprint.links
    assert "This paper was retracted. Read the notice" in published.text
    assert {"/papers/1", "/papers/3"} <= set(published.links)
    assert "This is the notice that retracts a paper: An article on graphs" in retraction.text
    assert history not in retraction.text


def test_a_long_day_has_pages_with_the_most_upvoted_papers_first(ctx: AppContext, browser: Browser) -> None:
    voted = [make_listing(n) for n in range(1, 41)]
    plain = [make_listing(n, source="arxiv", kind="new", upvotes=None, title=f"Late {n}") for n in range(41, 121)]
    store_papers(ctx, plain + voted)
    first, last = browser.get("/papers/2026-07-31").text, browser.get("/papers/2026-07-31?page=3").text
    assert first.index("Paper 40 on graphs") < first.index("Listed without upvotes so far") < first.index("Late 41")
    assert "Late 51" not in first
    assert "Late 120" in last
    assert "Page 3 of 3" in last
    for bad in ("0", "4", "-1", "x", "1.5", "9" * 30):
        assert browser.get("/papers/2026-07-31", params={"page": bad}).status_code == 404


@pytest.mark.parametrize("day", ["2026-7-1", "yesterday", "2026-02-30", "20260731", "2026-07-31T00:00", "0000-00-00"])
def test_an_invalid_day_is_not_found(browser: Browser, day: str) -> None:
    assert browser.get(f"/papers/{day}").status_code == 404


def test_a_day_without_listings_links_to_the_nearest_ones(ctx: AppContext, browser: Browser) -> None:
    store_papers(ctx, [make_listing(1, list_day=date(2026, 7, 1)), make_listing(2)])
    response = browser.get("/papers/2026-07-12")
    assert response.status_code == 404
    assert {"/papers/2026-07-01", "/papers/2026-07-31"} <= set(ParsedPage(response.text).links)


def test_text_from_outside_is_escaped(ctx: AppContext, browser: Browser) -> None:
    store_papers(
        ctx,
        [
            make_listing(
                1,
                title=f"graph {HOSTILE_TEXT}",
                abstract=f"A graph {HOSTILE_TEXT}.",
                authors=(HOSTILE_TEXT, "B"),
                organization=HOSTILE_TEXT,
            ),
            make_listing(2, url="javascript:alert(3)", code_url="data:text/html,x", categories=(HOSTILE_TEXT,)),
        ],
    )
    keywords, _ = parse_keywords(["graph", "<b>bold</b>"])
    subscriber = create_subscriber(ctx)
    update_preferences(
        ctx,
        signed_path(ctx, TokenPurpose.PREFERENCES, subscriber).rpartition("/")[2],
        Preferences(),
        keywords,
        None,
        TEST_TIME,
    )
    pages = [browser.get(path) for path in ("/", "/papers", signed_path(ctx, TokenPurpose.PREFERENCES, subscriber))]
    pages += [browser.post("/", {"keywords": "graph\n<b>bold</b>", "email": HOSTILE_TEXT, "cap": HOSTILE_TEXT})]
    pages += [
        browser.post(
            "/subscribe",
            {"keywords": f'"{HOSTILE_TEXT}', "email": HOSTILE_TEXT, "timezone": HOSTILE_TEXT, "hour": HOSTILE_TEXT},
        )
    ]
    for page in pages:
        seen = ParsedPage(page.text)
        scripts = [found.get("src", "") for tag, found in seen.tags if tag == "script"]
        assert all(src.startswith("/static/") for src in scripts)
        assert not [
            tag for tag, found in seen.tags if tag in {"img", "b"} or any(name.startswith("on") for name in found)
        ]
        assert not [link for link in seen.links if link.startswith(("javascript", "data"))]


# --- what every answer has


def all_paths(ctx: AppContext) -> list[str]:
    store_papers(ctx, [make_listing(1), make_listing(2, list_day=TODAY - timedelta(days=1))])
    waiting, subscriber = create_subscriber(ctx, "b@example.org", confirmed=False), create_subscriber(ctx)
    store_message(ctx)
    copy_url = ctx.signed_url(TokenPurpose.VIEW, str(queue_digest(ctx, subscriber).id), TEST_TIME)
    return [
        copy_url.removeprefix("http://digest.test"),
        *("/", "/?keywords=graph", "/sent", "/papers", "/papers/2026-07-31", "/privacy", "/robots.txt", "/healthz"),
        *("/help/keywords", "/for-your-site"),
        *("/inbox", "/inbox/1-1", "/inbox/1-1/html", "/inbox/1-1/raw", "/static/style.css", "/static/subscribe.js"),
        *("/nothing", "/papers/x", "/papers/2020-01-01", "/inbox/9-9", "/static/nothing", "/confirm/x", "/subscribe"),
        signed_path(ctx, TokenPurpose.CONFIRM, waiting),
        signed_path(ctx, TokenPurpose.CONFIRM, subscriber),
        *(
            signed_path(ctx, TokenPurpose.PREFERENCES, subscriber) + page
            for page in ("", "/history", "/export.json", "/erase")
        ),
        *(signed_path(ctx, TokenPurpose.FEED, subscriber) + page for page in ("/atom", "/json", "/papers.bib")),
        signed_path(ctx, TokenPurpose.UNSUBSCRIBE, subscriber),
    ]


def queue_digest(ctx: AppContext, subscriber: Subscriber) -> Delivery:
    """Plan, and return the digest queued for a subscriber."""
    plan(ctx.engine, ctx.sender_domain, TEST_TIME)
    with read_session(ctx.engine) as session:
        return session.exec(
            select(Delivery).where(Delivery.subscriber_id == subscriber.id, Delivery.kind == DeliveryKind.DIGEST)
        ).one()


def store_message(ctx: AppContext) -> None:
    ctx.mailbox_directory.mkdir(exist_ok=True)
    (ctx.mailbox_directory / "1-1.eml").write_bytes(
        b"Delivered-To: ada@example.org\r\nSubject: =?utf-8?q?Caf=C3=A9_=3Cb=3E?=\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
        b"--x\r\nContent-Type: text/plain\r\n\r\nplain <i>words</i>\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html><head></head><body>fine words</body></html>\r\n"
        b"--x--\r\n"
    )


def test_every_response_has_the_security_headers(ctx: AppContext, browser: Browser) -> None:
    browser = Browser(browser.app, address="127.0.0.1")  # who may see the local mailbox
    for path in all_paths(ctx):
        response = browser.get(path)
        assert set(response.headers) >= HEADERS, path
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        policy = response.headers["content-security-policy"]
        assert "base-uri 'none'" in policy
        assert "default-src 'self'" in policy or "default-src 'none'" in policy
        assert ("unsafe-inline" in policy) == (path.endswith("/html") or path.startswith("/emails/"))
        assert ("frame-ancestors 'none'" in policy) == (not path.endswith("/html"))
        assert "set-cookie" not in response.headers
        secret = path.startswith(("/confirm", "/preferences", "/unsubscribe", "/inbox", "/emails", "/mine"))
        assert (response.headers["cache-control"] == "no-store") == (secret or path == "/sent"), path
        assert ("x-robots-tag" in response.headers) == (secret or path == "/sent"), path


def test_get_requests_change_nothing_however_far_a_scanner_follows_links(ctx: AppContext, browser: Browser) -> None:
    browser = Browser(browser.app, address="127.0.0.1")  # who may see the local mailbox
    waiting = all_paths(ctx)
    before, seen = dump_database(ctx), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        browser.head(path)
        response = browser.get(path)
        if response.headers.get("content-type", "").startswith("text/html"):
            found = [link.removeprefix("http://digest.test") for link in ParsedPage(response.text).links]
            waiting += [link for link in found if link.startswith("/")]
    assert len(seen) > 35
    assert any(path.startswith("/unsubscribe/") for path in seen)
    assert dump_database(ctx) == before


def test_head_responds_like_get(ctx: AppContext, browser: Browser) -> None:
    for path in all_paths(ctx):
        head, get = browser.head(path), browser.get(path)
        assert head.status_code == get.status_code, path
        assert head.headers.get("content-type") == get.headers.get("content-type"), path


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/", 405), ("GET", "/subscribe", 405), ("POST", "/papers", 405)],
)
def test_errors_have_a_page_in_the_same_layout(browser: Browser, method: str, where: str, status: int) -> None:
    response = browser.send(method, where)
    assert response.status_code == status
    assert "<title>Error: " in response.text
    assert "/static/style.css" in response.text


def test_a_body_that_is_no_form_is_refused(browser: Browser) -> None:
    assert browser.post("/subscribe", content=b"{}", headers={"content-type": "application/json"}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert browser.post("/subscribe", content=b"nonsense", headers=broken).status_code in {400, 422}
    odd = {"content-type": "multipart/form-data; boundary=x; charset=utf-7"}
    body = b'--x\r\nContent-Disposition: form-data; name="keywords"\r\n\r\n+2AA-\r\n--x--\r\n'
    assert browser.post("/subscribe", content=body, headers=odd).status_code == 422
    assert browser.send("POST", "/subscribe", files={"email": ("a.txt", b"x")}).status_code == 422


def test_too_large_a_body_is_refused_with_and_without_content_length(ctx: AppContext, browser: Browser) -> None:
    before = dump_without_counters(ctx)
    large = b"email=ada%40example.org&keywords=" + b"x" * 65536

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 5000):
            yield large[start : start + 5000]

    form = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/subscribe", content=large, headers=form).status_code == 413
    response = browser.post("/subscribe", content=pieces(), headers=form)
    assert response.status_code == 413
    assert "transfer-encoding" in response.request.headers
    assert "64 KB" in response.text
    assert dump_without_counters(ctx) == before


def test_too_many_posts_from_one_network_are_rate_limited(ctx: AppContext) -> None:
    app = create_app(ctx, clock=lambda: TEST_TIME, limits=FormLimits(subscribe=2, other=3), min_answer_seconds=0)
    here, there = Browser(app, "2001:db8::1"), Browser(app, "2001:db8:0:1::1")
    statuses = [here.post("/subscribe", FORM).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]
    refused = Browser(app, "2001:db8::ffff").post("/subscribe", FORM)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 3602
    assert "content-security-policy" in refused.headers
    assert there.post("/subscribe", FORM).status_code == 303
    assert here.get("/").status_code == 200


def test_an_internal_error_shows_no_internals(ctx: AppContext) -> None:
    def broken() -> datetime:
        raise RuntimeError("the secret is 42")

    response = Browser(create_app(ctx, clock=broken)).get(
        signed_path(ctx, TokenPurpose.CONFIRM, create_subscriber(ctx))
    )
    assert response.status_code == 500
    assert "42" not in re.sub(r"v=\w+", "", response.text)
    assert set(response.headers) >= HEADERS
    assert response.headers["cache-control"] == "no-store"


def test_an_unavailable_database_has_an_error_page_without_details(tmp_path: Path, connect: Connect) -> None:
    (tmp_path / "empty.db").touch()
    lost = AppContext(settings(tmp_path), connect(f"sqlite:///{tmp_path}/empty.db"), TokenSigner(["a key for tests"]))
    browser = Browser(create_app(lost, clock=lambda: TEST_TIME))
    response = browser.get("/papers")
    assert response.status_code == 503
    assert "retry-after" in response.headers
    assert "listing" not in response.text
    health = browser.get("/healthz")
    assert health.status_code == 503
    assert "digest migrate" in health.json()["reason"]


def test_health_fails_if_the_file_is_no_database(
    ctx: AppContext, browser: Browser, tmp_path: Path, connect: Connect
) -> None:
    assert browser.get("/healthz").json()["status"] == "ok"
    (tmp_path / "noise.db").write_bytes(b"this is no database at all" * 100)
    lost = AppContext(settings(tmp_path), connect(f"sqlite:///{tmp_path}/noise.db"), ctx.token_signer)
    response = Browser(create_app(lost, clock=lambda: TEST_TIME)).get("/healthz")
    assert response.status_code == 503
    assert str(tmp_path) not in response.text


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.0.2.7", 403), ("2001:db8::7", 403)],
)
def test_the_local_mailbox_is_for_this_machine_only(ctx: AppContext, address: str, status: int) -> None:
    store_message(ctx)
    browser = Browser(create_app(ctx, clock=lambda: TEST_TIME), address=address)
    assert [browser.get(f"/inbox{path}").status_code for path in ("", "/1-1", "/1-1/html", "/1-1/raw")] == [status] * 4


def test_the_local_mailbox_shows_messages_and_exists_without_a_relay_only(
    ctx: AppContext, browser: Browser, tmp_path: Path
) -> None:
    store_message(ctx)
    browser = Browser(browser.app, address="127.0.0.1")
    assert "Café &lt;b&gt;" in browser.get("/inbox").text
    page = browser.get("/inbox/1-1")
    assert "plain &lt;i&gt;words" in page.text
    frame = ParsedPage(page.text).find_tag(src="/inbox/1-1/html")
    assert "allow-scripts" not in frame["sandbox"]
    assert "allow-same-origin" not in frame["sandbox"]
    html = browser.get("/inbox/1-1/html")
    assert '<base target="_top">' in html.text
    assert "sandbox allow-top-navigation" in html.headers["content-security-policy"]
    raw = browser.get("/inbox/1-1/raw")
    assert raw.content == (ctx.mailbox_directory / "1-1.eml").read_bytes()
    assert raw.headers["content-disposition"] == 'attachment; filename="1-1.eml"'
    for stray in ("..%2F..%2Fdigest", "*", "1-1.eml", "%2e%2e"):
        assert browser.get(f"/inbox/{stray}").status_code == 404
    relayed = settings(tmp_path, smtp_host="smtp.example.org", secret_key="a key for tests")
    away = browser_at(AppContext(relayed, ctx.engine, ctx.token_signer))
    for path in ("/inbox", "/inbox/1-1", "/inbox/1-1/html", "/inbox/1-1/raw"):
        assert away.get(path).status_code == 404
    assert "/inbox" not in ParsedPage(away.get("/").text).links


def test_pages_below_a_path_have_links_below_it(ctx: AppContext, tmp_path: Path) -> None:
    below = settings(tmp_path, base_url="https://example.org/digest")
    browser = browser_at(AppContext(below, ctx.engine, ctx.token_signer))
    for prefix in ("", "/digest"):  # a proxy may take the path off, or leave it
        page = browser.get(f"{prefix}/")
        assert page.status_code == 200
        assert all(link.startswith(("/digest/", "#")) for link in ParsedPage(page.text).links)
        assert browser.get(f"{prefix}/static/style.css").status_code == 200
        assert browser.get(f"{prefix}/confirm/x").headers["cache-control"] == "no-store"
    assert browser.post("/digest/subscribe", FORM).headers["location"] == "/digest/sent"


def test_static_files_can_be_cached_because_their_url_changes(browser: Browser) -> None:
    style = next(
        found["href"] for tag, found in ParsedPage(browser.get("/").text).tags if found.get("rel") == "stylesheet"
    )
    assert re.search(r"\?v=[0-9a-f]{12}$", style)
    assert "max-age=31536000" in browser.get(style).headers["cache-control"]
