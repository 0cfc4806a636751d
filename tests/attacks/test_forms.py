"""Attacks by what people type into forms, or programs send to them."""

import asyncio
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import timedelta
from typing import TypeVarTuple

import httpx
from sqlmodel import select

from digest.database import read_session
from digest.database.models import Subscriber, SubscriberStatus
from digest.delivery import send_queued
from digest.matching import KeywordInput
from digest.planning import plan
from digest.subscribers import Preferences, update_preferences
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.attacks.conftest import EVE, Target
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import ADA, BOB, set_status, store_papers
from tests.support.work import cpu_limit

Ts = TypeVarTuple("Ts")
NEW = "nobody@example.org"
BREAKS = "\r\nBcc: eve@example.org\r\n\x85X-Evil: 1\u2028X-Evil: 2\r\n\r\nbody"
FORM = {"keywords": "robot", "email": NEW}


def test_no_form_tells_who_is_a_subscriber(target: Target) -> None:
    set_status(target.ctx.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse")
    emails = (NEW, ADA, BOB, EVE)
    program = {"keywords": ["robot"], "agreed": True}
    forms = [[target.browser.post(path, FORM | {"email": email}) for email in emails] for path in ("/subscribe", "/")]
    api = [target.browser.post("/api/v1/subscriptions", json=program | {"email": email}) for email in emails]
    for responses in (*forms, api):
        assert len({response.status_code for response in responses}) == 1
        texts = {response.text.replace(email, "") for response, email in zip(responses, emails, strict=True)}
        assert len(texts) == 1
        assert len({str(sorted(response.headers)) for response in responses}) == 1


def test_no_response_is_faster_for_one_address_than_for_another(target: Target) -> None:
    """Each response waits for an hour after its request, in a loop that skips the pause."""
    set_status(target.ctx.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse")
    app = create_app(target.ctx, clock=lambda: TEST_TIME, limits=FormLimits(mailbox=1), min_answer_seconds=3600)

    async def post(email: str) -> int:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://digest.test") as client:
            return (await client.post("/subscribe", data=FORM | {"email": email})).status_code

    for email in (EVE, NEW, ADA, BOB, EVE):
        with asyncio.Runner(loop_factory=SkippingLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, SkippingLoop)
            assert runner.run(post(email)) == 303
        assert [round(pause / 3600) for pause in loop.pauses] == [1]


class SkippingLoop(asyncio.SelectorEventLoop):
    """Event loop that records pauses of a minute and more, and skips them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if (pause := when - self.time()) >= 60:
            self.pauses.append(pause)
            when = 0
        return super().call_at(when, callback, *args, context=context)


def test_a_stranger_cannot_flood_an_address(target: Target) -> None:
    app = create_app(target.ctx, clock=lambda: TEST_TIME, limits=FormLimits(), min_answer_seconds=0)
    for number in range(8):
        browser = Browser(app, f"198.51.{number}.7")
        assert browser.post("/subscribe", FORM | {"email": f"victim+{number}@example.org"}).status_code == 303
        assert browser.post("/subscribe", FORM | {"email": EVE}).status_code == 303
    with read_session(target.ctx.engine) as session:
        emails = session.exec(select(Subscriber.email)).all()
    assert len([email for email in emails if email.startswith("victim")]) == FormLimits().mailbox
    assert target.record.delivery_kinds(EVE) == ["confirm"]  # of this day; the one that it had before


def test_concurrent_confirmations_send_one_welcome(target: Target) -> None:
    path = f"/confirm/{target.token(TokenPurpose.CONFIRM, EVE)}"
    with ThreadPoolExecutor(6) as executor:
        statuses = list(executor.map(lambda _: target.browser.post(path).status_code, range(6)))
    assert statuses == [200] * 6
    assert target.record.delivery_kinds(EVE).count("welcome") == 1


INVALID_ADDRESSES = [
    "ada@example.org\r\nBcc: eve@example.org",
    "ada@example.org\nRCPT TO:<eve@example.org>",
    "ada@example.org,eve@example.org",
    "ada@example.org eve@example.org",
    "ada@example.org\0",
    "<ada@example.org>",
    "ada@example.org>\r\nRCPT TO:<eve",
    '"ada\r\nBcc: eve"@example.org',
    "ada@[127.0.0.1]",
    "ada@localhost",
    "ada\u202egro.elpmaxe@example.org",
    "\u0430da@example.org",  # a Cyrillic letter before the @: SMTPUTF8, which relays may not speak
    "ada@exam\u200bple.org",
]


def test_no_address_smuggles_a_header_a_command_or_a_second_address(target: Target) -> None:
    before = target.dump(counters=False)
    for email in INVALID_ADDRESSES:
        assert target.browser.post("/subscribe", FORM | {"email": email}).status_code == 422, email
        program = {"email": email, "agreed": True}
        assert target.browser.post("/api/v1/subscriptions", json=program).status_code == 422, email
    assert target.dump(counters=False) == before


def test_a_lookalike_domain_is_stored_in_its_ascii_form(target: Target) -> None:
    before = target.record.deliveries(ADA)
    lookalike = "ada@ex\u0430mple.org"  # with a Cyrillic letter
    assert target.browser.post("/subscribe", FORM | {"email": lookalike}).status_code == 303
    with read_session(target.ctx.engine) as session:
        emails = session.exec(select(Subscriber.email).where(Subscriber.email.like("%xn--%"))).all()  # type: ignore[attr-defined]
    assert [email.isascii() for email in emails] == [True]
    assert target.record.deliveries(ADA) == before


INJECTIONS = [
    "' OR 1=1 --",
    "'; DROP TABLE subscriber; --",
    '" OR ""="',
    "robot') UNION SELECT email, nonce FROM subscriber --",
    "robot* NEAR(hands, 3)",
    "title:robot} AND {abstract",
    "%' ESCAPE '",
    "\\",
    "{0} %s $1 :name",
    "a:* & !b | <->",
]


def test_no_query_reaches_the_database_as_anything_but_words(target: Target) -> None:
    before = target.dump()
    for query in INJECTIONS:
        for path in ("/papers", "/api/v1/papers", "/feeds/atom", "/"):
            for text in (query, '"' + query.replace('"', "") + '"'):
                response = target.browser.get(path, params={"q": text, "keywords": text})
                assert response.status_code in {200, 400, 404, 422}, (path, text)
                assert not {ADA, BOB} & set(re.findall(r"[\w.]+@[\w.]+", response.text))
    assert target.dump() == before


HOSTILE = ["(" * 5000, "a OR " * 4000 + "a", '"' * 9999, "NOT " * 4000 + "a", "a*" * 9000, "a-" * 9000, "\u0301" * 9000]


def test_hostile_queries_take_little_work(target: Target) -> None:
    with cpu_limit():  # steps of the parser are counted in tests/unit/matching
        for query in HOSTILE:
            assert target.browser.post("/preview", {"keywords": query}).status_code in {200, 422}
            assert target.browser.get("/api/v1/keywords/explain", params={"q": query}).status_code in {200, 422}


def test_oversize_keywords_are_refused_and_change_nothing(target: Target) -> None:
    before = target.dump(counters=False)
    for keywords in ("x" * 60_000, "word " * 11_000, "\n".join(f"word{n}" for n in range(5000)), "a\n" * 30_000):
        assert target.browser.post("/subscribe", FORM | {"keywords": keywords}).status_code in {413, 422}
        path = f"/preferences/{target.token(TokenPurpose.PREFERENCES)}"
        assert target.browser.post(path, {"keywords": keywords}).status_code in {413, 422}
    assert target.dump(counters=False) == before


BOMBS = [
    "[" * 60_000,
    '{"a":' * 10_000,
    '{"email": ' + "9" * 60_000 + "}",
    json.dumps({"email": NEW, "agreed": True, "keywords": ["a"] * 20_000}),
    '{"email": "' + "\\ud800" * 9000 + '", "agreed": true}',
    '{"email": "nobody@example.org", "agreed": true, "hour": 1e999}',
    '{"email": "nobody@example.org", "agreed": true, "cap": NaN}',
    "\x00",
    "",
    "\ufeff{}",
]


def test_no_json_breaks_the_api(target: Target) -> None:
    before = target.dump(counters=False)
    headers = {"content-type": "application/json"}
    with cpu_limit():
        for bomb in BOMBS:
            response = target.browser.post("/api/v1/subscriptions", content=bomb, headers=headers)
            assert response.status_code in {400, 413, 422}, bomb[:60]
            assert response.headers["content-type"].startswith("application/problem+json"), bomb[:60]
    assert target.dump(counters=False) == before


def test_no_other_method_changes_anything(target: Target) -> None:
    before = target.dump(counters=False)
    paths = ["/", "/subscribe", "/papers", "/api/v1/papers", "/api/v1/subscriptions", "/static/style.css"]
    purposes = (TokenPurpose.CONFIRM, TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES, TokenPurpose.PAUSE)
    paths += [f"/{purpose.value}/{target.token(purpose)}" for purpose in purposes]
    for path in paths:
        target.browser.get(path, headers={"X-HTTP-Method-Override": "POST", "X-Method": "POST"})
        target.browser.get(path, params={"_method": "POST", "answer": "yes"})
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"):
            assert target.browser.send(method, path).status_code in {400, 404, 405}, (method, path)
    assert target.dump(counters=False) == before


def test_a_request_from_another_site_has_no_token_and_does_nothing(target: Target) -> None:
    # Only the token in the URL authorizes; a form of another site has none, whatever cookies a browser would send.
    before = target.dump(counters=False)
    headers = {"Origin": "https://evil.example", "Cookie": "session=1", "Referer": "https://evil.example/"}
    for path in ("/preferences/x", "/unsubscribe/x", "/confirm/x", "/preferences/x/erase"):
        assert target.browser.post(path, {"answer": "yes"}, headers=headers).status_code == 404
    assert "access-control-allow-origin" not in target.browser.get("/api/v1/papers?q=robot", headers=headers).headers
    assert target.dump(counters=False) == before


def test_the_host_header_of_a_client_is_not_used(target: Target) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in ("/", "/papers", "/feeds/atom?q=robot", "/feeds/json?q=robot", "/api/v1/papers?q=robot"):
        response = target.browser.get(path, headers=headers)
        assert "evil.example" not in response.text
        assert "evil.example" not in str(response.headers)
    response = target.browser.post("/subscribe", FORM, headers=headers)
    assert response.headers["location"] == "/sent"


def test_no_form_redirects_to_another_host(target: Target) -> None:
    evil = "https://evil.example"
    names = ("next", "url", "return", "redirect", "to", "keywords", "saved", "add", "narrow", "sure")
    responses = [target.browser.post("/subscribe", FORM | dict.fromkeys(names, evil))]
    responses += [target.browser.get(path, params=dict.fromkeys(names, evil)) for path in ("/", "/papers", "/sent")]
    responses += [
        target.browser.get(path) for path in ("//evil.example", "//evil.example/..", "/\\evil.example", "/papers/")
    ]
    path = f"/preferences/{target.token(TokenPurpose.PREFERENCES)}"
    responses.append(target.browser.post(path, {"keywords": "robot", "next": evil}))
    for response in responses:
        location = response.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


def test_no_keyword_and_no_title_reach_a_header_of_an_email(target: Target) -> None:
    later = TEST_TIME + timedelta(days=1)
    store_papers(target.ctx, later, f"Robot hands{BREAKS}", f"Walking{BREAKS}")
    update_preferences(
        target.ctx,
        target.token(TokenPurpose.PREFERENCES),
        Preferences(),
        [KeywordInput(f"walk*{BREAKS}", "walk*")],
        None,
        TEST_TIME,
    )
    plan(target.ctx.engine, target.ctx.sender_domain, later + timedelta(hours=1))
    before = len(target.messages())
    asyncio.run(send_queued(target.ctx, lambda: later))
    (message,) = target.messages()[before:]
    assert "walk" in message.subject
    assert {"bcc", "x-evil"}.isdisjoint(name.lower() for name in message.message)
    assert message.recipient == ADA
    assert "Evil" not in [*message.message.keys()]
