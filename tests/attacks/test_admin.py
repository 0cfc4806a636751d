"""Attacks on the operator's pages: by the texts that they show, and by requests from elsewhere."""

from importlib import import_module
from pkgutil import iter_modules

import pytest
from lxml import etree  # type: ignore[import-untyped]
from sqlmodel import select

from digest.database import write_session
from digest.database.models import BounceClass, BounceRecord, DeliveryState, SavedKeyword, Subscriber
from digest.delivery.circuit_breaker import open_circuit
from digest.monitoring.statistics import summarize_month
from digest.tokens import TokenPurpose
from digest.web import admin, create_app
from digest.web.admin import action_pages
from digest.web.admin.charts import monthly_charts
from digest.web.auth import OperatorAuth
from tests.attacks.conftest import Target
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import ADA, make_context, store_papers
from tests.support.factories import delivery, source_fetch

TOKEN = "a-token-that-is-long-enough"
EVIL = "robot</td></svg></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onclick='alert(3)"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
OTHER_ORIGINS: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.digest.test"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://digest.test"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Referer": "http://digest.test/operator"},
    {},
)


@pytest.fixture
def operator(target: Target) -> Browser:
    """Return a browser before login."""
    ctx = make_context(target.ctx.engine, operator_token=TOKEN, base_url="http://digest.test")
    return Browser(create_app(ctx, clock=lambda: TEST_TIME))


def log_in(operator: Browser) -> str:
    """Return the cookie of a new session."""
    return (
        operator.post("/operator/login", {"token": TOKEN}, headers=SAME_ORIGIN).headers["set-cookie"].partition(";")[0]
    )


def test_nothing_from_outside_becomes_markup_before_the_operator(target: Target, operator: Browser) -> None:
    store_papers(target.ctx, TEST_TIME, EVIL)
    with write_session(target.ctx.engine) as session:
        ada = session.exec(select(Subscriber).where(Subscriber.email == ADA)).one()
        ada.email = ada.email_key = f"{EVIL}@example.org"
        ada.reason = ada.consent = EVIL
        session.exec(select(SavedKeyword).where(SavedKeyword.text == "robot")).one().text = EVIL
        reply = {"reply_code": 550, "reply": EVIL, "created_at": TEST_TIME, "settled_at": TEST_TIME}
        session.add(failed := delivery(ada, state=DeliveryState.FAILED, edition="failed", **reply))
        session.add(
            uncertain := delivery(ada, state=DeliveryState.UNCERTAIN, edition=EVIL, message_id=f"<{EVIL}@x>", **reply)
        )
        session.flush()
        bounce = BounceRecord(
            delivery_id=int(failed.id or 0),
            bounce_class=BounceClass.HARD,
            reason=EVIL,
            parser="x",
            fingerprint="1",
            received_at=TEST_TIME,
        )
        session.add(bounce)
        open_circuit(session, target.ctx.relay_config().name, code=535, reply=EVIL, now=TEST_TIME)
        paths = ("", f"/subscribers/{ada.id}", f"/deliveries/{failed.id}", f"/deliveries/{uncertain.id}")
    headers = {"Cookie": log_in(operator), **SAME_ORIGIN}
    responses = {path: operator.get(f"/operator{path}", headers=headers) for path in paths}
    for query in ("<script>", EVIL):
        responses[query] = operator.post("/operator/subscribers", {"q": query}, headers=headers)
    for name, response in responses.items():
        page = ParsedPage(response.text)
        assert response.status_code == 200, name
        assert EVIL in page.text or EVIL in (value for _, attributes in page.tags for value in attributes.values()), (
            name
        )
        assert "img" not in {tag for tag, _ in page.tags}, name
        assert all(attributes["src"].startswith("/static/") for tag, attributes in page.tags if tag == "script"), name
        assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")], name
    subscriber_page = ParsedPage(responses[paths[1]].text).text
    assert subscriber_page.count(EVIL) >= 6  # address, reason, consent, keyword, title, why


def test_no_name_gets_out_of_a_chart(target: Target) -> None:
    with write_session(target.ctx.engine) as session:
        session.add(source_fetch(source=EVIL, list_day=TEST_TIME.date(), started_at=TEST_TIME))
    svg = monthly_charts(summarize_month(target.ctx.engine, TEST_TIME))[-1].svg
    tree = etree.fromstring(f"<div>{svg}</div>")
    tags = {etree.QName(element).localname for element in tree.iter(etree.Element)}
    assert EVIL in "".join(tree.itertext())
    assert tags.isdisjoint({"script", "img", "style", "foreignObject", "a"})
    assert not [key for element in tree.iter(etree.Element) for key in element.attrib if key.startswith("on")]


def test_no_action_of_the_operator_is_done_for_another_site(target: Target, operator: Browser) -> None:
    session = log_in(operator)
    with write_session(target.ctx.engine) as store:
        ada = store.exec(select(Subscriber).where(Subscriber.email == ADA)).one()
        store.add(delivery(ada, state=DeliveryState.UNCERTAIN, edition="uncertain", created_at=TEST_TIME))
    before = target.dump()
    for path in action_paths():
        for origin in OTHER_ORIGINS:
            for number in ("1", str(target.record.deliveries()[-1].id)):
                form = {"token": TOKEN, "answer": "sent", "q": ADA}
                url = path.format(number=number, name="huggingface")
                response = operator.post(url, form, headers={"Cookie": session, **origin})
                assert (response.status_code, "set-cookie" in response.headers) == (403, False), (path, origin)
    assert target.dump() == before
    assert operator.get("/operator", headers={"Cookie": session}).status_code == 200  # still logged in


def test_no_session_is_forged_or_extended(target: Target, operator: Browser) -> None:
    name, _, session = log_in(operator).partition("=")
    payload, _, signature = session.rpartition(".")
    now = f"{int(TEST_TIME.timestamp()):x}"
    later, other = f"{int(TEST_TIME.timestamp()) + 1:x}", payload[:-1] + ("0" if payload[-1] != "0" else "1")
    other_service = make_context(target.ctx.engine, operator_token=f"{TOKEN}-of-another")
    forged = [payload, f"{payload}.", f"{payload}.x", f"{now}.", now, f"{other}.{signature}", f"{now}.{signature}"]
    forged += [
        f"{later}.{payload.partition('.')[2]}.{signature}",
        OperatorAuth(other_service).create_session(TEST_TIME),
        target.token(TokenPurpose.VIEW),
    ]
    for value in forged:
        assert operator.get("/operator", headers={"Cookie": f"{name}={value}"}).status_code == 303, value
    assert operator.get("/operator", headers={"Cookie": f"{name}={session}"}).status_code == 200


def action_paths() -> list[str]:
    """Return every path of the operator's that takes a POST, also of modules that are added later."""
    modules = [import_module(f"{admin.__name__}.{module.name}") for module in iter_modules(admin.__path__)]
    routes = [route for module in modules if hasattr(module, "router") for route in module.router.routes]
    paths = ["/operator" + route.path.removeprefix("/operator") for route in routes if "POST" in route.methods]
    names = {  # of the actions that a path takes
        path.split("/")[2]: choices
        for path, choices in (
            ("/operator/subscribers/", action_pages.SubscriberActionName),
            ("/operator/deliveries/", action_pages.DeliveryActionName),
            ("/operator/quarantine/", action_pages.RowActionName),
        )
    }
    paths = [
        path.replace("{action}", name)
        for path in paths
        for name in (names[path.split("/")[2]] if "{action}" in path else ("",))
    ]
    assert len(paths) >= 20
    return paths
