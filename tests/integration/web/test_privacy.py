"""Personal data: history of e-mails, personal feed, JSON export, erasure."""

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
    MarkKind,
    OperatorAction,
    PaperMark,
    Profile,
    QuarantinedRow,
    SavedKeyword,
    SeedText,
    Subscriber,
    SubscriberStatus,
)
from digest.planning import plan
from digest.tokens import TokenPurpose
from digest.web import create_app
from tests.support.browser import TEST_TIME, Browser, ParsedPage
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    make_context,
    set_status,
    sign_token,
    store_papers,
)

ATOM_NAMESPACE = "{http://www.w3.org/2005/Atom}"
DAY = timedelta(days=1)


@pytest.fixture
def ctx(sqlite_store: Engine) -> AppContext:
    """Return a context with two subscribers and three days of digests; Ada's: sent, failed, sent, with a bounce."""
    made = make_context(sqlite_store, base_url="http://digest.test")
    add_active_subscriber(made, ADA, "robot", "-survey", now=TEST_TIME - 3 * DAY)
    add_active_subscriber(made, BOB, "protein", now=TEST_TIME - 3 * DAY)
    for ago in (2, 1, 0):
        store_papers(made, TEST_TIME - ago * DAY, f"Robot of {ago} days ago", f"Protein of {ago} days ago")
        plan(made.engine, made.sender_domain, TEST_TIME - ago * DAY + timedelta(hours=1, microseconds=1))
        StoreView(made.engine).set_state(DeliveryState.FAILED if ago == 1 else DeliveryState.SENT)
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
                received_at=TEST_TIME,
            )
        )  # fmt: skip
        for row in session.exec(select(Subscriber)).all():
            number = int(row.id or 0)
            session.add(PaperMark(subscriber_id=number, paper_id=1, kind=MarkKind.SAVED, created_at=TEST_TIME))
            session.add(SeedText(subscriber_id=number, reference="doi:10.1000/1", title="Arms", created_at=TEST_TIME))
            session.add(Profile(subscriber_id=number, edits={"arm": 0}, words={"robot": 0.5}, fitted_at=TEST_TIME))
        objects = {"subscriber": ada.id, "delivery": first.id, "paper-link": ada.id}
        session.add_all(
            OperatorAction(at=TEST_TIME, actor="grace", action="pause", object_kind=kind, object_id=str(number))
            for kind, number in objects.items()
        )
        rows = {"subscriber": str(ada.id), "saved_keyword": f"{ada.id}:0", "delivery": str(first.id), "paper": "1"}
        rows |= {"paper_mark": f"{ada.id}:1:saved", "profile": str(ada.id)}
        session.add_all(
            QuarantinedRow(table_name=name, row_id=row, reason="odd", first_seen_at=TEST_TIME, last_seen_at=TEST_TIME)
            for name, row in rows.items()
        )
        session.flush()
        session.add_all(
            OperatorAction(at=TEST_TIME, actor="grace", action="retry", object_kind="quarantined-row", object_id=str(n))
            for n in session.exec(
                select(QuarantinedRow.id).where(col(QuarantinedRow.table_name).in_(("paper", "profile")))
            )
        )
    return made


def browser_at(ctx: AppContext, later: timedelta = timedelta()) -> Browser:
    return Browser(create_app(ctx, clock=lambda: TEST_TIME + DAY + later, min_answer_seconds=0))


def privacy_path(ctx: AppContext, page: str, mail: str = ADA) -> str:
    return f"/preferences/{sign_token(ctx, mail, TokenPurpose.PREFERENCES, TEST_TIME)}/{page}"


def history_links(ctx: AppContext, ends: str, page: str = "history") -> list[str]:
    return [link for link in ParsedPage(browser_at(ctx).get(privacy_path(ctx, page)).text).links if link.endswith(ends)]


def feed_path(ctx: AppContext, kind: str) -> str:
    (found,) = (link for link in history_links(ctx, f"/{kind}") if "/mine/" in link)
    return found.removeprefix("http://digest.test")


