"""The operator's pages: access, contents and actions."""

import asyncio
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import connect, write_session
from digest.database.models import DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import send_queued
from digest.delivery.circuit_breaker import close_circuit, open_circuit
from digest.monitoring import PAGE_ROWS
from digest.monitoring.statistics import summarize_month
from digest.planning import plan
from digest.tokens import delivery_subject
from digest.web import create_app
from digest.web.admin.charts import axis_ticks, monthly_charts
from digest.web.assets import static_directory
from digest.web.auth import LOGIN_ATTEMPTS_PER_HOUR, SESSION_LIFETIME
from tests.support.browser import Browser, ParsedPage
from tests.support.contexts import ADA, BOB, DAY, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import delivery, source_fetch, subscriber
from tests.support.profiles import CLOSE_TITLE, set_profile
from tests.support.relay import relay, text_of

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)  # a Wednesday
TOKEN = "a-token-that-is-long-enough"
BASE_URL = "https://digest.test"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Operator:
    """Browser that keeps its session cookie and posts from the same site."""

    ctx: AppContext
    now: datetime = NOW
    address: str = "192.0.2.1"
    cookie: str = ""
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        self.browser = Browser(create_app(self.ctx, clock=lambda: self.now), self.address, base=BASE_URL)

    def get(self, path: str = "") -> httpx.Response:
        return self.browser.get(f"/operator{path}", headers={"Cookie": self.cookie})

    def post(self, path: str, headers: dict[str, str] = SAME_SITE, **form: str) -> httpx.Response:
        return self.browser.post(f"/operator{path}", form, headers={"Cookie": self.cookie, **headers})

    def log_in(self, token: str = TOKEN) -> httpx.Response:
        response = self.post("/login", token=token)
        self.cookie = response.headers.get("set-cookie", "").partition(";")[0]
        return response

    def page(self, path: str = "") -> str:
        response = self.get(path)
        assert response.status_code == 200, path
        return response.text


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    return make_context(store, operator_token=TOKEN, base_url=BASE_URL)


@pytest.fixture
def sqlite_ctx(sqlite_store: Engine) -> AppContext:
    """Return a context on SQLite, for tests that do not depend on the database."""
    return make_context(sqlite_store, operator_token=TOKEN, base_url=BASE_URL)


@pytest.fixture
def operator(ctx: AppContext) -> Operator:
    found = Operator(ctx)
    found.log_in()
    return found


def create_delivery(ctx: AppContext, email: str = ADA, **given: Any) -> int:
    with write_session(ctx.engine) as session:
        to = session.exec(select(Subscriber).where(Subscriber.email == email)).first()
        if to is None:
            session.add(to := subscriber(email=email, last_due_day=NOW.date()))
            session.flush()
        session.add(row := delivery(to, **{"edition": f"{NOW:%F}", "created_at": NOW} | given))
        session.flush()
        return int(row.id or 0)


# --- signing in


PATHS = (
    "",
    "/subscribers",
    "/subscribers/1",
    "/deliveries",
    "/deliveries/1",
    "/sources",
    "/papers",
    "/quarantine",
    "/activity",
    "/live",
)
POSTS = ("/logout", "/subscribers", "/deliveries", "/deliveries/1/resolve", "/deliveries/1/copy")


def test_without_a_token_there_are_no_admin_pages(sqlite_store: Engine) -> None:
    without_operator = Operator(make_context(sqlite_store))
    for path in (*PATHS, "/login"):
        assert without_operator.get(path).status_code == 404
    for url in (*POSTS, "/login"):
        assert without_operator.post(url, token="").status_code == 404


def test_without_a_session_pages_redirect_to_the_login(sqlite_ctx: AppContext) -> None:
    stranger = Operator(sqlite_ctx)
    for path in PATHS:
        response = stranger.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/operator/login")
    for url in POSTS[1:]:
        assert stranger.post(url, answer="sent").headers["location"] == "/operator/login"
    for cookie in ("digest_operator=x", f"digest_operator={TOKEN}", "digest_operator=6a.b.c", "digest_operator="):
        stranger.cookie = cookie
        assert stranger.get().status_code == 303


