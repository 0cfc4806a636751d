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
SOURCES = ("acs", "arxiv", "pubmed")
CHOICES: tuple[set[str], ...] = (set(), {"acs"}, {"arxiv", "pubmed"})  # of the three; none: all sources
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
    st.tuples(st.just("list"), st.lists(keyword_sets, min_size=1, max_size=3), st.sampled_from(SOURCES)),
    st.tuples(st.just("list_again"), st.integers(0, 20), st.sampled_from(SOURCES)),
    st.tuples(st.just("plan"), st.integers(0, 2)),
    st.tuples(st.just("settle"), st.sampled_from(NAMES), st.sampled_from(STATES)),
    st.tuples(st.just("change"), st.sampled_from(NAMES), keyword_sets),
    st.tuples(st.just("choose"), st.sampled_from(NAMES), st.sets(st.sampled_from(SOURCES))),
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
    """A paper; `number` tells when it was listed, and is 0 while plans leave it out. `listings` are by source."""

    words: set[str]
    number: int
    listings: dict[str, int]
    is_unreadable: bool = False

    def number_in(self, sources: set[str]) -> int:
        """Return when one of these sources listed it first; no source: any."""
        numbers = [max(self.number, number) for source, number in self.listings.items() if source in sources]
        return min(numbers, default=0) if sources and self.number else self.number


@dataclass
class ModelSubscriber:
    """What one subscriber should get."""

    keywords: set[str]
    sources: set[str]
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
            if (paper.number_in(self.sources) > self.seen_number or number in undelivered)
            and not (self.sources and self.sources.isdisjoint(paper.listings))
            and number not in had
            and paper.words & self.keywords
            and not paper.is_unreadable
        }
        numbers = ((paper.number, *paper.listings.values()) for paper in papers.values())
        self.seen_number = max(itertools.chain([self.seen_number], *numbers))
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
        self.titles: dict[int, str] = {}
        self.subscribers = {
            name: ModelSubscriber({word}, sources) for name, word, sources in zip(NAMES, WORDS, CHOICES, strict=True)
        }
        self.numbers, self.listing_numbers = itertools.count(), itertools.count(1)
        for name, expected in self.subscribers.items():
            sources = tuple(expected.sources)
            add_active_subscriber(
                ctx, f"{name}@example.org", *expected.keywords, now=self.now, cap=100, sources=sources
            )

    def list(self, papers: list[set[str]], source: str) -> None:
        titles = [f"On {' and '.join(sorted(words))} as number {next(self.numbers)}" for words in papers]
        for paper_id, words, title in zip(
            store_papers(self.ctx, self.now, *titles, source=source), papers, titles, strict=True
        ):
            number = next(self.listing_numbers)
            self.papers[paper_id], self.titles[paper_id] = ModelPaper(words, number, {source: number}), title

    def list_again(self, position: int, source: str) -> None:
        """Let another source list a paper."""
        paper_ids = [paper_id for paper_id, paper in self.papers.items() if source not in paper.listings]
        if paper_ids:
            paper_id = paper_ids[position % len(paper_ids)]
            store_papers(self.ctx, self.now, self.titles[paper_id], source=source)
            paper = self.papers[paper_id]
            paper.listings[source] = next(self.listing_numbers)
            paper.number = paper.number or paper.listings[source]

    def plan(self, days: int) -> None:
        self.now += days * DAY
        last_due_days = {row.last_due_day for row in (self.record.subscriber(f"{name}@example.org") for name in NAMES)}
        plan_digests(self.ctx, self.now)
        for paper in self.papers.values():
            if not paper.number and not paper.is_unreadable:
                paper.listings = {source: next(self.listing_numbers) for source in paper.listings}
                paper.number = min(paper.listings.values())
        if days or last_due_days == {None}:
            seen_number = min(expected.seen_number for expected in self.subscribers.values())
            chosen = set().union(*(expected.sources for expected in self.subscribers.values()))
            unreadable = {
                number
                for number, paper in self.papers.items()
                if paper.is_unreadable
                and paper.number
                and max(paper.number, *(paper.listings.get(source, 0) for source in chosen), 0) > seen_number
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
        self.save(name)

    def choose(self, name: str, sources: set[str]) -> None:
        self.subscribers[name].sources = sources
        self.save(name)

    def save(self, name: str) -> None:
        expected = self.subscribers[name]
        key = sign_token(self.ctx, f"{name}@example.org", TokenPurpose.PREFERENCES, self.now)
        preferences = Preferences(cap=100, sources=tuple(expected.sources))
        keywords = parse_keywords_or_raise(sorted(expected.keywords))
        update_preferences(self.ctx, key, preferences, keywords, None, self.now)

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
    changed = {arguments[0] for name, *arguments in steps if name in {"change", "choose"}}
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
                number
                for number, paper in comparison.papers.items()
                if paper.words & expected.keywords
                and (not expected.sources or expected.sources & paper.listings.keys())
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
    comparison.list([{"robot"}, {"protein", "robot"}], "arxiv")
    comparison.plan(1)
    comparison.settle("ada", DeliveryState.FAILED)
    comparison.list([{"robot"}], "acs")
    comparison.list_again(1, "acs")
    comparison.plan(1)
    numbers = list(comparison.papers)
    assert [set(digest.papers) for digest in comparison.record.deliveries("ada@example.org")] == [
        set(numbers[:2]),
        set(numbers),
    ]
    assert [set(digest.papers) for digest in comparison.record.deliveries("bob@example.org")] == [{numbers[1]}]
    comparison.compare()
