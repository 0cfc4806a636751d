"""The operator's API: lists by pages, every action on record with its undo, errors in words."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from digest.context import AppContext
from digest.database import InvalidRow, quarantine_rows, read_session, write_session
from digest.database.models import BounceClass, BounceRecord, Delivery, DeliveryKind, DeliveryState, Subscriber
from digest.jobs.fetch_requests import take_fetch_requests
from digest.planning import plan
from digest.subscribers import subscriber_by_email
from tests.support.admin_api import ApiClient, make_client
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA, BOB, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import delivery, source_fetch
from tests.support.spoiled_rows import spoil

DAY = timedelta(days=1)


@pytest.fixture
def ctx(store: Engine) -> AppContext:
    ctx = make_context(store, sources="arxiv")
    add_active_subscriber(ctx, ADA, "robot", "-survey", now=TEST_TIME - DAY)
    add_active_subscriber(ctx, BOB, "protein", now=TEST_TIME - DAY)
    store_papers(ctx, TEST_TIME - DAY, "Robot hands", "Protein folds")
    plan(ctx.engine, ctx.sender_domain, TEST_TIME)
    return ctx


@pytest.fixture
def client(ctx: AppContext) -> ApiClient:
    return make_client(ctx)


def number_of(ctx: AppContext, email: str) -> int:
    return int(StoreView(ctx.engine).subscriber(email).id or 0)


def test_a_subscriber_is_added_changed_paused_removed_and_each_is_undone(client: ApiClient, ctx: AppContext) -> None:
    new = {"email": "Carla@example.org", "keywords": ["graph"], "preferences": {"frequency": "weekly", "cap": 5}}
    added = client.post("/subscribers", new, 201)
    number = added["id"]
    shown = {name: added[name] for name in ("email", "status", "frequency", "cap", "send_hour", "keywords")}
    assert shown == {
        "email": "Carla@example.org",
        "status": "pending",
        "frequency": "weekly",
        "cap": 5,
        "send_hour": 8,
        "keywords": [{"text": "graph", "is_muted": False}],
    }
    assert "already" not in client.post(f"/subscribers/{number}/resend-confirmation")["action"]
    assert StoreView(ctx.engine).delivery_kinds("Carla@example.org") == [DeliveryKind.CONFIRM] * 2
    ada = number_of(ctx, ADA)
    change = {
        "keywords": ["robot", "cat"],
        "preferences": {"timezone": "Europe/Berlin", "weekday": "friday", "close_papers": True},
    }
    response = client.send("PATCH", f"/subscribers/{ada}", json=change)
    acts = [response.json(), client.post(f"/subscribers/{ada}/pause", {"until": "2026-09-01"})]
    acts += [client.post(f"/subscribers/{ada}/{verb}") for verb in ("resume", "remove", "restore")]
    assert [act["action"] for act in acts] == ["change", "pause", "resume", "remove", "restore"]
    after = client.get(f"/subscribers/{ada}")
    assert (after["status"], after["timezone"], after["weekday"], len(after["keywords"])) == (
        "active", "Europe/Berlin", "friday", 2
    )  # fmt: skip
    assert (added["close_papers"], after["close_papers"]) == (None, True)
    assert [row["close_papers"] for row in client.get("/subscribers")["subscribers"]].count(True) == 1
    for act in reversed(acts):
        undone = client.post(f"/actions/{act['id']}/undo")
        assert (undone["undone_by"], undone["can_undo"]) == ("token bot", False)
        assert client.get(f"/actions/{act['id']}") == undone
    before = client.get(f"/subscribers/{ada}")
    assert [row["text"] for row in before["keywords"]] == ["robot", "-survey"]
    assert (before["timezone"], before["status"]) == ("UTC", "active")
    assert client.send("DELETE", f"/subscribers/{ada}").json()["action"] == "erase"
    client.get(f"/subscribers/{ada}", 404)
    client.post("/suppressions/release", {"email": ADA}, 409)


def test_lists_are_read_page_by_page_and_filtered(client: ApiClient, ctx: AppContext) -> None:
    for n in range(5):
        add_active_subscriber(ctx, f"sub{n}@example.net", "robot", now=TEST_TIME, frequency="weekly")
    found: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        cursor = f"&cursor={page['next']}" if page["next"] else ""
        page = client.get(f"/subscribers?frequency=weekly&limit=2{cursor}")
        found += [row["email"] for row in page["subscribers"]]
    assert found == [f"sub{n}@example.net" for n in reversed(range(5))]
    searched = client.post("/subscribers/search", {"text": "EXAMPLE.net", "limit": 3})
    assert [row["email"] for row in searched["subscribers"]] == [f"sub{n}@example.net" for n in range(3)]
    rest = client.post("/subscribers/search", {"text": "EXAMPLE.net", "cursor": searched["next"]})
    assert [row["email"] for row in rest["subscribers"]] == ["sub3@example.net", "sub4@example.net"]
    ada = number_of(ctx, ADA)
    assert [row["subscriber_id"] for row in client.get(f"/deliveries?subscriber={ada}")["deliveries"]] == [ada]
    assert len(client.get("/deliveries?state=waiting&kind=digest&day=2026-07-31")["deliveries"]) == 2
    assert client.get("/deliveries?state=failed")["deliveries"] == []
    first = client.get("/deliveries?limit=1")
    second = client.get(f"/deliveries?limit=1&cursor={first['next']}")
    assert first["deliveries"][0]["id"] > second["deliveries"][0]["id"]
    for path in ("/deliveries?state=lost", "/deliveries?day=soon", "/subscribers?limit=0", "/actions?cursor=x"):
        assert client.get(path, 422)["errors"], path


def test_deliveries_are_retried_cancelled_released_and_resolved(client: ApiClient, ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        ada = subscriber_by_email(session, ADA)
        states = (DeliveryState.FAILED, DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNCERTAIN)
        rows = [delivery(ada, edition=f"2026-06-0{n}", state=state, attempts=1) for n, state in enumerate(states, 1)]
        rows[0].settled_at = TEST_TIME
        session.add_all(rows)
        session.flush()
        numbers = [int(row.id or 0) for row in rows]
        session.add(
            BounceRecord(
                delivery_id=numbers[0],
                bounce_class=BounceClass.SOFT,
                reason="full",
                parser="dsn",
                fingerprint="f",
                received_at=TEST_TIME,
            )
        )
    verbs = ("retry", "cancel", "release", "resolve")
    for number, verb in zip(numbers, verbs, strict=True):
        act = client.post(f"/deliveries/{number}/{verb}", {"outcome": "lost"} if verb == "resolve" else None)
        assert (act["action"], act["object_id"]) == (verb, str(number))
    expected = ["queued", "cancelled", "queued", "failed"]
    assert [client.get(f"/deliveries/{number}")["state"] for number in numbers] == expected
    for number, verb in zip(numbers, verbs, strict=True):
        refused = client.post(f"/deliveries/{number}/{verb}", {"outcome": "sent"} if verb == "resolve" else None, 409)
        assert f"Delivery {number} " in refused["detail"]
    detail = client.get(f"/deliveries/{numbers[0]}")
    assert [bounce["reason"] for bounce in detail["bounces"]] == ["full"]
    assert any("queued: digest 2026-06-01" in event["text"] for event in detail["history"])
    assert [row["delivery_id"] for row in client.get("/bounces?bounce_class=soft")["bounces"]] == [numbers[0]]
    assert client.get("/bounces?bounce_class=hard")["bounces"] == []
    digest = StoreView(ctx.engine).deliveries(BOB)[0].id
    assert client.post(f"/deliveries/{digest}/send-copy")["action"] == "send-copy"
    for path in ("/deliveries/999", "/subscribers/999"):
        assert "999" in client.get(path, 404)["detail"]


def test_sources_papers_and_quarantined_rows(client: ApiClient, ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        session.add(source_fetch(source="arxiv"))
        quarantine_rows(session, [InvalidRow("paper", "1", "title cannot be read")], TEST_TIME)
    assert [row["name"] for row in client.get("/sources")["sources"]] == ["arxiv"]
    assert [row["source"] for row in client.get("/fetches?source=arxiv&status=ok")["fetches"]] == ["arxiv"]
    assert client.post("/sources/arxiv/fetch", status=202)["action"] == "fetch"
    assert take_fetch_requests(ctx, TEST_TIME) == ["arxiv"]
    assert "In use: arxiv" in client.post("/sources/pubmed/fetch", status=404)["detail"]
    (row,) = client.get("/quarantine")["rows"]
    assert client.post(f"/quarantine/{row['id']}/retry")["detail"]["table"] == "paper"
    client.post(f"/quarantine/{row['id']}/resolve", status=404)
    linked = client.post("/papers/links", {"one": 1, "other": 2}, 201)
    assert [link["id"] for link in client.get("/papers/links")["links"]] == [int(linked["object_id"])]
    undone = client.post(f"/papers/links/{linked['object_id']}/undo")
    assert (undone["id"], undone["undone_by"]) == (linked["id"], "token bot")
    third = store_papers(ctx, TEST_TIME, "Robot feet")[0]
    separated = client.post("/papers/separations", {"one": 1, "other": third}, 201)
    assert len(client.get("/papers/links")["separations"]) == 1
    client.post(f"/papers/separations/{separated['object_id']}/undo")
    assert client.get("/papers/ambiguous") == {"pairs": []}
    assert "There is no paper 99." in client.post("/papers/links", {"one": 1, "other": 99}, 404)["detail"]
    assert "are one paper already" in client.post("/papers/links", {"one": 1, "other": 1}, 409)["detail"]
    actions = client.get("/actions?object_kind=paper-link&actor=token bot")["actions"]
    assert [(act["action"], act["undone_by"]) for act in actions] == [("separate", "token bot"), ("link", "token bot")]


def test_wrong_input_is_refused_in_words_and_changes_nothing(client: ApiClient, ctx: AppContext) -> None:
    ada = number_of(ctx, ADA)
    wrong: list[tuple[str, str, Any, int]] = [
        ("POST", "/subscribers", {"email": "nobody"}, 422),
        ("POST", "/subscribers", {"email": ADA}, 409),
        ("POST", "/subscribers", {"email": "x@example.org", "keywords": ["robot ("]}, 422),
        ("POST", "/subscribers", {"email": "x@example.org", "nonce": "1"}, 422),
        ("PATCH", f"/subscribers/{ada}", {}, 422),
        ("PATCH", f"/subscribers/{ada}", {"preferences": {"timezone": "Mars"}}, 422),
        ("PATCH", f"/subscribers/{ada}", {"preferences": {"sources": ["myspace"]}}, 422),
        ("POST", f"/subscribers/{ada}/pause", {"until": "2026-07-01"}, 409),
        ("POST", f"/subscribers/{ada}/pause", {"until": 1785000000}, 422),
        ("POST", f"/subscribers/{ada}/resume", None, 409),
        ("POST", "/subscribers/search", {"text": "ab"}, 422),
        ("POST", "/suppressions/release", {"email": "nobody"}, 422),
        ("POST", "/actions/999/undo", None, 404),
        ("GET", "/nothing", None, 404),
        ("PUT", "/subscribers", None, 405),
    ]
    for method, path, body, status in wrong:
        response = client.send(method, path, json=body)
        assert response.status_code == status, (path, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"], path
    assert client.get("/actions?object_kind=subscriber")["actions"] == []
    for path, methods in (("/subscribers/search", "POST"), (f"/subscribers/{ada}", "DELETE, GET, PATCH")):
        refused = client.send("PUT", path)
        assert (refused.status_code, refused.headers["allow"]) == (405, methods)


def test_a_row_that_cannot_be_read_is_shown_in_its_list(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=TEST_TIME)
    client = make_client(ctx)
    spoil(sqlite_store, "UPDATE subscriber SET weekday = 9, paused_until = 'soon', reason = X'FF', cap = 'many'")
    (row,) = client.get("/subscribers")["subscribers"]
    assert (row["email"], row["weekday"], row["cap"]) == (ADA, "9", 0)


def test_a_page_takes_the_same_work_however_many_rows_it_has(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store)
    client = make_client(ctx)
    statements: list[str] = []
    event.listen(sqlite_store, "before_cursor_execute", lambda _c, _k, statement, *_more: statements.append(statement))
    client.get("/subscribers")  # the first use of the token is recorded
    counts = []
    for total in (2, 12):
        for n in range(total):
            add_active_subscriber(ctx, f"{total}-{n}@example.org", "robot", now=TEST_TIME)
        statements.clear()
        assert len(client.get("/subscribers")["subscribers"]) >= total
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_what_a_program_did_is_on_record_beside_what_people_did(client: ApiClient, ctx: AppContext) -> None:
    client.post(f"/subscribers/{number_of(ctx, ADA)}/remove")
    with read_session(ctx.engine) as session:
        assert session.get_one(Subscriber, number_of(ctx, ADA)).reason == "removed by the operator"
        cancelled = [row for row in StoreView(ctx.engine).deliveries(ADA) if row.state == DeliveryState.CANCELLED]
        assert isinstance(cancelled[0], Delivery)
    acts = client.get("/actions?limit=2")
    assert [(act["actor"], act["action"], act["object_kind"]) for act in acts["actions"]] == [
        ("token bot", "remove", "subscriber"),
        ("ada", "create", "api-token"),
    ]
    assert client.get(f"/actions?cursor={acts['next']}")["actions"] == []