def test_the_token_logs_in_and_the_cookie_is_restricted(sqlite_ctx: AppContext) -> None:
    operator = Operator(sqlite_ctx)
    response = operator.log_in()
    assert (response.status_code, response.headers["location"]) == (303, "/operator")
    text = {part.strip().lower() for part in response.headers["set-cookie"].split(";")[1:]}
    assert text == {"httponly", "secure", "samesite=strict", "path=/operator", f"max-age={12 * 3600}"}
    assert TOKEN not in response.headers["set-cookie"]
    page = operator.get()
    assert page.status_code == 200
    assert (page.headers["cache-control"], page.headers["x-robots-tag"]) == ("no-store", "noindex, nofollow")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "same-origin"
    assert operator.get("/login").headers["location"] == "/operator"


def test_on_plain_http_the_cookie_is_not_secure(sqlite_store: Engine) -> None:
    plain = Operator(make_context(sqlite_store, operator_token=TOKEN, base_url="http://digest.test/papers"))
    text = plain.browser.post("/papers/operator/login", {"token": TOKEN}, headers=SAME_SITE).headers
    assert "secure" not in text["set-cookie"].lower()
    assert "Path=/papers/operator" in text["set-cookie"]
    assert text["location"] == "/papers/operator"


def test_a_wrong_token_is_refused_and_attempts_are_limited(sqlite_ctx: AppContext) -> None:
    guesser = Operator(sqlite_ctx)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ünpassend"):
        response = guesser.log_in(wrong)
        assert (response.status_code, "set-cookie" in response.headers) == (403, False)
        assert "This token is not correct" in response.text
    for _ in range(LOGIN_ATTEMPTS_PER_HOUR - 5):
        guesser.log_in("x")
    held_up = guesser.log_in()
    assert (held_up.status_code, "set-cookie" in held_up.headers) == (429, False)
    assert 0 < int(held_up.headers["retry-after"]) <= 3601
    neighbour = Browser(guesser.browser.app, "192.0.2.2", BASE_URL)
    assert neighbour.post("/operator/login", {"token": TOKEN}, headers=SAME_SITE).status_code == 303


def test_a_session_ends(sqlite_ctx: AppContext, sqlite_store: Engine) -> None:
    operator = Operator(sqlite_ctx)
    operator.log_in()
    copied = operator.cookie
    operator.now = NOW + SESSION_LIFETIME - timedelta(seconds=1)
    assert operator.get().status_code == 200
    operator.now = NOW + SESSION_LIFETIME
    assert operator.get().status_code == 303
    operator.now = NOW
    left = operator.post("/logout")
    assert left.headers["location"] == "/operator/login"
    assert 'digest_operator=""' in left.headers["set-cookie"]
    operator.cookie = copied
    assert operator.get().status_code == 303
    other = Operator(make_context(sqlite_store, operator_token=TOKEN + "-renewed", base_url=BASE_URL))
    other.cookie = Operator(sqlite_ctx).log_in().headers["set-cookie"].partition(";")[0]
    assert other.get().status_code == 303


CLAIMS: list[tuple[dict[str, str], bool]] = [
    (SAME_SITE, True),
    ({"Origin": BASE_URL}, True),
    ({"Sec-Fetch-Site": "cross-site", "Origin": BASE_URL}, False),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "none"}, False),
    ({"Origin": "https://digest.test.evil.example"}, False),
    ({"Origin": "http://digest.test"}, False),
    ({"Origin": "null"}, False),
    ({"Referer": BASE_URL}, False),
    ({}, False),
]


def test_a_form_of_another_site_is_refused(sqlite_ctx: AppContext) -> None:
    operator = Operator(sqlite_ctx)
    operator.log_in()
    for place, (headers, taken) in enumerate(CLAIMS):
        number = create_delivery(sqlite_ctx, state=DeliveryState.UNCERTAIN, edition=f"letter {place}")
        response = operator.post(f"/deliveries/{number}/resolve", headers, answer="sent")
        assert response.status_code == (303 if taken else 403), headers
        assert StoreView(sqlite_ctx.engine).deliveries()[-1].state == ("sent" if taken else "uncertain"), headers
        assert operator.post("/login", headers, token=TOKEN).status_code == (303 if taken else 403), headers


