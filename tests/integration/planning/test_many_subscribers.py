import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlmodel import col, func, select

from digest import planning
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Delivery, DeliveryState, Subscriber, SubscriberStatus
from digest.planning import PlanReport
from digest.planning.new_papers import load_new_papers
from digest.subscribers import Preferences, parse_keywords_or_raise, unsubscribe, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import ADA, BOB, DAY, TUESDAY, Record, arrive, mailed, make_context, many, reader


@pytest.fixture
def at(store: Engine) -> AppContext:
    return make_context(store)


@pytest.fixture
def record(store: Engine) -> Record:
    return Record(store)


def test_more_readers_than_one_chunk_holds(at: AppContext, record: Record) -> None:
    many(at, 2001)
    robot, protein = arrive(at, TUESDAY, "A robot walks", "A protein folds")
    assert planning.plan(at.engine, at.sender_domain, TUESDAY) == PlanReport(due=2001, digests=1334, without_papers=667)
    with read_session(at.engine) as session:
        tally = session.exec(select(func.count()).select_from(Delivery).group_by(col(Delivery.subscriber_id))).all()
        assert set(tally) == {1}
        assert len(session.exec(select(Subscriber).where(col(Subscriber.last_due_day).is_(None))).all()) == 0
    assert [each.papers for each in record.letters()[:2]] == [[robot], [protein]]


def test_four_planners_at_once_write_one_letter_a_reader(at: AppContext, record: Record) -> None:
    many(at, 1200)
    arrive(at, TUESDAY, "A robot walks", "A protein folds", "A graph grows")
    barrier = Barrier(4)

    def plan(_number: int) -> PlanReport:
        barrier.wait()
        return planning.plan(at.engine, at.sender_domain, TUESDAY)

    with ThreadPoolExecutor(4) as pool:
        plans = list(pool.map(plan, range(4)))
    assert sum(each.digests for each in plans) == sum(each.due for each in plans) == 1200
    assert len({each.subscriber_id for each in record.letters()}) == len(record.letters()) == 1200


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


def test_planners_in_other_processes_write_one_letter_a_reader(at: AppContext, record: Record, store_url: str) -> None:
    many(at, 1200)
    arrive(at, TUESDAY, "A robot walks", "A protein folds", "A graph grows")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PLANNER, store_url, TUESDAY.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for each in started:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    letters = 0
    for each in started:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    for each in started:
        out, _ = each.communicate(timeout=60)
        assert each.returncode == 0
        letters += int(out)
    assert letters == len(record.letters()) == 1200


def test_leaving_and_changing_while_a_plan_runs_never_locks_up(at: AppContext, record: Record) -> None:
    """Readers leave and change at the desk while planners withdraw and queue their letters."""
    many(at, 160)
    for day in range(2):
        now = TUESDAY + day * DAY
        arrive(at, now, f"A robot walks on day {day}", f"Protein number {day}", f"Graph number {day}")
        keys = [
            at.token_signer.sign(purpose, str(n), now)
            for n, purpose in enumerate([TokenPurpose.UNSUBSCRIBE, TokenPurpose.PREFERENCES] * 80)
        ][day * 80 : day * 80 + 80]

        def act(number: int, keys: list[str] = keys, now: datetime = now) -> None:
            if number % 20 == 0:
                planning.plan(at.engine, at.sender_domain, now)
            elif number % 2:
                update_preferences(
                    at, keys[number], Preferences(), parse_keywords_or_raise(["robot", "graph"]), None, now
                )
            else:
                unsubscribe(at, keys[number], now)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, range(80)))
    planning.plan(at.engine, at.sender_domain, TUESDAY + 2 * DAY)
    with read_session(at.engine) as session:
        states = session.exec(select(Subscriber.status, func.count()).group_by(Subscriber.status)).all()
    assert dict(states)[SubscriberStatus.UNSUBSCRIBED] == sum(1 for n in range(80) if n % 2 == 0 and n % 20) * 2


def test_who_joins_while_a_plan_runs_loses_nothing(at: AppContext, record: Record) -> None:
    """A pool gathered for earlier readers does not serve one who has seen less, nor one with a new keyword."""
    reader(at, ADA, "robot", now=TUESDAY)
    found = arrive(at, TUESDAY, "A robot walks", "A protein folds")
    planning.plan(at.engine, at.sender_domain, TUESDAY)
    record.settle(DeliveryState.SENT)
    with read_session(at.engine) as session:
        pool = load_new_papers(session)
    reader(at, BOB, "protein", now=TUESDAY)
    bob = record.of(BOB)
    assert not pool.covers(np.array([bob.covered_listing_id]))
    assert not pool.has_keywords(np.array([2]))
    planning.plan(at.engine, at.sender_domain, TUESDAY)
    assert mailed(record, BOB) == [found[1:]]
    # And one who has seen more is never taken back.
    arrive(at, TUESDAY, "Robots swim")
    planning.plan(at.engine, at.sender_domain, TUESDAY + DAY)
    assert not pool.covers(np.array([record.of(ADA).covered_listing_id]))
