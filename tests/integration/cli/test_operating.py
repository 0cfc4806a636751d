"""What an operator may do about emails and runs, and what is pruned."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    BounceClass,
    BounceRecord,
    Delivery,
    DeliveryKind,
    DeliveryState,
    HttpCacheEntry,
    SavedKeyword,
    SourceFetch,
    Subscriber,
    SubscriberStatus,
)
from digest.delivery import UndeliveredPapers, reclaim_undelivered_papers, retry
from digest.delivery.claims import claim
from digest.jobs import prune
from digest.jobs.retention import prune_unconfirmed, prune_unsubscribed
from digest.jobs.scheduler import Scheduler
from digest.monitoring import get_edition_run
from digest.monitoring.runs import DueHour
from digest.papers import delivered_paper_ids
from digest.planning import plan
from digest.subscribers import Preferences, decline, parse_keywords_or_raise, subscribe, unsubscribe
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.messages import COPY_WITHOUT_KEYWORDS
from tests.support.browser import Browser
from tests.support.command import Command
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    StoreView,
    add_active_subscriber,
    make_context,
    sign_token,
    store_papers,
)
from tests.support.factories import delivery, source_fetch, subscriber

NOW = datetime(2026, 7, 29, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)


def put(store: Engine, **given: Any) -> int:
    with write_session(store) as session:
        session.add(to := subscriber(status=given.pop("status", SubscriberStatus.ACTIVE)))
        session.flush()
        session.add(row := delivery(to, **given))
        session.flush()
        return int(row.id or 0)


def get(store: Engine, number: int) -> Delivery:
    with read_session(store) as session:
        return session.get_one(Delivery, number)


def again(store: Engine, number: int) -> str:
    with write_session(store) as session:
        return retry(session, number)


@pytest.mark.parametrize(
    "given",
    [{"state": DeliveryState.FAILED, "settled_at": NOW}, {"state": DeliveryState.QUEUED, "next_attempt_at": LATER}],
)
def test_an_email_that_did_not_go_is_queued_again(store: Engine, given: dict[str, object]) -> None:
    number, other = put(store, attempts=2, **given), put(store, **given)
    before = get(store, number)
    assert again(store, number) == ""
    row = get(store, number)
    assert (row.state, row.next_attempt_at, row.settled_at, row.attempts) == ("queued", None, None, 2)
    assert row.message_id == before.message_id
    assert (get(store, other).state, get(store, other).next_attempt_at) == (
        given["state"],
        given.get("next_attempt_at"),
    )
    with write_session(store) as session:
        assert [claimed.id for claimed in claim(session, "me", NOW, 10)] == [number]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"state": DeliveryState.SENT}, "it would be sent twice"),
        ({"state": DeliveryState.UNCERTAIN}, "may have been sent"),
        ({"state": DeliveryState.ON_WIRE, "owner": "me"}, "being sent now"),
        ({"state": DeliveryState.SENDING, "owner": "me"}, "being sent now"),
        ({"state": DeliveryState.CANCELLED}, "the subscriber unsubscribed or was suspended"),
        ({"state": DeliveryState.EXPIRED}, "later digest has its papers"),
        ({"state": DeliveryState.FAILED, "is_reclaimed": True}, "later digest has its papers"),
        ({"state": DeliveryState.FAILED, "status": SubscriberStatus.SUPPRESSED}, "its subscriber is suppressed"),
        ({"state": DeliveryState.FAILED, "kind": DeliveryKind.CONFIRM}, "its subscriber is active"),
        ({"state": DeliveryState.QUEUED}, "it is already queued"),
    ],
)
def test_an_email_that_may_not_go_again_says_why(store: Engine, given: dict[str, object], why: str) -> None:
    number = put(store, **given)
    before = get(store, number).model_dump()
    assert why in again(store, number)
    assert get(store, number).model_dump() == before
    assert again(store, 999_999) == "there is no such delivery"


def test_the_papers_of_an_email_are_either_sent_again_or_handed_out(store: Engine) -> None:
    first, second = (put(store, state=DeliveryState.FAILED, papers=[7]) for _ in range(2))
    subscriber_ids = [get(store, number).subscriber_id for number in (first, second)]
    assert again(store, first) == ""
    with write_session(store) as session:
        back = reclaim_undelivered_papers(session, subscriber_ids, NOW)
    assert back == {subscriber_id: UndeliveredPapers([7]) for subscriber_id in subscriber_ids}
    assert "later digest has its papers" in again(store, first)
    assert "later digest has its papers" in again(store, second)


def test_retry_on_the_command_line(sqlite_store: Engine, tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url)})
    old, new, had = (
        put(sqlite_store, state=DeliveryState.FAILED, settled_at=NOW),
        put(sqlite_store, state=DeliveryState.FAILED, settled_at=LATER),
        put(sqlite_store, state=DeliveryState.FAILED, settled_at=LATER, is_reclaimed=True),
    )
    done = command.run("deliveries", "retry", "--failed", "--since", LATER.isoformat(), status=1)
    assert done.stdout == "1 of 2 deliveries queued again.\n"
    assert f"Delivery {had} cannot be sent again: a later digest has its papers." in done.stderr
    assert [get(sqlite_store, number).state for number in (old, new, had)] == ["failed", "queued", "failed"]
    assert command.json("deliveries", "retry", str(old)) == {"queued": [old], "refused": {}}
    for wrong in ([], ["--failed"], ["--since", "2026-07-29"], [str(old), "--failed", "--since", "2026-07-29"]):
        assert "--failed with --since" in command.run("deliveries", "retry", *wrong, status=2).stderr


# --- runs


def test_a_run_goes_from_due_to_finished(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    add_active_subscriber(ctx, BOB, "robot", now=NOW, timezone="Asia/Tokyo", send_hour=18)
    store_papers(ctx, NOW, "A robot")
    before = get_edition_run(store, NOW.date(), NOW)
    assert before.due == (DueHour("Asia/Tokyo", 18, 1), DueHour("UTC", 8, 1))
    assert (before.planned, before.open_count, before.is_finished) == (0, 0, False)
    plan(ctx.engine, ctx.sender_domain, NOW)
    put(store, status=SubscriberStatus.PAUSED, kind=DeliveryKind.WELCOME, edition=NOW.date().isoformat())  # no digest
    planned = get_edition_run(store, NOW.date(), NOW)
    assert (planned.due, planned.planned, planned.deliveries["queued"], planned.is_finished) == ((), 2, 2, False)
    StoreView(store).set_state(DeliveryState.SENT)
    over = get_edition_run(store, NOW.date(), NOW)
    assert (over.deliveries["sent"], over.deliveries["queued"], over.is_finished) == (2, 0, True)
    assert sum(get_edition_run(store, NOW.date() - DAY, NOW).deliveries.values()) == 0


def test_a_run_is_shown_on_the_command_line(sqlite_store: Engine, tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url)})
    add_active_subscriber(make_context(sqlite_store), ADA, "robot", now=NOW)
    run = command.json("runs", "show", "--now", NOW.isoformat())
    (due,) = run["due"]
    assert (run["day"], due["timezone"], due["hour"], due["subscribers"]) == ("2026-07-29", "UTC", 8, 1)
    # Names of the release before.
    assert command.json("round", "show", "--now", NOW.isoformat()) == run
    assert (due["readers"], run["letters"], run["over"]) == (1, run["deliveries"], False)
    assert "UTC\t8:00\t1" in command.run("runs", "show", "--now", NOW.isoformat()).stdout
    assert "needs a terminal" in command.run("runs", "show", "--watch", status=2).stderr


# --- retention


@pytest.fixture
def past(store: Engine) -> AppContext:
    """A store with a subscriber who stays and one who left, an email to each, and what gathered around them."""
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "robot", now=NOW, cap=1)
    add_active_subscriber(ctx, BOB, "robot", "protein", now=NOW)
    store_papers(ctx, NOW, "A robot", "Another robot")
    plan(ctx.engine, ctx.sender_domain, NOW)
    StoreView(store).set_state(DeliveryState.SENT)
    unsubscribe(ctx, sign_token(ctx, BOB, TokenPurpose.UNSUBSCRIBE, NOW), NOW)
    with write_session(store) as session:
        for row in session.exec(select(Delivery)).all():
            row.reply, row.settled_at = "2.0.0 queued", row.settled_at or NOW
            session.add(
                BounceRecord(
                    delivery_id=row.id or 0,
                    bounce_class=BounceClass.SOFT,
                    parser="x",
                    fingerprint=str(row.id),
                    received_at=NOW,
                )
            )
        session.add(HttpCacheEntry(url="https://example.org", etag="x", stored_at=NOW))
        session.add(source_fetch(started_at=NOW))
    return ctx


def held(ctx: AppContext) -> dict[str, object]:
    with read_session(ctx.engine) as session:
        digests = session.exec(select(Delivery).where(Delivery.kind == DeliveryKind.DIGEST).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        gone = session.exec(select(Subscriber.id).where(Subscriber.email == BOB)).one()
        return {
            "papers": [len(row.papers) for row in digests],
            "left_out": [len(row.omitted_papers) for row in digests],
            "keywords": [len(row.keywords) for row in digests],
            "replies": sum(bool(row.reply) for row in digests),
            "around": [len(session.exec(select(table)).all()) for table in (BounceRecord, HttpCacheEntry, SourceFetch)],
            "of who left": len(session.exec(select(SavedKeyword).where(SavedKeyword.subscriber_id == gone)).all()),
            "saved": len(session.exec(select(SavedKeyword)).all()),
        }


def test_nothing_is_forgotten_before_its_time(past: AppContext) -> None:
    before = held(past)
    assert (before["of who left"], before["left_out"], before["replies"]) == (2, [1, 0], 2)
    counts = prune(past, NOW + 30 * DAY, days=45)
    assert (set(counts.values()), held(past)) == ({0}, before)
    # Copies can be looked at for 90 days, however little else is kept.
    prune(past, NOW + 89 * DAY, days=45)
    assert held(past)["left_out"] == [1, 0]


def web_copy(ctx: AppContext, email: str, now: datetime) -> httpx.Response:
    number = next(row.id for row in StoreView(ctx.engine).deliveries(email) if row.kind == DeliveryKind.DIGEST)
    link = ctx.signed_url(TokenPurpose.VIEW, str(number), NOW).removeprefix(ctx.settings.base_url)
    return Browser(create_app(ctx, clock=lambda: now)).get(link)


def test_the_keywords_of_who_left_go_when_the_way_back_ends(past: AppContext) -> None:
    prune_unsubscribed(past, NOW + 30 * DAY)
    assert web_copy(past, BOB, NOW + 30 * DAY).status_code == 200
    assert held(past)["of who left"] == 2
    assert prune_unsubscribed(past, NOW + 30 * DAY + timedelta(seconds=1)) == 3
    now = held(past)
    assert (now["of who left"], now["saved"], now["keywords"], now["papers"]) == (0, 1, [1, 0], [1, 2])
    # The copy of their email says why it cannot be shown any more; that of who stays is shown.
    gone = web_copy(past, BOB, NOW + 31 * DAY)
    assert gone.status_code == 410
    assert COPY_WITHOUT_KEYWORDS in gone.text
    assert web_copy(past, ADA, NOW + 31 * DAY).status_code == 200


def test_of_old_emails_only_their_papers_stay(past: AppContext) -> None:
    with read_session(past.engine) as session:
        subscriber_ids = list(session.exec(select(Subscriber.id)).all())
        had = delivered_paper_ids(session, [int(subscriber_id or 0) for subscriber_id in subscriber_ids])
    late = NOW + 90 * DAY + timedelta(seconds=1)
    output, before = prune(past, late, dry_run=True), held(past)
    assert held(past) == before
    counts = prune(past, late)
    assert counts["replies of the relay"] == output["replies of the relay"] >= 2
    assert held(past) == {
        "papers": [1, 2],
        "left_out": [0, 0],
        "keywords": [0, 0],
        "replies": 0,
        "around": [0, 0, 0],
        "of who left": 0,
        "saved": 1,
    }
    with read_session(past.engine) as session:
        assert delivered_paper_ids(session, [int(subscriber_id or 0) for subscriber_id in subscriber_ids]) == had
    assert set(prune(past, late).values()) == {0}


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.UNCERTAIN, DeliveryState.FAILED])
def test_an_email_whose_outcome_is_open_keeps_all_it_has(store: Engine, state: DeliveryState) -> None:
    number = put(store, state=state, papers=[1], omitted_papers=[2], keywords=[3], reply="451", created_at=NOW)
    prune(make_context(store), NOW + 400 * DAY)
    row = get(store, number)
    assert (row.papers, row.omitted_papers, row.keywords, row.reply) == ([1], [2], [3], "451")


def test_an_unconfirmed_address_is_erased_in_time(store: Engine) -> None:
    ctx, saved = make_context(store), parse_keywords_or_raise(["robot"])
    for mail in (ADA, BOB, "eve@example.org"):
        subscribe(ctx, mail, Preferences(), saved, NOW)
    add_active_subscriber(ctx, "zoe@example.org", "robot", now=NOW)
    decline(ctx, sign_token(ctx, BOB, TokenPurpose.CONFIRM, NOW), NOW)
    subscribe(ctx, "eve@example.org", Preferences(), saved, NOW + 20 * DAY)
    assert prune_unconfirmed(ctx, NOW + 30 * DAY) == 0
    assert prune_unconfirmed(ctx, NOW + 30 * DAY + timedelta(seconds=1)) == 2
    with read_session(store) as session:
        left = session.exec(select(Subscriber.email).order_by(Subscriber.email)).all()
        assert left == ["eve@example.org", "zoe@example.org"]
        assert len(session.exec(select(SavedKeyword)).all()) == 2
    assert prune_unsubscribed(ctx, NOW + 51 * DAY) == 1


def test_the_service_forgets_by_itself(past: AppContext) -> None:
    asyncio.run(Scheduler(past, lambda: NOW + 31 * DAY).prune_unsubscribed())
    assert held(past)["of who left"] == 0


def test_prune_on_the_command_line(sqlite_store: Engine, tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url)})
    put(sqlite_store, state=DeliveryState.SENT, reply="2.0.0 ok", settled_at=NOW - 400 * DAY, papers=[5])
    output = command.json("prune", "--dry-run")
    assert (output["dry_run"], output["rows"]["replies of the relay"]) == (True, 1)
    assert "replies of the relay\t1" in command.run("prune").stdout
    rows = command.json("prune")["rows"]
    assert rows["replies of the relay"] == 0
    assert rows["mails that came back"] == rows["bounces"]  # a name of the release before
    assert "greater than or equal to 45" in command.run("prune", "--days", "44", status=2).stderr