# --- the first page


def test_the_overview_says_that_all_is_well(sqlite_ctx: AppContext, sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        for source in ("huggingface", "arxiv"):
            for back in (2, 1, 0):
                then = NOW - back * DAY
                session.add(
                    source_fetch(source=source, list_day=then.date(), started_at=then, listed_count=4, new_count=4)
                )
                session.flush()
    operator = Operator(sqlite_ctx)
    operator.log_in()
    assert "All is well" in operator.page()
    assert "No digest is due yet today." in operator.page()


def test_alerts_come_first(operator: Operator, ctx: AppContext) -> None:
    for number in range(6):
        create_delivery(ctx, f"{number}@example.org", state=DeliveryState.FAILED if number < 3 else DeliveryState.SENT)
    number = create_delivery(ctx, state=DeliveryState.UNCERTAIN, edition="another")
    create_delivery(ctx, BOB, created_at=NOW - timedelta(hours=2), edition="waits")
    with write_session(ctx.engine) as session:
        for back in (9, 8, 0):
            then = NOW - back * DAY
            session.add(source_fetch(source="arxiv", list_day=then.date(), started_at=then, listed_count=4))
            session.flush()
        session.add(source_fetch(source="arxiv", list_day=(NOW - DAY).date(), started_at=NOW, status="not-listed"))
        open_circuit(session, ctx.relay_config().name, code=535, reply="535 no <b>", now=NOW)
    page = operator.page()
    seen = ParsedPage(page).text
    for text in (
        "Needs attention",
        "The relay has accepted no e-mails since 29 July, 12:00 UTC: 535 no <b>",
        "1 delivery is uncertain",
        "50.0% of the e-mails of the last 7 days failed (3).",
        "Hugging Face has never been fetched.",
        "arXiv announced nothing on Tuesday 28 July; anything late will be in a later digest.",
        "arXiv was not read for Thursday 23 July",
        "1 digest in progress.",
    ):
        assert text in seen, text
    assert "<b>" not in page
    assert ADA not in page
    with write_session(ctx.engine) as session:
        close_circuit(session, ctx.relay_config().name)
    later = Operator(ctx)
    later.log_in()
    assert "Sending is overdue: e-mails have been waiting since 2026-07-29 10:00 UTC" in later.page()
    assert "/operator/deliveries?state=uncertain" in page
    listed = operator.page("/deliveries?state=uncertain")
    assert re.findall(r'href="/operator/deliveries/(\d+)#resolve"', listed) == [str(number)]


def test_an_unusable_database_is_reported(tmp_path: Any) -> None:
    (tmp_path / "empty.db").touch()
    operator = Operator(
        make_context(connect(f"sqlite:///{tmp_path}/empty.db"), operator_token=TOKEN, base_url=BASE_URL)
    )
    operator.log_in()
    assert "The database has no schema, and this version needs" in operator.page()


def test_charts_have_a_title_and_a_table_of_their_figures(sqlite_ctx: AppContext) -> None:
    for back in range(3, -1, -1):
        create_delivery(sqlite_ctx, state=DeliveryState.SENT, edition=f"e{back}", created_at=NOW - back * DAY)
    with write_session(sqlite_ctx.engine) as session:
        session.add(source_fetch(source="arxiv", list_day=NOW.date(), started_at=NOW, listed_count=4))
    operator = Operator(sqlite_ctx)
    operator.log_in()
    page = operator.page()
    assert "style=" not in page
    assert "<style" not in page
    assert re.findall(r"<script(?! src=)", page) == []
    drawings = [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    drawings = [drawing for drawing in drawings if "chart" in drawing.attrib.get("class", "")]
    assert len(drawings) == 3  # e-mails, subscribers, and the source that was read
    styles = (static_directory() / "operator.css").read_text()
    for drawing in drawings:
        assert f".{'.'.join(drawing.attrib['class'].split())} .color-" in styles  # else its marks are black
        named, described = (drawing.attrib["aria-labelledby"]).split()
        texts = {found.attrib["id"]: found.text for found in drawing if "id" in found.attrib}
        assert drawing.attrib["role"] == "img"
        assert texts[named]
        assert texts[described]
    assert "In 30 days: 4 e-mails sent, 0 failed, 0 uncertain." in page
    assert '<th scope="row">Wednesday 29 July</th><td>1</td><td>0</td>' in page
    ids = [attributes["id"] for _, attributes in ParsedPage(page).tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_bar_heights_match_the_figures(sqlite_ctx: AppContext) -> None:
    create_delivery(sqlite_ctx, state=DeliveryState.SENT, created_at=NOW)
    create_delivery(sqlite_ctx, BOB, state=DeliveryState.SENT, created_at=NOW)
    create_delivery(sqlite_ctx, state=DeliveryState.SENT, created_at=NOW - DAY, edition="yesterday")
    (drawn, *_) = monthly_charts(summarize_month(sqlite_ctx.engine, NOW))
    bars = [
        float(bar.attrib["height"])
        for group in ET.fromstring(drawn.svg).iter()
        if "serie-0" in group.attrib.get("class", "")
        for bar in group.iter("{http://www.w3.org/2000/svg}rect")
        if "reactive" in bar.attrib.get("class", "") and float(bar.attrib["height"]) > 1
    ]
    assert len(bars) == 2
    assert max(bars) == pytest.approx(2 * min(bars))


@pytest.mark.parametrize(
    ("least", "most", "wanted"),
    [(0, 0, [0, 1]), (0, 1, [0, 1]), (0, 7, [0, 2, 4, 6, 8]), (0, 23, [0, 5, 10, 15, 20, 25]), (950, 1040, None)],
)
def test_axis_ticks_are_round_numbers(least: int, most: int, wanted: list[int] | None) -> None:
    found = axis_ticks(least, most)
    assert found == (wanted or [940, 960, 980, 1000, 1020, 1040])
    assert found[0] <= least
    assert found[-1] >= most


# --- one email


@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("lost", "failed")])
def test_an_uncertain_delivery_is_resolved(operator: Operator, ctx: AppContext, outcome: str, state: str) -> None:
    number = create_delivery(ctx, state=DeliveryState.UNCERTAIN, papers=[7])
    assert "Mark as sent" in operator.page(f"/deliveries/{number}")
    for wrong in ("", "maybe"):
        assert operator.post(f"/deliveries/{number}/resolve", answer=wrong).status_code == 422
    done = operator.post(f"/deliveries/{number}/resolve", answer=outcome)
    assert (done.status_code, done.headers["location"]) == (303, f"/operator/deliveries/{number}?done=1")
    assert f"Marked as {outcome}." in operator.page(f"/deliveries/{number}?done=1")
    (row,) = StoreView(ctx.engine).deliveries()
    assert (row.state, row.settled_at) == (state, NOW)
    assert "uncertain" not in ParsedPage(operator.page()).text.replace("0 uncertain", "").partition("Today")[0]
    again = operator.post(f"/deliveries/{number}/resolve", answer="lost", back="delivery")
    assert again.status_code == 409
    assert "not uncertain" in again.text
    assert StoreView(ctx.engine).deliveries()[0].state == state
    assert "Mark as sent" not in operator.page(f"/deliveries/{number}")


def test_unknown_ids_are_not_found(sqlite_ctx: AppContext) -> None:
    operator = Operator(sqlite_ctx)
    operator.log_in()
    for path in ("/deliveries/9", "/subscribers/9", "/deliveries/x", "/nothing"):
        assert operator.get(path).status_code in {404, 422}
    assert operator.post("/deliveries/9/copy").status_code == 409


# --- one subscriber


@pytest.fixture
def ctx_with_digest(ctx: AppContext) -> tuple[AppContext, int]:
    """Return a context in which Ada has had a digest and the next one has a paper."""
    add_active_subscriber(ctx, ADA, "robot", "-laundry", now=NOW - 2 * DAY)
    store_papers(ctx, NOW - DAY, "A robot of yesterday")
    plan(ctx.engine, ctx.sender_domain, NOW - DAY)
    StoreView(ctx.engine).set_state(DeliveryState.SENT)
    store_papers(ctx, NOW, "A new robot <b>", "A robot does the laundry", "Nothing of hers", CLOSE_TITLE)
    return ctx, StoreView(ctx.engine).deliveries(ADA)[-1].id or 0


def test_a_subscriber_is_found_by_address_and_shown(
    operator: Operator, ctx_with_digest: tuple[AppContext, int]
) -> None:
    ctx, _ = ctx_with_digest
    add_active_subscriber(ctx, "adam@example.org", now=NOW)
    found = operator.post("/subscribers", q=f" {ADA.upper()} ")
    assert found.status_code == 303
    assert "@" not in found.headers["location"]
    page = operator.page(found.headers["location"].removeprefix("/operator"))
    seen = " ".join(ParsedPage(page).text.split())
    for text in (ADA, "title or abstract contains “robot”", "-laundry", "Excluded", "Due now, for Wednesday 29 July"):
        assert text in seen, text
    assert "1 paper so far" in seen
    assert "A new robot &lt;b&gt;" in page
    assert '<mark class="k0" dir="auto">robot</mark> in the title' in page
    assert "A robot of yesterday" not in seen
    assert "Close to their keywords" not in seen
    set_profile(ctx, ADA)
    close = ParsedPage(operator.page("/subscribers/1")).text.partition("Close to their keywords")[2]
    assert CLOSE_TITLE in close.partition("How it is read")[0]
    assert "privacy" in close.partition("How it is read")[0]
    assert "1 paper: robot" in seen
    for part, names in (("ADA", ["adam@example.org", ADA]), ("%", None), ("zzz", []), ("robots", [ADA])):
        listed = operator.post("/subscribers", q=part)
        shown = re.findall(r'subscribers/\d+">([^<]+@[^<]+)<', listed.text)
        assert (listed.status_code, shown if names is not None else None) == (
            (422, None) if names is None else (200, names)
        )
    assert "subscribers/" not in operator.post("/subscribers", q="_da").text.partition("<main")[2]
    assert operator.post("/subscribers", q="  ").headers["location"] == "/operator/subscribers"


def test_lists_have_tabs_filters_and_pages(operator: Operator, ctx: AppContext) -> None:
    for number in range(PAGE_ROWS + 3):
        address = f"{number:02}@example.org"
        create_delivery(ctx, address, state=DeliveryState.SENT if number else DeliveryState.FAILED, reply="550 <b>")
    with write_session(ctx.engine) as session:
        session.exec(select(Subscriber).where(Subscriber.email == "07@example.org")).one().frequency = "weekly"
    for path, row in (
        ("/subscribers", r'subscribers/(\d+)">'),
        ("/deliveries", r'<a href="/operator/deliveries/(\d+)"'),
    ):
        first = operator.page(path)
        (link,) = re.findall(r'href="/operator(/\w+\?(?:after|before)=\d+)"', first)
        second = operator.page(link)
        numbers = [*re.findall(row, first), *re.findall(row, second)]
        assert len(numbers) >= PAGE_ROWS + 3
        assert len(set(numbers)) == PAGE_ROWS + 3, path
        assert "First page" in second
        assert "@" not in link
    assert f"Active <small>{PAGE_ROWS + 3}</small>" in operator.page("/subscribers?status=active&order=address")
    assert re.findall(r'">(\d\d@example.org)</a>', operator.page("/subscribers?frequency=weekly")) == ["07@example.org"]
    assert "No subscriber matches these filters." in operator.page("/subscribers?status=paused")
    failed = operator.page("/deliveries?state=failed&kind=digest&day=2026-07-29")
    assert failed.count("<tr><td") == 1
    assert "550 &lt;b&gt;" in failed
    assert "No e-mail was queued on Tuesday 28 July." in operator.page("/deliveries?day=2026-07-28")
    assert (
        operator.post("/deliveries", q=" 00@EXAMPLE.org ")
        .headers["location"]
        .startswith("/operator/deliveries?subscriber=")
    )
    message_id = StoreView(ctx.engine).deliveries()[0].message_id
    for text in (message_id, message_id.strip("<>")):
        assert re.fullmatch(r"/operator/deliveries/\d+", operator.post("/deliveries", q=text).headers["location"])
    for text in ("", "nobody@example.org"):
        assert operator.post("/deliveries", q=text).status_code == 422
    for path in (
        "/subscribers?status=x",
        "/subscribers?after=x",
        "/deliveries?state=x",
        "/deliveries?day=x",
        "/activity?kind=x",
        *(f"{page}?done={2**63}" for page in ("/activity", "/sources", "/quarantine", "/subscribers")),
    ):
        assert operator.get(path).status_code == 422, path


def test_viewing_a_subscriber_changes_nothing(operator: Operator, ctx_with_digest: tuple[AppContext, int]) -> None:
    ctx, number = ctx_with_digest
    before = (
        [row.model_dump() for row in StoreView(ctx.engine).deliveries()],
        StoreView(ctx.engine).subscriber(ADA).model_dump(),
    )
    for path in (
        "",
        "/subscribers/1",
        f"/deliveries/{number}",
        f"/deliveries/{number}/copy",
        f"/deliveries/{number}/resolve",
    ):
        operator.get(path)
    assert (
        [row.model_dump() for row in StoreView(ctx.engine).deliveries()],
        StoreView(ctx.engine).subscriber(ADA).model_dump(),
    ) == before


def test_the_link_to_a_copy_is_queued_and_rate_limited(
    operator: Operator, ctx_with_digest: tuple[AppContext, int]
) -> None:
    ctx, number = ctx_with_digest
    done = operator.post(f"/deliveries/{number}/copy")
    assert done.status_code == 303
    assert "The link to the web copy is queued" in operator.page(done.headers["location"].removeprefix("/operator"))
    digest, *_, queued = StoreView(ctx.engine).deliveries(ADA)
    assert (queued.kind, queued.state, queued.edition) == (
        DeliveryKind.ALREADY_SUBSCRIBED,
        DeliveryState.QUEUED,
        f"copy:{delivery_subject(number, digest.message_id)}:2026-07-28:2026-07-29",
    )
    assert "already been sent today" in operator.post(f"/deliveries/{number}/copy").text
    others = [create_delivery(ctx, state=DeliveryState.SENT, edition=f"2026-07-{day}") for day in (20, 21, 22)]
    codes = [operator.post(f"/deliveries/{other}/copy").status_code for other in others]
    assert codes == [303, 303, 409]
    assert operator.post(f"/deliveries/{queued.id}/copy").status_code == 409
    old = create_delivery(ctx, state=DeliveryState.SENT, edition="2026-01-01", created_at=NOW - 100 * DAY)
    assert "this e-mail is older" in operator.post(f"/deliveries/{old}/copy").text
    with write_session(ctx.engine) as session:
        session.get_one(Subscriber, queued.subscriber_id).status = SubscriberStatus.SUPPRESSED
    operator.now = NOW + DAY
    operator.log_in()
    assert "This subscriber is suppressed" in operator.post(f"/deliveries/{number}/copy").text


def test_the_mailed_link_opens_the_copy(sqlite_ctx: AppContext) -> None:
    with relay() as running:
        sends = {"smtp_host": "127.0.0.1", "smtp_port": running.port, "smtp_tls": "none"}
        ctx = make_context(sqlite_ctx.engine, operator_token=TOKEN, base_url=BASE_URL, **sends)
        add_active_subscriber(ctx, ADA, "robot", now=NOW - DAY)
        store_papers(ctx, NOW, "A robot of ours")
        plan(ctx.engine, ctx.sender_domain, NOW)
        operator = Operator(ctx)
        operator.log_in()
        assert operator.post("/deliveries/1/copy").status_code == 303
        assert running.accepted == []  # never in the request
        asyncio.run(send_queued(ctx, lambda: NOW))
        first, second = running.mails()[ADA]
    mail = next(message for message in (first, second) if "online" in str(message["Subject"]))
    assert mail["Subject"] == "Your digest of Wednesday 29 July, online"
    link = re.findall(rf"{BASE_URL}(/emails/\S+)", text_of(mail))[0]
    copy = operator.browser.get(link)
    assert copy.status_code == 200
    assert "A robot of ours" in copy.text
    assert link in text_of(mail, "html")