def count_rows(ctx: AppContext) -> dict[str, int]:
    with read_session(ctx.engine) as session:
        tables: list[type[SQLModel]] = [Subscriber, SavedKeyword, Delivery, BounceRecord, QuarantinedRow]
        tables += [PaperMark, Profile, SeedText, OperatorAction]
        return {table.__name__: len(session.exec(select(table)).all()) for table in tables}


def test_the_history_links_to_each_digest_and_its_citations(ctx: AppContext) -> None:
    page = ParsedPage(browser_at(ctx).get(privacy_path(ctx, "history")).text)
    assert "3 e-mails for ada@example.org" in " ".join(page.text.split())
    assert page.text.index("31 July") < page.text.index("29 July")
    assert page.text.count("· not delivered") == 1
    assert page.find_tag(datetime="2026-07-31T19:00:00+00:00"), "HTML knows milliseconds, and no microseconds"
    copies = [link for link in page.links if link.startswith("/emails/") and "/papers." not in link]
    assert "Robot of 0 days ago" in browser_at(ctx).get(copies[0]).text
    for kind, begins in (("bib", "@misc{"), ("ris", "TY  - ")):
        cited = browser_at(ctx).get(f"{copies[0]}/papers.{kind}")
        assert cited.text.startswith(begins)
        assert "Robot of 0 days ago" in cited.text
        assert 'filename="2026-07-31.' in cited.headers["content-disposition"]
        assert cited.headers["cache-control"] == "no-store"
    late = browser_at(ctx, 90 * DAY)
    assert late.get(f"{copies[0]}/papers.bib").status_code == 410
    assert "no longer available" in late.get(privacy_path(ctx, "history")).text


