"""Attacks by what is typed into forms, or sent to them by programs."""

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

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
from tests.support.browser import AT, Browser
from tests.support.contexts import ADA, BOB, arrive, put

NEW = "nobody@example.org"
BREAKS = "\r\nBcc: eve@example.org\r\n\x85X-Evil: 1\u2028X-Evil: 2\r\n\r\nbody"
FORM = {"keywords": "robot", "email": NEW}


def test_no_way_of_asking_tells_who_is_a_reader(target: Target) -> None:
    put(target.at.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse")
    emails = (NEW, ADA, BOB, EVE)
    program = {"keywords": ["robot"], "agreed": True}
    forms = [[target.browser.post(path, FORM | {"email": each}) for each in emails] for path in ("/subscribe", "/")]
    asked = [target.browser.post("/api/v1/subscriptions", json=program | {"email": each}) for each in emails]
    for answers in (*forms, asked):
        assert len({each.status_code for each in answers}) == 1
        assert len({each.text.replace(email, "") for each, email in zip(answers, emails, strict=True)}) == 1
        assert len({str(sorted(each.headers)) for each in answers}) == 1


def test_no_answer_is_quicker_for_one_address_than_for_another(target: Target) -> None:
    put(target.at.engine, BOB, SubscriberStatus.SUPPRESSED, reason="complaint: abuse")
    app, least = create_app(target.at, clock=lambda: AT, limits=FormLimits(mailbox=1), min_answer_seconds=1.5), 1.49
    Browser(app).post("/subscribe", FORM | {"email": EVE})

    def took(email: str) -> float:
        began = time.monotonic()
        assert Browser(app).post("/subscribe", FORM | {"email": email}).status_code == 303
        return time.monotonic() - began

    with ThreadPoolExecutor(4) as crew:
        assert min(crew.map(took, (NEW, ADA, BOB, EVE))) >= least


def test_a_stranger_cannot_have_an_address_bombed(target: Target) -> None:
    app = create_app(target.at, clock=lambda: AT, limits=FormLimits(), min_answer_seconds=0)
    for number in range(8):
        each = Browser(app, f"198.51.{number}.7")
        assert each.post("/subscribe", FORM | {"email": f"victim+{number}@example.org"}).status_code == 303
        assert each.post("/subscribe", FORM | {"email": EVE}).status_code == 303
    with read_session(target.at.engine) as session:
        waiting = session.exec(select(Subscriber.email)).all()
    assert len([each for each in waiting if each.startswith("victim")]) == FormLimits().mailbox
    assert target.record.kinds(EVE) == ["confirm"]  # of this day; the one that it had before


def test_confirming_many_times_at_once_welcomes_once(target: Target) -> None:
    path = f"/confirm/{target.token(TokenPurpose.CONFIRM, EVE)}"
    with ThreadPoolExecutor(6) as crew:
        statuses = list(crew.map(lambda _: target.browser.post(path).status_code, range(6)))
    assert statuses == [200] * 6
    assert target.record.kinds(EVE).count("welcome") == 1


NO_ADDRESSES = [
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


def test_no_address_smuggles_a_header_a_command_or_a_second_one(target: Target) -> None:
    before = target.dump(counts=False)
    for email in NO_ADDRESSES:
        assert target.browser.post("/subscribe", FORM | {"email": email}).status_code == 422, email
        program = {"email": email, "agreed": True}
        assert target.browser.post("/api/v1/subscriptions", json=program).status_code == 422, email
    assert target.dump(counts=False) == before


def test_a_domain_that_looks_like_another_is_shown_and_kept_as_what_it_is(target: Target) -> None:
    before = target.record.letters(ADA)
    lookalike = "ada@ex\u0430mple.org"  # with a Cyrillic letter
    assert target.browser.post("/subscribe", FORM | {"email": lookalike}).status_code == 303
    with read_session(target.at.engine) as session:
        kept = session.exec(select(Subscriber.email).where(Subscriber.email.like("%xn--%"))).all()  # type: ignore[attr-defined]
    assert [each.isascii() for each in kept] == [True]
    assert target.record.letters(ADA) == before


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
            for written in (query, '"' + query.replace('"', "") + '"'):
                answer = target.browser.get(path, params={"q": written, "keywords": written})
                assert answer.status_code in {200, 400, 404, 422}, (path, written)
                assert not {ADA, BOB} & set(re.findall(r"[\w.]+@[\w.]+", answer.text))
    assert target.dump() == before


HOSTILE = ["(" * 5000, "a OR " * 4000 + "a", '"' * 9999, "NOT " * 4000 + "a", "a*" * 9000, "a-" * 9000, "\u0301" * 9000]


def test_hostile_queries_are_answered_soon(target: Target) -> None:
    began = time.monotonic()
    for query in HOSTILE:
        assert target.browser.post("/preview", {"keywords": query}).status_code in {200, 422}
        assert target.browser.get("/api/v1/keywords/explain", params={"q": query}).status_code in {200, 422}
    assert time.monotonic() - began < 6


def test_an_oversize_keyword_or_too_many_of_them_keep_nothing(target: Target) -> None:
    before = target.dump(counts=False)
    for keywords in ("x" * 60_000, "word " * 11_000, "\n".join(f"word{n}" for n in range(5000)), "a\n" * 30_000):
        assert target.browser.post("/subscribe", FORM | {"keywords": keywords}).status_code in {413, 422}
        path = f"/preferences/{target.token(TokenPurpose.PREFERENCES)}"
        assert target.browser.post(path, {"keywords": keywords}).status_code in {413, 422}
    assert target.dump(counts=False) == before


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


def test_no_json_breaks_the_interface(target: Target) -> None:
    before, began = target.dump(counts=False), time.monotonic()
    program = {"content-type": "application/json"}
    for bomb in BOMBS:
        answer = target.browser.post("/api/v1/subscriptions", content=bomb, headers=program)
        assert answer.status_code in {400, 413, 422}, bomb[:60]
        assert answer.headers["content-type"].startswith("application/problem+json"), bomb[:60]
    assert time.monotonic() - began < 5
    assert target.dump(counts=False) == before


def test_no_other_method_slips_past_or_changes_anything(target: Target) -> None:
    before = target.dump(counts=False)
    paths = ["/", "/subscribe", "/papers", "/api/v1/papers", "/api/v1/subscriptions", "/static/style.css"]
    paths += [
        f"/{each}/{target.token(TokenPurpose(each))}" for each in ("confirm", "unsubscribe", "preferences", "pause")
    ]
    for path in paths:
        target.browser.get(path, headers={"X-HTTP-Method-Override": "POST", "X-Method": "POST"})
        target.browser.get(path, params={"_method": "POST", "answer": "yes"})
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"):
            assert target.browser.send(method, path).status_code in {400, 404, 405}, (method, path)
    assert target.dump(counts=False) == before


def test_without_a_cookie_there_is_nothing_to_forge_a_request_with(target: Target) -> None:
    # What acts is the token in the address; a form of another site has none, whatever cookies a browser would send.
    before = target.dump(counts=False)
    elsewhere = {"Origin": "https://evil.example", "Cookie": "session=1", "Referer": "https://evil.example/"}
    for path in ("/preferences/x", "/unsubscribe/x", "/confirm/x", "/preferences/x/erase"):
        assert target.browser.post(path, {"answer": "yes"}, headers=elsewhere).status_code == 404
    assert "access-control-allow-origin" not in target.browser.get("/api/v1/papers?q=robot", headers=elsewhere).headers
    assert target.dump(counts=False) == before


def test_the_host_a_client_names_is_told_to_nobody(target: Target) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    for path in ("/", "/papers", "/feeds/atom?q=robot", "/feeds/json?q=robot", "/api/v1/papers?q=robot"):
        answer = target.browser.get(path, headers=evil)
        assert "evil.example" not in answer.text
        assert "evil.example" not in str(answer.headers)
    answer = target.browser.post("/subscribe", FORM, headers=evil)
    assert answer.headers["location"] == "/sent"


def test_no_form_redirects_to_another_host(target: Target) -> None:
    elsewhere = "https://evil.example"
    names = ("next", "url", "return", "redirect", "to", "keywords", "saved", "add", "narrow", "sure")
    asked = [target.browser.post("/subscribe", FORM | dict.fromkeys(names, elsewhere))]
    asked += [target.browser.get(path, params=dict.fromkeys(names, elsewhere)) for path in ("/", "/papers", "/sent")]
    asked += [
        target.browser.get(path) for path in ("//evil.example", "//evil.example/..", "/\\evil.example", "/papers/")
    ]
    path = f"/preferences/{target.token(TokenPurpose.PREFERENCES)}"
    asked.append(target.browser.post(path, {"keywords": "robot", "next": elsewhere}))
    for answer in asked:
        where = answer.headers.get("location", "/")
        assert where.startswith("/")
        assert not where.startswith(("//", "/\\"))


def test_no_keyword_and_no_title_reach_a_header_of_a_letter(target: Target) -> None:
    later = AT + timedelta(days=1)
    arrive(target.at, later, f"Robot hands{BREAKS}", f"Walking{BREAKS}")
    update_preferences(
        target.at,
        target.token(TokenPurpose.PREFERENCES),
        Preferences(),
        [KeywordInput(f"walk*{BREAKS}", "walk*")],
        None,
        AT,
    )
    plan(target.at.engine, target.at.sender_domain, later + timedelta(hours=1))
    before = len(target.letters())
    asyncio.run(send_queued(target.at, lambda: later))
    (letter,) = target.letters()[before:]
    assert "walk" in letter.subject
    assert {"bcc", "x-evil"}.isdisjoint(name.lower() for name in letter.message)
    assert letter.recipient == ADA
    assert "Evil" not in [*letter.message.keys()]
