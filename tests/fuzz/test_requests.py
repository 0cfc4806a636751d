"""Any form, any body of the API and any webhook gets an answer in words, and what is stored can be read again."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from digest.bounces.webhooks import CertificateStore
from digest.context import AppContext
from digest.database import InvalidRow, read_session, select_readable
from digest.database.models import (
    DeliveryState,
    Keyword,
    PaperMark,
    Profile,
    SavedKeyword,
    SeedText,
    Subscriber,
    SubscriberStatus,
)
from digest.jobs.pipeline import plan
from digest.matching import can_parse
from digest.schedule import timezone_names
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.fuzz.test_parsers import ANY_TEXT, KEYWORD, REFERENCES, text_of
from tests.integration.web.test_webhooks import LOOPBACK
from tests.support import webhooks
from tests.support.browser import Browser
from tests.support.contexts import (
    ADA,
    StoreView,
    add_active_subscriber,
    make_context,
    sign_mark,
    sign_token,
    store_papers,
)
from tests.support.hosts import serve_host

NOW = webhooks.NOW
UNLIMITED = FormLimits(**{field.name: 10**9 for field in fields(FormLimits)})
FEWER = settings(  # a request takes longer than a parser
    max_examples=max(settings().max_examples // 4, 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ZONES = st.sampled_from(["Europe/Berlin", "localtime", "posixrules", "UTC", "../UTC", "utc", "Europe/", "+1"])
NUMBERS = st.sampled_from(["0", "8", "23", "24", "-1", "1e1", "\u0663", "+1", " 7 ", "1_0", "9" * 30, "1.0"])
DAYS = st.sampled_from(["2026-08-30", "9999-12-31", "0001-01-01", "20260830", "2026-W40-1"])
EMAIL = text_of("ada", "@", "example.org", "bücher.example", "[127.0.0.1]", ".", "+", "@gmial.com", "<", '"', "\r\n")
FORM = st.fixed_dictionaries(
    {},
    optional={
        "keywords": st.lists(KEYWORD, max_size=4).map("\n".join),
        "email": EMAIL | st.just("eve@example.net"),
        "sure": EMAIL,
        "mended": EMAIL,
        "website": ANY_TEXT,
        "add": KEYWORD,
        "replace": KEYWORD | st.tuples(KEYWORD, KEYWORD).map("\n".join),
        "convert": KEYWORD,
        "alerts": KEYWORD,
        "frequency": st.sampled_from(["daily", "weekly", "weekly-friday", "weekly-x", "monthly", "Daily", "hourly"])
        | ANY_TEXT,
        "hour": NUMBERS | ANY_TEXT,
        "timezone": ZONES | ANY_TEXT,
        "cap": NUMBERS | ANY_TEXT,
        "trending": ANY_TEXT,
        "summaries": ANY_TEXT,
        "thumbnails": ANY_TEXT,
        "sources": st.sampled_from(["arxiv", "huggingface"]) | ANY_TEXT,
        "sources_shown": ANY_TEXT,
        "close_papers": ANY_TEXT,
        "close_papers_shown": ANY_TEXT,
        "word": ANY_TEXT,
        "weight": NUMBERS | ANY_TEXT,
        "strike": ANY_TEXT,
        "restore": ANY_TEXT,
        "new_words": KEYWORD,
        "reset_words": st.just("") | ANY_TEXT,
        "references": REFERENCES,
        "weekday": NUMBERS | ANY_TEXT,
        "pause": DAYS | ANY_TEXT,
        "keyword": KEYWORD,
        "muted": NUMBERS | ANY_TEXT,
        "remove": NUMBERS | ANY_TEXT,
        "preview": ANY_TEXT,
        "answer": st.sampled_from(["yes", "no", "remove"]) | ANY_TEXT,
        "mark": st.sampled_from(["saved:1", "more:1", "less:99"]) | ANY_TEXT,
        "unmark": st.sampled_from(["saved:1", "less:1"]) | ANY_TEXT,
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
SUBSCRIPTION = st.fixed_dictionaries(
    {"agreed": st.just(True) | JSON, "email": EMAIL | st.just("eve@example.net") | JSON},
    optional={
        "keywords": st.lists(KEYWORD, max_size=4) | JSON,
        "frequency": st.sampled_from(["daily", "weekly"]) | JSON,
        "hour": st.integers(-2, 30) | JSON,
        "timezone": ZONES | JSON,
        "cap": st.integers(-2, 200) | JSON,
        "trending": st.booleans() | JSON,
        "summaries": st.booleans() | JSON,
    },
)
PIECES = text_of("{", "}", "[", "]", ":", ",", "&", "=", "%", "\\ud800", '"', "--b\r\n")
ODD_BODY = st.binary(max_size=200) | PIECES.map(lambda text: text.encode("utf-8", "surrogatepass"))
FORM_TYPE = "application/x-www-form-urlencoded"
MEDIA_TYPES = (
    FORM_TYPE,
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "application/json",
    "text/plain",
    "",
)
PATHS = ("/", "/preview", "/preview/rows", "/subscribe", "/api/v1/subscriptions")
PROVIDERS = ("amazon-ses", "sendgrid", "mailgun", "postmark")
PROVIDER_WORDS = """
Bounce Complaint Permanent Transient General abuse bounce dropped deferred spamreport failed complained unsubscribed
permanent HardBounce SpamComplaint 5.1.1 550
"""
PROVIDER_NAMES = """
eventType notificationType bounce complaint mail bounceType bounceSubType feedbackId tags bouncedRecipients
complainedRecipients emailAddress status diagnosticCode headers name value digest-delivery event email reason response
type sg_event_id event-data id recipient user-variables delivery-status code message severity RecordType Type ID Email
Details Metadata MessageID source destination signature timestamp token
"""
EVENT = st.recursive(
    st.sampled_from(PROVIDER_WORDS.split()) | st.none() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PROVIDER_NAMES.split()), inner, max_size=6)
    ),
    max_leaves=12,
)
SIGNATURES = st.dictionaries(
    st.sampled_from(
        ["Authorization", "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"]
    ),
    text_of("Basic ", "Z3Vlc3M6Z3Vlc3M=", "=", ":", "é").map(lambda text: text.encode("utf-8", "surrogatepass")),
)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    """A context whose subscriber has had a digest; all webhooks are on."""
    ctx = make_context(sqlite_store, base_url="http://digest.test", **webhooks.SETTINGS)
    add_active_subscriber(ctx, ADA, "robot", now=NOW - timedelta(days=2))
    store_papers(ctx, NOW - timedelta(days=1), "A robot")
    asyncio.run(plan(ctx, NOW))
    StoreView(sqlite_store).set_state(DeliveryState.SENT)
    return ctx


@pytest.fixture
def browser(ctx: AppContext) -> Browser:
    return Browser(create_app(ctx, clock=lambda: NOW, limits=UNLIMITED, min_answer_seconds=0))


@pytest.fixture
def provider(ctx: AppContext) -> Iterator[tuple[Browser, str]]:
    """The webhooks, and the address of the certificate that Amazon's messages name."""
    with serve_host(lambda _path, _query: (200, webhooks.certificate().decode(), {})) as host:
        app = create_app(ctx, clock=lambda: NOW, limits=UNLIMITED, certificates=CertificateStore(LOOPBACK))
        yield Browser(app), f"{host.url}/one.pem"


