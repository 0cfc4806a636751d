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
from tests.support.spoiled_rows import spoil

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
    st.tuples(st.just("damage"), st.integers(0, 20)),
    st.tuples(st.just("mend")),
)


@dataclass
class ModelDigest:
    papers: set[int]
    state: DeliveryState = DeliveryState.QUEUED
    is_reclaimed: bool = False


@dataclass
class ModelPaper:
    """A paper; `number` tells when it was listed, and is 0 while plans leave it out."""

    words: set[str]
    number: int
    is_unreadable: bool = False


@dataclass
class ModelSubscriber:
    """What one subscriber should get."""

    keywords: set[str]
    seen_number: int = 0
    digests: list[ModelDigest] = field(default_factory=list)

    def plan(self, papers: dict[int, "ModelPaper"]) -> set[int]:
        """Queue a digest; return the papers that it should carry again and cannot, because they are unreadable."""
        undelivered: set[int] = set()
        for digest in self.digests:
            if digest.state == DeliveryState.QUEUED:
                digest.state = DeliveryState.EXPIRED
            if digest.state in RECLAIMABLE and not digest.is_reclaimed:
                digest.is_reclaimed = True
                undelivered |= digest.papers
        had = {number for digest in self.digests if digest.state not in RECLAIMABLE for number in digest.papers}
        selected = {
            number
            for number, paper in papers.items()
            if (paper.number > self.seen_number or number in undelivered)
            and number not in had
            and paper.words & self.keywords
            and not paper.is_unreadable
        }
        self.seen_number = max((paper.number for paper in papers.values()), default=0)
        if selected:
            self.digests.append(ModelDigest(selected))
        return {number for number in undelivered if papers[number].is_unreadable}

    def settle(self, state: DeliveryState) -> None:
        for digest in self.digests:
            if digest.state in {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE}:
                digest.state = state


class Comparison:
    """The same steps for the program and for the model."""

    def __init__(self, ctx: AppContext) -> None:
        self.ctx, self.record, self.now = ctx, StoreView(ctx.engine), TUESDAY
        self.papers: dict[int, ModelPaper] = {}
        self.subscribers = {name: ModelSubscriber({word}) for name, word in zip(NAMES, WORDS, strict=True)}
        self.numbers, self.listing_numbers = itertools.count(), itertools.count(1)
        for name, expected in self.subscribers.items():
            add_active_subscriber(ctx, f"{name}@example.org", *expected.keywords, now=self.now, cap=100)

    def list(self, papers: list[set[str]]) -> None:
        titles = [f"On {' and '.join(sorted(words))} as number {next(self.numbers)}" for words in papers]
        for number, words in zip(store_papers(self.ctx, self.now, *titles), papers, strict=True):
            self.papers[number] = ModelPaper(words, next(self.listing_numbers))

    def plan(self, days: int) -> None:
        self.now += days * DAY
        last_due_days = {row.last_due_day for row in (self.record.subscriber(f"{name}@example.org") for name in NAMES)}
        plan_digests(self.ctx, self.now)
        for paper in self.papers.values():
            if not paper.number and not paper.is_unreadable:
                paper.number = next(self.listing_numbers)
        if days or last_due_days == {None}:
            seen_number = min(expected.seen_number for expected in self.subscribers.values())
            unreadable = {
                number for number, paper in self.papers.items() if paper.is_unreadable and paper.number > seen_number
            }
            for expected in self.subscribers.values():
                unreadable |= expected.plan(self.papers)
            for number in unreadable:
                self.papers[number].number = 0

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

    def damage(self, position: int) -> None:
        if self.papers:
            number = list(self.papers)[position % len(self.papers)]
            self.papers[number].is_unreadable = True
            spoil(self.ctx.engine, f"UPDATE paper SET authors = 'null' WHERE id = {number}")

    def mend(self) -> None:
        for paper in self.papers.values():
            paper.is_unreadable = False
        spoil(self.ctx.engine, "UPDATE paper SET authors = '[]'")

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
    # In the end all rows are mended, the relay accepts everything, and what was uncertain turns out to be lost or
    # delivered.
    comparison.mend()
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
            assert set(received) == {
                number for number, paper in comparison.papers.items() if paper.words & expected.keywords
            }, "a paper is lost"


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
    numbers = list(comparison.papers)
    assert [set(digest.papers) for digest in comparison.record.deliveries("ada@example.org")] == [
        set(numbers[:2]),
        set(numbers),
    ]
    comparison.compare()
