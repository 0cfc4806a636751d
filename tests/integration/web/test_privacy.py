"""What is held of a reader: the history of their letters, a feed of their own, all of it as JSON, and its end."""

import json
from datetime import timedelta

import pytest
from lxml import etree  # type: ignore[import-untyped]
from sqlalchemy import Engine
from sqlmodel import SQLModel, col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    BounceClass,
    BounceRecord,
    Delivery,
    DeliveryState,
    Keyword,
    SavedKeyword,
    Subscriber,
    SubscriberStatus,
)
from digest.planning import plan
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import AT, Browser, Seen
from tests.support.contexts import ADA, BOB, Record, arrive, make_context, put, reader, token

ATOM = "{http://www.w3.org/2005/Atom}"
DAY = timedelta(days=1)


@pytest.fixture
def home(sqlite_store: Engine) -> AppContext:
    """Two readers with a letter on each of three days, of Ada's: sent, failed, sent; something came back about one."""
    made = make_context(sqlite_store, base_url="http://digest.test")
    reader(made, ADA, "robot", "-survey", now=AT - 3 * DAY)
    reader(made, BOB, "protein", now=AT - 3 * DAY)
    for ago in (2, 1, 0):
        arrive(made, AT - ago * DAY, f"Robot of {ago} days ago", f"Protein of {ago} days ago")
        plan(made.engine, made.sender_domain, AT - ago * DAY + timedelta(hours=1))
        Record(made.engine).settle(DeliveryState.FAILED if ago == 1 else DeliveryState.SENT)
    with write_session(made.engine) as session:
        ada = session.exec(select(Subscriber).where(Subscriber.email == ADA)).one()
        first = session.exec(select(Delivery).where(Delivery.subscriber_id == ada.id)).first()
        assert first
        session.add(
            BounceRecord(
                delivery_id=int(first.id or 0),
                bounce_class=BounceClass.SOFT,
                status_code="4.2.2",
                reason="full",
                parser="dsn",
                fingerprint="f1",
                received_at=AT,
            )
        )  # fmt: skip
    return made