def check_rows(ctx: AppContext) -> None:
    """Check that whatever was stored can be read by a plan."""
    faults: list[InvalidRow] = []
    models: tuple[type[SQLModel], ...] = (Subscriber, SavedKeyword, Keyword, PaperMark, Profile, SeedText)
    with read_session(ctx.engine) as session:
        for model in models:
            select_readable(session.exec(select(model)).all(), faults)
        assert faults == []
        assert [text for text in session.exec(select(Keyword.canonical)) if not can_parse(text)] == []
        assert set(session.exec(select(Subscriber.timezone))) <= timezone_names()


@FEWER
@given(form=FORM)
def test_a_form_is_accepted_or_answered_in_words(ctx: AppContext, browser: Browser, form: dict[str, str]) -> None:
    preferences = f"/preferences/{sign_token(ctx, ADA, TokenPurpose.PREFERENCES, NOW)}"
    body = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in form.items()).encode()
    saved = f"/saved/{sign_token(ctx, ADA, TokenPurpose.SAVED, NOW)}"
    mark = f"/mark/{sign_mark(ctx, ADA, 1, 'saved', NOW)}"
    for path in ("/", "/preview", "/subscribe", preferences, f"{preferences}/papers", saved, mark):
        response = browser.post(path, content=body, headers={"Content-Type": FORM_TYPE})
        # The marks of a paper that is not stored are gone.
        assert response.status_code in {200, 202, 303, 422, *([410] if path == saved else [])}, path
    check_rows(ctx)


@FEWER
@given(body=ODD_BODY, media_type=st.sampled_from(MEDIA_TYPES), path=st.sampled_from(PATHS))
def test_a_body_that_is_no_form_is_no_fault_of_ours(
    ctx: AppContext, browser: Browser, body: bytes, media_type: str, path: str
) -> None:
    response = browser.post(path, content=body, headers={"Content-Type": media_type})
    assert response.status_code < 500
    check_rows(ctx)


@FEWER
@given(body=SUBSCRIPTION | JSON)
def test_the_api_accepts_or_says_which_field(ctx: AppContext, browser: Browser, body: Any) -> None:
    response = browser.post("/api/v1/subscriptions", content=json.dumps(body).encode())
    assert response.status_code in {202, 400, 422}
    assert response.json()["detail"]
    check_rows(ctx)


@FEWER
@given(event=EVENT)
def test_a_signed_event_of_any_shape_is_applied_or_refused(
    ctx: AppContext, provider: tuple[Browser, str], event: Any
) -> None:
    browser, url = provider
    requests = {
        "amazon-ses": webhooks.sns_request(event, SigningCertURL=url),
        "sendgrid": webhooks.sendgrid_request(event, event),
        "mailgun": webhooks.mailgun_request(event),
        "postmark": (json.dumps(event).encode(), webhooks.postmark_request("")[1]),
    }
    for name, (body, headers) in requests.items():
        assert browser.post(f"/bounces/{name}", content=body, headers=headers).status_code in {204, 400}, name
    assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.ACTIVE, "no event carried our token"


@FEWER
@given(body=ODD_BODY | EVENT.map(lambda event: json.dumps(event).encode()), headers=SIGNATURES)
def test_an_unsigned_request_of_any_shape_is_refused(
    provider: tuple[Browser, str], body: bytes, headers: dict[str, bytes]
) -> None:
    for name in PROVIDERS:
        response = provider[0].post(f"/bounces/{name}", content=body, headers=headers)
        assert response.status_code in {400, 403}, name
