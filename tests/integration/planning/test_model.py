"""Planning compared with a plain model of it: in any order of events no paper comes twice and none is lost."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import connect, write_session
from digest.database.models import Delivery, DeliveryState
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import (
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    sign_token,
    store_papers,
)
from tests.support.postgres import Postgres

WORDS = ("robot", "protein", "graph")
NAMES = ("ada", "bob", "eve")
STATES = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.CANCELLED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SENDING,
    DeliveryState.ON_WIRE,
    DeliveryState.QUEUED,
)
RECLAIMABLE = {DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED}

keyword_sets = st.sets(st.sampled_from(WORDS), min_size=1)
step = st.one_of(
    st.tuples(st.just("list"), st.lists(keyword_sets, min_size=1, max_size=3)),
    st.tuples(st.just("plan"), st.integers(0, 2)),
    st.tuples(st.just("settle"), st.sampled_from(NAMES), st.sampled_from(STATES)),
    st.tuples(st.just("change"), st.sampled_from(NAMES), keyword_sets),
)


@dataclass
class ModelDigest:
    papers: set[int]
    state: DeliveryState = DeliveryState.QUEUED
    is_reclaimed: bool = False


@dataclass
class ModelSubscriber:
    """What one subscriber should get."""

    keywords: set[str]
    seen_count: int = 0
    digests: list[ModelDigest] = field(default_factory=list)

    def plan(self, listed: list[tuple[int, set[str]]]) -> None:
        undelivered: set[int] = set()
        for digest in self.digests:
            if digest.state == DeliveryState.QUEUED:
                digest.state = DeliveryState.EXPIRED
            if digest.state in RECLAIMABLE and not digest.is_reclaimed:
                digest.is_reclaimed = True
                undelivered |= digest.papers
        new = {number for number, _ in listed[self.seen_count :]}
        self.seen_count = len(listed)
        selected = {number for number, words in listed if number in new | undelivered and words & self.keywords}
        if selected:
            self.digests.append(ModelDigest(selected))

    def settle(self, state: DeliveryState) -> None:
        for digest in self.digests:
            if digest.state in {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE}:
                digest.state = state


class Comparison:
    """The same steps for the program and for the model."""

    def __init__(self, ctx: AppContext) -> None:
        self.ctx, self.record, self.now = ctx, StoreView(ctx.engine), TUESDAY
        self.listed: list[tuple[int, set[str]]] = []
        self.subscribers = {name: ModelSubscriber({word}) for name, word in zip(NAMES, WORDS, strict=True)}
        self.numbers = itertools.count()
        for name, expected in self.subscribers.items():
            add_active_subscriber(ctx, f"{name}@example.org", *expected.keywords, now=self.now, cap=100)

    def list(self, papers: list[set[str]]) -> None:
        titles = [f"On {' and '.join(sorted(words))} as number {next(self.numbers)}" for words in papers]
        self.listed += zip(store_papers(self.ctx, self.now, *titles), papers, strict=True)

    def plan(self, days: int) -> None:
        self.now += days * DAY
        last_due_days = {row.last_due_day for row in (self.record.subscriber(f"{name}@example.org") for name in NAMES)}
        plan_digests(self.ctx, self.now)
        if days or last_due_days == {None}:
            for expected in self.subscribers.values():
                expected.plan(self.listed)

    def settle(self, name: str, state: DeliveryState) -> None:
        self.subscribers[name].settle(state)
        with write_session(self.ctx.engine) as session:
            deliveries = select(Delivery).where(
                Delivery.subscriber_id == self.record.subscriber(f"{name}@example.org").id
            )
            in_progress = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)
            for delivery in session.exec(deliveries.where(col(Delivery.state).in_(in_progress))).all():
                delivery.state = state

    def change(self, name: str, keywords: set[str]) -> None:
        self.subscribers[name].keywords = keywords
        key = sign_token(self.ctx, f"{name}@example.org", TokenPurpose.PREFERENCES, self.now)
        update_preferences(
            self.ctx, key, Preferences(cap=100), parse_keywords_or_raise(sorted(keywords)), None, self.now
        )

    def compare(self) -> None:
        for name, expected in self.subscribers.items():
            actual = [(row.state, set(row.papers)) for row in self.record.deliveries(f"{name}@example.org")]
            assert actual == [(digest.state, digest.papers) for digest in expected.digests]


def compare(ctx: AppContext, steps: list[tuple[str, ...]]) -> None:
    comparison = Comparison(ctx)
    for name, *arguments in steps:
        getattr(comparison, name)(*arguments)
        comparison.compare()
    changed = {arguments[0] for name, *arguments in steps if name == "change"}
    # In the end the relay accepts everything, and what was uncertain turns out to be lost or delivered.
    for name in NAMES:
        comparison.settle(name, DeliveryState.SENT)
    comparison.plan(1)
    for name in NAMES:
        comparison.settle(name, DeliveryState.SENT)
    comparison.compare()
    for name, expected in comparison.subscribers.items():
        received = [
            number for digest in expected.digests if digest.state not in RECLAIMABLE for number in digest.papers
        ]
        assert len(received) == len(set(received)), "a paper came twice"
        if name not in changed:
            assert set(received) == {number for number, words in comparison.listed if words & expected.keywords}, (
                "a paper is lost"
            )


many_examples = partial(
    settings, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many_examples(max_examples=25)
@given(steps=st.lists(step, max_size=14))
def test_no_paper_twice_and_none_lost(
    steps: list[tuple[str, ...]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "model.db")
    with open_store(f"sqlite:///{tmp_path / 'model.db'}") as engine:
        compare(make_context(engine), steps)
    for file in tmp_path.glob("model.db*"):
        file.unlink()


@many_examples(max_examples=10)
@given(steps=st.lists(step, max_size=14))
def test_no_paper_twice_and_none_lost_on_postgresql(
    steps: list[tuple[str, ...]], postgres: Postgres, request: pytest.FixtureRequest
) -> None:
    url = postgres.database(request.getfixturevalue("_postgres_template"))
    with open_store(url) as engine:
        compare(make_context(engine), steps)
    postgres.drop(url)


@contextmanager
def open_store(url: str) -> Iterator[Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def test_the_model_agrees_with_a_digest_worked_out_by_hand(sqlite_store: Engine) -> None:
    comparison = Comparison(make_context(sqlite_store))
    comparison.list([{"robot"}, {"protein", "robot"}])
    comparison.plan(1)
    comparison.settle("ada", DeliveryState.FAILED)
    comparison.list([{"robot"}])
    comparison.plan(1)
    numbers = [number for number, _ in comparison.listed]
    assert [set(digest.papers) for digest in comparison.record.deliveries("ada@example.org")] == [
        set(numbers[:2]),
        set(numbers),
    ]
    comparison.compare()
