"""Actions on the operator's pages: each says what it will do, does it, is on record, and is undone where it can be."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from digest.context import AppContext
from digest.database import list_actions, read_session, write_session
from digest.database.models import DeliveryState, QuarantinedRow, Subscriber, SubscriberStatus
from digest.monitoring.alerts import MAX_NAMED_ROWS
from digest.web.admin.action_pages import DeliveryActionName, RowActionName, SubscriberActionName
from digest.web.admin.action_texts import ACTION_TEXTS, DELIVERY_TEXTS, ROW_TEXTS, SUBSCRIBER_TEXTS
from tests.integration.web.test_admin import BASE_URL, SAME_SITE, TOKEN, Operator, create_delivery
from tests.support.browser import ParsedPage
from tests.support.contexts import ADA, DAY, StoreView, add_active_subscriber, make_context

NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    ctx = make_context(store, operator_token=TOKEN, base_url=BASE_URL)
    add_active_subscriber(ctx, ADA, "robot", now=NOW - 2 * DAY)
    return ctx


@pytest.fixture
def operator(ctx: AppContext) -> Operator:
    found = Operator(ctx)
    found.log_in()
    return found


def act(operator: Operator, path: str, **form: str) -> str:
    """Open the page of an action, check that it says what it will do, press its button; return the page after it."""
    before = dump(operator.ctx)
    page = ParsedPage(operator.page(path))
    kind, action = (
        {"subscribers": "subscriber", "deliveries": "delivery", "sources": "source"}.get(
            path.split("/")[1], "quarantined-row"
        ),
        path.rsplit("/", 1)[1],
    )
    text = ACTION_TEXTS[kind][action]
    for sentence in (*text.consequences, text.button):
        assert sentence in page.text, sentence
    assert ("You can undo this on the next page." in page.text) is not text.is_final
    assert dump(operator.ctx) == before  # a look changes nothing
    done = operator.post(path, headers=SAME_SITE, **form)
    assert done.status_code == 303, done.text
    after = operator.page(done.headers["location"].removeprefix("/operator"))
    assert text.done in ParsedPage(after).text
    assert ("/undo" in after.partition('role="status"')[2].partition("</div>")[0]) is not text.is_final
    return after


def dump(ctx: AppContext) -> Any:
    view = StoreView(ctx.engine)
    with read_session(ctx.engine) as session:
        people = [row.model_dump() for row in session.exec(select(Subscriber)).all()]
        return people, [row.model_dump() for row in view.deliveries()], len(list_actions(session))


def undo(operator: Operator, page: str) -> str:
    """Press the button that undoes what was just done; return the page after it."""
    (path,) = re.findall(r'action="/operator(/activity/\d+/undo)"', page)
    done = operator.post(path)
    assert done.status_code == 303, done.text
    again = operator.post(path)
    assert again.status_code == 409
    return operator.page(done.headers["location"].removeprefix("/operator"))


def status_of(ctx: AppContext) -> str:
    return StoreView(ctx.engine).subscriber(ADA).status


def test_actions_on_a_subscriber(operator: Operator, ctx: AppContext) -> None:
    number = StoreView(ctx.engine).subscriber(ADA).id
    path = f"/subscribers/{number}"
    assert re.findall(rf'href="/operator{path}/([\w-]+)"', operator.page(path)) == ["pause", "remove", "erase"]
    paused = act(operator, f"{path}/pause", until="2026-08-14")
    assert "Paused until 14 August" in paused
    assert re.findall(rf'href="/operator{path}/([\w-]+)"', paused) == ["resume", "remove", "erase"]
    assert "Active" in undo(operator, paused)
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    assert operator.post(f"{path}/pause", until="2020-01-01").status_code == 409
    assert operator.post(f"{path}/pause", until="x").status_code == 422
    act(operator, f"{path}/pause")
    act(operator, f"{path}/resume")
    removed = act(operator, f"{path}/remove")
    assert status_of(ctx) == SubscriberStatus.UNSUBSCRIBED
    undo(operator, removed)
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    act(operator, f"{path}/remove")
    act(operator, f"{path}/restore")
    assert status_of(ctx) == SubscriberStatus.ACTIVE
    refused = operator.post(f"{path}/restore")
    assert (refused.status_code, "Nothing was changed. This subscriber is active" in refused.text) == (409, True)
    log = ParsedPage(operator.page("/activity")).text
    for sentence in (
        "Restored",
        "Unsubscribed",
        "Resumed",
        "Paused",
        "undone",
        ADA,
        "Operator",
        "until 14 August 2026",
    ):
        assert sentence in log, sentence
    assert "Restored" in operator.page(path).partition("Activity</h2>")[2]
    with write_session(ctx.engine) as session:
        session.get_one(Subscriber, number).status = SubscriberStatus.PENDING
    act(operator, f"{path}/resend-confirmation")
    act(operator, f"{path}/erase")
    assert operator.get(path).status_code == 404
    log = operator.page("/activity?kind=subscriber")
    assert f"Subscriber {number}" in log
    assert ADA not in log
    for action in SubscriberActionName:
        assert operator.get(f"{path}/{action}").status_code == 404
        assert operator.post(f"{path}/{action}").status_code == 404


def test_actions_on_a_delivery(operator: Operator, ctx: AppContext) -> None:
    number = create_delivery(ctx, state=DeliveryState.FAILED, attempts=1, reply="4.2.2 full", reply_code=552)
    path = f"/deliveries/{number}"
    assert re.findall(rf'href="/operator{path}/([\w-]+)"', operator.page(path)) == ["retry"]
    retried = act(operator, f"{path}/retry")
    assert StoreView(ctx.engine).deliveries(ADA)[-1].state == DeliveryState.QUEUED
    undo(operator, retried)
    assert StoreView(ctx.engine).deliveries(ADA)[-1].state == DeliveryState.FAILED
    act(operator, f"{path}/retry")
    cancelled = act(operator, f"{path}/cancel")
    assert "Cancelled" in cancelled
    undo(operator, cancelled)
    held = create_delivery(ctx, state=DeliveryState.SENDING, edition="2026-07-28", owner="x", attempts=1)
    act(operator, f"/deliveries/{held}/release")
    sent = create_delivery(ctx, state=DeliveryState.SENT, edition="2026-07-27", created_at=NOW - DAY, attempts=1)
    act(operator, f"/deliveries/{sent}/send-copy")
    uncertain = create_delivery(ctx, state=DeliveryState.UNCERTAIN, edition="2026-07-26")
    resolved = operator.post(f"/deliveries/{uncertain}/resolve", answer="lost").headers["location"]
    undo(operator, operator.page(resolved.removeprefix("/operator")))
    states = {row.id: row.state for row in StoreView(ctx.engine).deliveries(ADA)}
    assert states[uncertain] == DeliveryState.UNCERTAIN
    assert operator.get("/deliveries/999/retry").status_code == 404
    assert "Sent the link to the web copy" in operator.page("/activity?kind=delivery")


def test_actions_on_sources_and_unreadable_rows(operator: Operator, ctx: AppContext) -> None:
    act(operator, "/sources/arxiv/fetch")
    assert operator.get("/sources/nothing/fetch").status_code == 404
    assert operator.post("/sources/nothing/fetch").status_code == 404
    number = StoreView(ctx.engine).subscriber(ADA).id
    instants: dict[str, Any] = {"first_seen_at": NOW - DAY, "last_seen_at": NOW}
    with write_session(ctx.engine) as session:
        session.add(good := QuarantinedRow(table_name="subscriber", row_id=str(number), reason="<b>", **instants))
        session.add(QuarantinedRow(table_name="paper", row_id="7", reason="authors cannot be read", **instants))
        session.get_one(Subscriber, number).timezone = "Nowhere/At-all"
        session.flush()
        row = int(good.id or 0)
    listed = operator.page("/quarantine")
    assert listed.count("Read again: ") == 2
    assert "&lt;b&gt;" in listed
    assert operator.page("/quarantine?table=paper").count("Read again: ") == 1
    refused = operator.post(f"/quarantine/{row}/retry")
    assert (refused.status_code, "no such time zone" in refused.text) == (409, True)
    with write_session(ctx.engine) as session:
        session.get_one(Subscriber, number).timezone = "Europe/Berlin"
    released = act(operator, f"/quarantine/{row}/retry")
    assert released.count("Read again: ") == 1
    assert undo(operator, released).count("Read again: ") == 2
    act(operator, f"/quarantine/{row}/resolve")
    assert "Requested a fetch" in operator.page("/activity?kind=source")
    assert operator.get("/quarantine/999/retry").status_code == 404


def test_a_list_of_quarantined_rows_loads_one_page(sqlite_store: Engine) -> None:
    operator = Operator(make_context(sqlite_store, operator_token=TOKEN, base_url=BASE_URL))
    operator.log_in()
    instants: dict[str, Any] = {"first_seen_at": NOW - DAY, "last_seen_at": NOW}
    with write_session(sqlite_store) as session:
        tables = ["paper"] * 150 + ["listing"] * 101
        session.add_all(
            QuarantinedRow(table_name=table, row_id=str(n), reason="title cannot be read", **instants)
            for n, table in enumerate(tables)
        )
    loaded: list[object] = []
    event.listen(QuarantinedRow, "load", lambda row, _context: loaded.append(row))
    for path, shown in (("", 100), ("?table=listing", 100), ("?table=listing&after=250", 1), ("?table=nothing", 100)):
        loaded.clear()
        page = operator.page(f"/quarantine{path}")
        assert page.count("Read again: ") == shown
        assert len(loaded) <= shown + 1 + MAX_NAMED_ROWS
        assert "251" in page
        assert "150" in page


def test_every_action_has_its_texts() -> None:
    assert set(SUBSCRIBER_TEXTS) == {name.value for name in SubscriberActionName}
    assert set(DELIVERY_TEXTS) == {name.value for name in DeliveryActionName}
    assert set(ROW_TEXTS) == {name.value for name in RowActionName}


def test_an_undo_asks_first_and_says_why_not(operator: Operator, ctx: AppContext) -> None:
    path = f"/subscribers/{StoreView(ctx.engine).subscriber(ADA).id}"
    act(operator, f"{path}/pause")
    question = operator.page("/activity/1/undo")
    assert "Undo “Paused” for ada@example.org?" in question
    act(operator, f"{path}/remove")
    refused = operator.post("/activity/1/undo")
    assert (refused.status_code, "has changed since then" in refused.text) == (409, True)
    act(operator, f"{path}/erase")
    for number in (1, 999):
        assert operator.get(f"/activity/{number}/undo").status_code == 404
        assert operator.post(f"/activity/{number}/undo").status_code == 404
    operator.now = NOW + timedelta(days=1)  # the session has ended
    assert operator.get("/activity").status_code == 303
