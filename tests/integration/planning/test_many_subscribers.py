"""Chunks of subscribers, and planners that run at once."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import numpy as np
from sqlmodel import col, func, select

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Delivery, DeliveryState, Subscriber, SubscriberStatus
from digest.planning import PlanReport
from digest.planning.due import CHUNK_COLUMNS, SubscriberChunk
from digest.planning.new_papers import load_new_papers
from digest.subscribers import Preferences, parse_keywords_or_raise, unsubscribe, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    add_many_subscribers,
    mailed_paper_ids,
    plan_digests,
    store_papers,
)


def test_more_subscribers_than_one_chunk_holds(ctx: AppContext, record: StoreView) -> None:
    add_many_subscribers(ctx, 2001)
    robot, protein = store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    assert plan_digests(ctx, TUESDAY) == PlanReport(due=2001, digests=1334, without_papers=667)
    with read_session(ctx.engine) as session:
        counts = session.exec(select(func.count()).select_from(Delivery).group_by(col(Delivery.subscriber_id))).all()
        assert set(counts) == {1}
        assert len(session.exec(select(Subscriber).where(col(Subscriber.last_due_day).is_(None))).all()) == 0
    assert [digest.papers for digest in record.deliveries()[:2]] == [[robot], [protein]]


def test_four_planners_at_once_queue_one_digest_a_subscriber(ctx: AppContext, record: StoreView) -> None:
    add_many_subscribers(ctx, 1200)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds", "A graph grows")
    barrier = Barrier(4)

    def plan_at_once(_number: int) -> PlanReport:
        barrier.wait()
        return plan_digests(ctx, TUESDAY)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(plan_at_once, range(4)))
    assert sum(report.digests for report in reports) == sum(report.due for report in reports) == 1200
    assert len({digest.subscriber_id for digest in record.deliveries()}) == len(record.deliveries()) == 1200


PLANNER = """
import sys
from datetime import datetime
from digest.database import connect
from digest.planning import plan
engine = connect(sys.argv[1])
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
sys.stdout.write(str(plan(engine, "example.org", datetime.fromisoformat(sys.argv[2])).digests))
engine.dispose()
"""


def test_planners_in_other_processes_queue_one_digest_a_subscriber(
    ctx: AppContext, record: StoreView, store_url: str
) -> None:
    add_many_subscribers(ctx, 1200)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds", "A graph grows")
    planners = [
        subprocess.Popen(
            [sys.executable, "-c", PLANNER, store_url, TUESDAY.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for planner in planners:
        assert planner.stdout
        assert planner.stdout.readline() == "ready\n"
    digests = 0
    for planner in planners:
        assert planner.stdin
        planner.stdin.write("\n")
        planner.stdin.flush()
    for planner in planners:
        output, _ = planner.communicate(timeout=60)
        assert planner.returncode == 0
        digests += int(output)
    assert digests == len(record.deliveries()) == 1200


def test_changes_and_unsubscriptions_during_a_plan_do_not_deadlock(ctx: AppContext, record: StoreView) -> None:
    """Subscribers change and unsubscribe while planners expire and queue their digests."""
    add_many_subscribers(ctx, 160)
    for day in range(2):
        now = TUESDAY + day * DAY
        store_papers(ctx, now, f"A robot walks on day {day}", f"Protein number {day}", f"Graph number {day}")
        keys = [
            ctx.token_signer.sign(purpose, str(n), now)
            for n, purpose in enumerate([TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES] * 80)
        ][day * 80 : day * 80 + 80]

        def act(number: int, keys: list[str] = keys, now: datetime = now) -> None:
            if number % 20 == 0:
                plan_digests(ctx, now)
            elif number % 2:
                update_preferences(
                    ctx, keys[number], Preferences(), parse_keywords_or_raise(["robot", "graph"]), None, now
                )
            else:
                unsubscribe(ctx, keys[number], now)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, range(80)))
    plan_digests(ctx, TUESDAY + 2 * DAY)
    with read_session(ctx.engine) as session:
        states = session.exec(select(Subscriber.status, func.count()).group_by(Subscriber.status)).all()
    assert dict(states)[SubscriberStatus.UNSUBSCRIBED] == sum(1 for n in range(80) if n % 2 == 0 and n % 20) * 2


def chunk_of(subscriber: Subscriber) -> SubscriberChunk:
    row = [getattr(subscriber, name) for name in CHUNK_COLUMNS]
    return SubscriberChunk.from_rows([row], [])


def test_a_subscription_during_a_plan_misses_no_paper(ctx: AppContext, record: StoreView) -> None:
    """Papers loaded for earlier subscribers do not cover one who has seen less, nor a new keyword."""
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    found = store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    plan_digests(ctx, TUESDAY)
    record.set_state(DeliveryState.SENT)
    with read_session(ctx.engine) as session:
        new_papers = load_new_papers(session, [])
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    bob = record.subscriber(BOB)
    assert not new_papers.covers(chunk_of(bob))
    assert not new_papers.has_keywords(np.array([2]))
    plan_digests(ctx, TUESDAY)
    assert mailed_paper_ids(record, BOB) == [found[1:]]
    # Nor one who has seen more.
    store_papers(ctx, TUESDAY, "Robots swim")
    plan_digests(ctx, TUESDAY + DAY)
    assert not new_papers.covers(chunk_of(record.subscriber(ADA)))
