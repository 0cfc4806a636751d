"""Attacks on the operator's pages: by what is shown there, and by who else asks for what can be done there."""

from importlib import import_module
from pkgutil import iter_modules

import pytest
from lxml import etree  # type: ignore[import-untyped]
from sqlmodel import select

from digest.database import write_session
from digest.database.models import BounceClass, BounceRecord, DeliveryState, SavedKeyword, Subscriber
from digest.delivery.circuit_breaker import open_circuit
from digest.monitoring.statistics import month_statistics
from digest.tokens import TokenPurpose
from digest.web import admin, create_app
from digest.web.admin.charts import monthly_charts
from digest.web.auth import OperatorAuth
from tests.attacks.conftest import Target
from tests.support.browser import AT, Browser, Seen
from tests.support.contexts import ADA, arrive, make_context
from tests.support.factories import delivery, reading

TOKEN = "a-token-that-is-long-enough"
EVIL = "robot</td></svg></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onclick='alert(3)"
OURS = {"Sec-Fetch-Site": "same-origin"}
ELSEWHERE: tuple[dict[str, str], ...] = (
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
    """The door, before anybody has come in."""
    at = make_context(target.at.engine, operator_token=TOKEN, base_url="http://digest.test")
    return Browser(create_app(at, clock=lambda: AT))


def cookie(operator: Browser) -> str:
    """That of a new session."""
    return operator.post("/operator/login", {"token": TOKEN}, headers=OURS).headers["set-cookie"].partition(";")[0]


def test_nothing_from_outside_becomes_markup_before_the_operator(target: Target, operator: Browser) -> None:
    arrive(target.at, AT, EVIL)
    with write_session(target.at.engine) as session:
        ada = session.exec(select(Subscriber).where(Subscriber.email == ADA)).one()
        ada.email = ada.email_key = f"{EVIL}@example.org"
        ada.reason = ada.consent = EVIL
        session.exec(select(SavedKeyword).where(SavedKeyword.text == "robot")).one().text = EVIL
        told = {"reply_code": 550, "reply": EVIL, "created_at": AT, "settled_at": AT}
        session.add(failed := delivery(ada, state=DeliveryState.FAILED, edition="failed", **told))
        session.add(
            doubted := delivery(ada, state=DeliveryState.UNCERTAIN, edition=EVIL, message_id=f"<{EVIL}@x>", **told)
        )
        session.flush()
        bounce = BounceRecord(
            delivery_id=int(failed.id or 0),
            bounce_class=BounceClass.HARD,
            reason=EVIL,
            parser="x",
            fingerprint="1",
            received_at=AT,
        )
        session.add(bounce)
        open_circuit(session, target.at.relay_config().name, code=535, reply=EVIL, now=AT)
        paths = ("", f"/readers/{ada.id}", f"/letters/{failed.id}", f"/letters/{doubted.id}")
    inside = {"Cookie": cookie(operator), **OURS}
    shown = {each: operator.get(f"/operator{each}", headers=inside) for each in paths}
    shown |= {each: operator.post("/operator/readers", {"q": each}, headers=inside) for each in ("<script>", EVIL)}
    for name, answer in shown.items():
        page = Seen(answer.text)
        assert answer.status_code == 200, name
        assert EVIL in page.text or EVIL in (value for _, each in page.tags for value in each.values()), name
        assert "img" not in {tag for tag, _ in page.tags}, name
        assert all(each["src"].startswith("/static/") for tag, each in page.tags if tag == "script"), name
        assert not [each for _, given in page.tags for each in given if each.startswith("on")], name
    reader = Seen(shown[paths[1]].text).text
    assert reader.count(EVIL) >= 6  # address, reason, consent, keyword, title, why


def test_no_name_gets_out_of_a_drawing(target: Target) -> None:
    with write_session(target.at.engine) as session:
        session.add(reading(source=EVIL, list_day=AT.date(), started_at=AT))
    drawn = monthly_charts(month_statistics(target.at.engine, AT))[-1].svg
    tree = etree.fromstring(f"<div>{drawn}</div>")
    found = {etree.QName(each).localname for each in tree.iter(etree.Element)}
    assert EVIL in "".join(tree.itertext())
    assert found.isdisjoint({"script", "img", "style", "foreignObject", "a"})
    assert not [each for made in tree.iter(etree.Element) for each in made.attrib if each.startswith("on")]


def test_nothing_of_the_operators_is_done_for_another_site(target: Target, operator: Browser) -> None:
    inside = cookie(operator)
    with write_session(target.at.engine) as session:
        ada = session.exec(select(Subscriber).where(Subscriber.email == ADA)).one()
        session.add(delivery(ada, state=DeliveryState.UNCERTAIN, edition="doubted", created_at=AT))
    before = target.dump()
    for path in acts():
        for claim in ELSEWHERE:
            for number in ("1", str(target.record.letters()[-1].id)):
                given = {"token": TOKEN, "answer": "sent", "q": ADA}
                answer = operator.post(path.format(number=number), given, headers={"Cookie": inside, **claim})
                assert (answer.status_code, "set-cookie" in answer.headers) == (403, False), (path, claim)
    assert target.dump() == before
    assert operator.get("/operator", headers={"Cookie": inside}).status_code == 200  # and nobody was logged out


def test_no_session_is_made_up_or_drawn_out(target: Target, operator: Browser) -> None:
    name, _, session = cookie(operator).partition("=")
    note, _, signature = session.rpartition(".")
    now = f"{int(AT.timestamp()):x}"
    later, other = f"{int(AT.timestamp()) + 1:x}", note[:-1] + ("0" if note[-1] != "0" else "1")
    elsewhere = make_context(target.at.engine, operator_token=f"{TOKEN}-of-another")
    made_up = [note, f"{note}.", f"{note}.x", f"{now}.", now, f"{other}.{signature}", f"{now}.{signature}"]
    made_up += [
        f"{later}.{note.partition('.')[2]}.{signature}",
        OperatorAuth(elsewhere).create_session(AT),
        target.token(TokenPurpose.VIEW),
    ]
    for each in made_up:
        assert operator.get("/operator", headers={"Cookie": f"{name}={each}"}).status_code == 303, each
    assert operator.get("/operator", headers={"Cookie": f"{name}={session}"}).status_code == 200


def acts() -> list[str]:
    """Every path of the operator's that something is posted to, also in a module that is added later."""
    modules = [import_module(f"{admin.__name__}.{each.name}") for each in iter_modules(admin.__path__)]
    routes = [each for module in modules if hasattr(module, "router") for each in module.router.routes]
    posted = [each.path for each in routes if "POST" in each.methods]
    found = ["/operator" + each.removeprefix("/operator") for each in posted]
    assert len(found) >= 5
    return found