def test_the_feed_has_exactly_what_was_mailed(ctx: AppContext) -> None:
    response = browser_at(ctx).get(feed_path(ctx, "atom"))
    entries = etree.fromstring(response.content).findall(f"{ATOM_NAMESPACE}entry")
    mailed = [entry.findtext(f"{ATOM_NAMESPACE}title") for entry in entries]
    exported = [item["title"] for item in json.loads(browser_at(ctx).get(feed_path(ctx, "json")).content)["items"]]
    sent = [
        delivery.papers for delivery in StoreView(ctx.engine).deliveries(ADA) if delivery.state == DeliveryState.SENT
    ]
    assert len(mailed) == sum(map(len, sent))
    assert mailed == exported
    assert mailed[0] == "Robot of 0 days ago"
    assert mailed[-1] == "Robot of 2 days ago"
    assert not any("Protein" in str(mail) for mail in mailed)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-robots-tag"] == "noindex, nofollow"
    again = browser_at(ctx).get(feed_path(ctx, "atom"), headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    assert browser_at(ctx).get(feed_path(ctx, "papers.bib")).text.count("@misc{") == len(mailed)


def test_the_feed_token_opens_nothing_but_the_feed(ctx: AppContext) -> None:
    own = feed_path(ctx, "atom").split("/")[2]
    assert own == feed_path(ctx, "json").split("/")[2]
    for page in ("preferences", "unsubscribe", "mute", "never", "fewer", "pause", "return", "confirm", "emails"):
        tail = "/1" if page in {"mute", "never"} else ""
        assert browser_at(ctx).get(f"/{page}/{own}{tail}").status_code == 404, page
    for tail in ("history", "export.json", "erase"):
        assert browser_at(ctx).get(f"/preferences/{own}/{tail}").status_code == 404, tail
    other = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    for kind in ("atom", "json", "papers.bib"):
        assert browser_at(ctx).get(f"/mine/{other}/{kind}").status_code == 404
    assert browser_at(ctx).get(f"/mine/{own}/nothing").status_code == 404
    assert ADA not in browser_at(ctx).get(feed_path(ctx, "json")).text


def test_the_export_has_every_column_of_every_row(ctx: AppContext) -> None:
    response = browser_at(ctx).get(privacy_path(ctx, "export.json"))
    assert 'filename="paper-digest.json"' in response.headers["content-disposition"]
    assert response.headers["cache-control"] == "no-store"
    exported = response.json()
    assert set(Subscriber.model_fields) <= exported["subscriber"].keys()
    assert [saved["text"] for saved in exported["keywords"]] == ["robot", "-survey"]
    assert all(set(SavedKeyword.model_fields) <= saved.keys() for saved in exported["keywords"])
    assert all(set(Keyword.model_fields) <= saved["keyword"].keys() for saved in exported["keywords"])
    assert len(exported["deliveries"]) == 3
    assert exported["letters"] == exported["deliveries"]  # the name of the release before
    assert all(set(Delivery.model_fields) <= row.keys() for row in exported["deliveries"])
    (came_back,) = exported["deliveries"][0]["came_back"]
    assert set(BounceRecord.model_fields) <= came_back.keys()
    assert (came_back["reason"], came_back["fingerprint"]) == ("full", "f1")
    unreadable = {row["table_name"] for row in exported["unreadable_rows"]}
    assert unreadable == {"subscriber", "saved_keyword", "delivery", "paper_mark", "profile"}
    (mark,) = exported["marks"]
    assert set(PaperMark.model_fields) <= mark.keys()
    assert (mark["kind"], mark["title"]) == ("saved", "Robot of 2 days ago")
    (example,) = exported["examples"]
    assert set(SeedText.model_fields) == example.keys()
    assert (example["reference"], example["title"]) == ("doi:10.1000/1", "Arms")
    assert set(Profile.model_fields) == exported["profile"].keys()
    assert (exported["profile"]["edits"], exported["profile"]["words"]) == ({"arm": 0}, {"robot": 0.5})
    assert [row["object_kind"] for row in exported["operator_actions"]] == ["subscriber", "delivery", "quarantined-row"]
    assert BOB not in response.text


def test_erasing_takes_a_button_and_leaves_other_subscribers_untouched(ctx: AppContext) -> None:
    where, before = privacy_path(ctx, "erase"), count_rows(ctx)
    export, history, copy = (
        privacy_path(ctx, "export.json"),
        privacy_path(ctx, "history"),
        history_links(ctx, "papers.bib")[0],
    )
    page = browser_at(ctx).get(where)
    assert "be undone" in page.text
    assert "Delete all your data?" in browser_at(ctx).post(where, {"answer": ""}).text
    assert count_rows(ctx) == before
    assert "All your data has been deleted" in browser_at(ctx).post(where, {"answer": "yes"}).text
    left = {"Subscriber": 1, "SavedKeyword": 1, "Delivery": 3, "BounceRecord": 0, "QuarantinedRow": 1}
    left |= {"PaperMark": 1, "Profile": 1, "SeedText": 1, "OperatorAction": 2}
    assert count_rows(ctx) == left
    assert ADA not in json.dumps(browser_at(ctx).get(privacy_path(ctx, "export.json", BOB)).json())
    for url in (where, export, history, copy):
        assert browser_at(ctx).get(url).status_code == 410
    assert browser_at(ctx).post(where, {"answer": "yes"}).status_code == 410


def test_after_unsubscribing_data_can_still_be_viewed_exported_and_erased(ctx: AppContext) -> None:
    set_status(ctx.engine, ADA, SubscriberStatus.UNSUBSCRIBED, ended_at=TEST_TIME)
    ended = browser_at(ctx).get(privacy_path(ctx, "").rstrip("/"))
    assert ended.status_code == 410
    assert {privacy_path(ctx, "history"), privacy_path(ctx, "erase")} <= set(ParsedPage(ended.text).links)
    assert browser_at(ctx).get(privacy_path(ctx, "history")).status_code == 200
    assert browser_at(ctx).get(privacy_path(ctx, "export.json")).status_code == 200
    browser_at(ctx).post(privacy_path(ctx, "erase"), {"answer": "yes"})
    with read_session(ctx.engine) as session:
        assert session.exec(select(Subscriber.email).order_by(col(Subscriber.id))).all() == [BOB]


def test_history_pages_that_do_not_exist_are_not_found(ctx: AppContext) -> None:
    for bad in ("0", "x", "2", "-1"):
        assert browser_at(ctx).get(privacy_path(ctx, f"history?page={bad}")).status_code == 404, bad