def browse(home: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(create_app(home, clock=lambda: AT + DAY + later, min_answer_seconds=0))


def held(home: AppContext, page: str, mail: str = ADA) -> str:
    return f"/preferences/{token(home, mail, TokenPurpose.PREFERENCES, AT)}/{page}"


def links(home: AppContext, ends: str, page: str = "history") -> list[str]:
    return [each for each in Seen(browse(home).get(held(home, page)).text).links if each.endswith(ends)]


def feed(home: AppContext, kind: str) -> str:
    (found,) = (each for each in links(home, f"/{kind}") if "/mine/" in each)
    return found.removeprefix("http://digest.test")


def rows(home: AppContext) -> dict[str, int]:
    with read_session(home.engine) as session:
        tables: list[type[SQLModel]] = [Subscriber, SavedKeyword, Delivery, BounceRecord]
        return {each.__name__: len(session.exec(select(each)).all()) for each in tables}


def test_the_history_leads_to_each_letter_and_its_references(home: AppContext) -> None:
    page = Seen(browse(home).get(held(home, "history")).text)
    assert "3 letters to ada@example.org" in " ".join(page.text.split())
    assert page.text.index("31 July") < page.text.index("29 July")
    assert page.text.count(": sent") == 2
    assert page.text.count(": not delivered") == 1
    copies = [each for each in page.links if each.startswith("/letters/") and "/papers." not in each]
    assert "Robot of 0 days ago" in browse(home).get(copies[0]).text
    for kind, begins in (("bib", "@misc{"), ("ris", "TY  - ")):
        cited = browse(home).get(f"{copies[0]}/papers.{kind}")
        assert cited.text.startswith(begins)
        assert "Robot of 0 days ago" in cited.text
        assert 'filename="2026-07-31.' in cited.headers["content-disposition"]
        assert cited.headers["cache-control"] == "no-store"
    late = browse(home, 90 * DAY)
    assert late.get(f"{copies[0]}/papers.bib").status_code == 410
    assert "put away" in late.get(held(home, "history")).text


def test_the_feed_has_exactly_what_was_mailed(home: AppContext) -> None:
    answer = browse(home).get(feed(home, "atom"))
    entries = etree.fromstring(answer.content).findall(f"{ATOM}entry")
    mailed = [each.findtext(f"{ATOM}title") for each in entries]
    told = [each["title"] for each in json.loads(browse(home).get(feed(home, "json")).content)["items"]]
    sent = [each.papers for each in Record(home.engine).letters(ADA) if each.state == DeliveryState.SENT]
    assert len(mailed) == sum(map(len, sent))
    assert mailed == told
    assert mailed[0] == "Robot of 0 days ago"
    assert mailed[-1] == "Robot of 2 days ago"
    assert not any("Protein" in str(each) for each in mailed)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    again = browse(home).get(feed(home, "atom"), headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert browse(home).get(feed(home, "papers.bib")).text.count("@misc{") == len(mailed)


def test_the_token_of_the_feed_reads_it_and_nothing_else(home: AppContext) -> None:
    own = feed(home, "atom").split("/")[2]
    assert own == feed(home, "json").split("/")[2]
    for page in ("preferences", "unsubscribe", "mute", "never", "fewer", "pause", "return", "confirm", "letters"):
        tail = "/1" if page in {"mute", "never"} else ""
        assert browse(home).get(f"/{page}/{own}{tail}").status_code == 404, page
    for tail in ("history", "export.json", "erase"):
        assert browse(home).get(f"/preferences/{own}/{tail}").status_code == 404, tail
    other = token(home, ADA, TokenPurpose.PREFERENCES, AT)
    for kind in ("atom", "json", "papers.bib"):
        assert browse(home).get(f"/mine/{other}/{kind}").status_code == 404
    assert browse(home).get(f"/mine/{own}/nothing").status_code == 404
    assert ADA not in browse(home).get(feed(home, "json")).text


def test_the_export_has_every_column_of_every_row(home: AppContext) -> None:
    answer = browse(home).get(held(home, "export.json"))
    assert 'filename="paper-digest.json"' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert set(Subscriber.model_fields) <= told["subscriber"].keys()
    assert [each["text"] for each in told["keywords"]] == ["robot", "-survey"]
    assert all(set(SavedKeyword.model_fields) <= each.keys() for each in told["keywords"])
    assert all(set(Keyword.model_fields) <= each["keyword"].keys() for each in told["keywords"])
    assert len(told["letters"]) == 3
    assert all(set(Delivery.model_fields) <= each.keys() for each in told["letters"])
    (came_back,) = told["letters"][0]["came_back"]
    assert set(BounceRecord.model_fields) <= came_back.keys()
    assert (came_back["reason"], came_back["fingerprint"]) == ("full", "f1")
    assert BOB not in answer.text


def test_erasing_takes_a_button_and_leaves_nothing_of_one_and_all_of_the_other(home: AppContext) -> None:
    where, before = held(home, "erase"), rows(home)
    export, history, copy = held(home, "export.json"), held(home, "history"), links(home, "papers.bib")[0]
    page = browse(home).get(where)
    assert "cannot be undone" in page.text
    assert "Erase everything?" in browse(home).post(where, {"answer": ""}).text
    assert rows(home) == before
    assert "Everything is erased" in browse(home).post(where, {"answer": "yes"}).text
    assert rows(home) == {"Subscriber": 1, "SavedKeyword": 1, "Delivery": 3, "BounceRecord": 0}
    assert ADA not in json.dumps(browse(home).get(held(home, "export.json", BOB)).json())
    for each in (where, export, history, copy):
        assert browse(home).get(each).status_code == 410
    assert browse(home).post(where, {"answer": "yes"}).status_code == 410


def test_who_has_left_can_still_look_take_it_along_and_have_it_erased(home: AppContext) -> None:
    put(home.engine, ADA, SubscriberStatus.UNSUBSCRIBED, ended_at=AT)
    ended = browse(home).get(held(home, "").rstrip("/"))
    assert ended.status_code == 410
    assert {held(home, "history"), held(home, "erase")} <= set(Seen(ended.text).links)
    assert browse(home).get(held(home, "history")).status_code == 200
    assert browse(home).get(held(home, "export.json")).status_code == 200
    browse(home).post(held(home, "erase"), {"answer": "yes"})
    with read_session(home.engine) as session:
        assert session.exec(select(Subscriber.email).order_by(col(Subscriber.id))).all() == [BOB]


def test_pages_of_history_that_are_none_are_not_found(home: AppContext) -> None:
    for bad in ("0", "x", "2", "-1"):
        assert browse(home).get(held(home, f"history?page={bad}")).status_code == 404, bad
