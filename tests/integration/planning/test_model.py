"""Planning beside a plain model of it: whatever happens in whatever order, no paper twice and none lost."""

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

from digest import planning
from digest.context import AppContext
from digest.database import connect, write_session
from digest.database.models import Delivery, DeliveryState
from digest.subscribers import Preferences, parse_keywords_or_raise, update_preferences
from digest.tokens import TokenPurpose
from tests.support.contexts import DAY, TUESDAY, Record, arrive, make_context, reader, token
from tests.support.postgres import Postgres

WORDS = ("robot", "protein", "graph")
READERS = ("ada", "bob", "eve")
FATES = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.CANCELLED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SENDING,
    DeliveryState.ON_WIRE,
    DeliveryState.QUEUED,
)
RETURNS = {DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED}

some = st.sets(st.sampled_from(WORDS), min_size=1)
step = st.one_of(
    st.tuples(st.just("list"), st.lists(some, min_size=1, max_size=3)),
    st.tuples(st.just("plan"), st.integers(0, 2)),
    st.tuples(st.just("settle"), st.sampled_from(READERS), st.sampled_from(FATES)),
    st.tuples(st.just("change"), st.sampled_from(READERS), some),
)


@dataclass
class Letter:
    papers: set[int]
    state: DeliveryState = DeliveryState.QUEUED
    returned: bool = False


@dataclass
class Person:
    """What one reader should get, told as plainly as can be."""

    keywords: set[str]
    seen: int = 0
    letters: list[Letter] = field(default_factory=list)

    def plan(self, shelf: list[tuple[int, set[str]]]) -> None:
        back: set[int] = set()
        for letter in self.letters:
            if letter.state == DeliveryState.QUEUED:
                letter.state = DeliveryState.EXPIRED
            if letter.state in RETURNS and not letter.returned:
                letter.returned = True
                back |= letter.papers
        new = {number for number, _ in shelf[self.seen :]}
        self.seen = len(shelf)
        chosen = {number for number, words in shelf if number in new | back and words & self.keywords}
        if chosen:
            self.letters.append(Letter(chosen))

    def settle(self, fate: DeliveryState) -> None:
        for letter in self.letters:
            if letter.state in {DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE}:
                letter.state = fate


class Play:
    """The same steps for the house and for the model."""

    def __init__(self, at: AppContext) -> None:
        self.at, self.record, self.now = at, Record(at.engine), TUESDAY
        self.shelf: list[tuple[int, set[str]]] = []
        self.people = {name: Person({word}) for name, word in zip(READERS, WORDS, strict=True)}
        self.numbers = itertools.count()
        for name, person in self.people.items():
            reader(at, f"{name}@example.org", *person.keywords, now=self.now, cap=100)

    def list(self, papers: list[set[str]]) -> None:
        titles = [f"On {' and '.join(sorted(words))} as number {next(self.numbers)}" for words in papers]
        self.shelf += zip(arrive(self.at, self.now, *titles), papers, strict=True)

    def plan(self, days: int) -> None:
        """On the same day again nobody is due."""
        self.now += days * DAY
        fresh = {each.last_due_day for each in (self.record.of(f"{name}@example.org") for name in READERS)}
        planning.plan(self.at.engine, self.at.sender_domain, self.now)
        if days or fresh == {None}:
            for person in self.people.values():
                person.plan(self.shelf)

    def settle(self, name: str, fate: DeliveryState) -> None:
        self.people[name].settle(fate)
        with write_session(self.at.engine) as session:
            mine = select(Delivery).where(Delivery.subscriber_id == self.record.of(f"{name}@example.org").id)
            moving = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE)
            for each in session.exec(mine.where(col(Delivery.state).in_(moving))).all():
                each.state = fate

    def change(self, name: str, keywords: set[str]) -> None:
        self.people[name].keywords = keywords
        key = token(self.at, f"{name}@example.org", TokenPurpose.PREFERENCES, self.now)
        update_preferences(
            self.at, key, Preferences(cap=100), parse_keywords_or_raise(sorted(keywords)), None, self.now
        )

    def compare(self) -> None:
        for name, person in self.people.items():
            told = [(each.state, set(each.papers)) for each in self.record.letters(f"{name}@example.org")]
            assert told == [(each.state, each.papers) for each in person.letters]


def play(at: AppContext, steps: list[tuple[str, ...]]) -> None:
    game = Play(at)
    for name, *arguments in steps:
        getattr(game, name)(*arguments)
        game.compare()
    changed = {arguments[0] for name, *arguments in steps if name == "change"}
    # In the end the relay takes everything, and whatever was in doubt turns out to be lost or to have arrived.
    for name in READERS:
        game.settle(name, DeliveryState.SENT)
    game.plan(1)
    for name in READERS:
        game.settle(name, DeliveryState.SENT)
    game.compare()
    for name, person in game.people.items():
        got = [number for each in person.letters if each.state not in RETURNS for number in each.papers]
        assert len(got) == len(set(got)), "a paper came twice"
        if name not in changed:
            assert set(got) == {number for number, words in game.shelf if words & person.keywords}, "a paper is lost"


often = partial(
    settings, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@often(max_examples=25)
@given(steps=st.lists(step, max_size=14))
def test_no_paper_twice_and_none_lost(
    steps: list[tuple[str, ...]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "play.db")
    with opened(f"sqlite:///{tmp_path / 'play.db'}") as engine:
        play(make_context(engine), steps)
    for file in tmp_path.glob("play.db*"):
        file.unlink()


@often(max_examples=10)
@given(steps=st.lists(step, max_size=14))
def test_no_paper_twice_and_none_lost_on_postgresql(
    steps: list[tuple[str, ...]], postgres: Postgres, request: pytest.FixtureRequest
) -> None:
    url = postgres.database(request.getfixturevalue("_postgres_template"))
    with opened(url) as engine:
        play(make_context(engine), steps)
    postgres.drop(url)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def test_the_first_letter_of_the_play_is_as_a_person_would_expect(sqlite_store: Engine) -> None:
    game = Play(make_context(sqlite_store))
    game.list([{"robot"}, {"protein", "robot"}])
    game.plan(1)
    game.settle("ada", DeliveryState.FAILED)
    game.list([{"robot"}])
    game.plan(1)
    numbers = [number for number, _ in game.shelf]
    assert [set(each.papers) for each in game.record.letters("ada@example.org")] == [set(numbers[:2]), set(numbers)]
    game.compare()
