"""Acronyms are learned from the papers of the store, each counted once, and keywords follow."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import col, select

from digest.database import read_session, write_session
from digest.database.models import AcronymCount, Keyword, SavedKeyword
from digest.jobs import Scheduler
from digest.jobs.learn_acronyms import learn_acronyms
from digest.jobs.pipeline import run_once
from digest.mail import list_messages
from digest.matching import parse
from digest.papers import count_definitions, read_acronyms, read_definitions
from digest.subscribers import KeywordLimits, parse_keywords_or_raise, renew_keywords
from tests.conftest import Connect
from tests.support.contexts import ADA, FixedClock, add_active_subscriber, make_context
from tests.support.factories import NOW, TODAY, paper
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.migrations import ROWS, fill_former_store, read_rows, run_migrations

LONG = "federated learning"
DEFINED = "Federated learning (FL) of many clients."
OTHERWISE = "A controller by fuzzy logic (FL)."


def store_abstracts(store: Engine, *abstracts: str) -> None:
    with write_session(store) as session:
        session.add_all(paper(abstract=abstract) for abstract in abstracts)


def counts(store: Engine) -> dict[tuple[str, str], tuple[int, bool]]:
    with read_session(store) as session:
        return {(row.short, row.long): (row.papers, row.is_learned) for row in session.exec(select(AcronymCount)).all()}


def saved_keywords(store: Engine) -> dict[str, tuple[str, int | None]]:
    """Canonical form and announcement of each keyword, by its text."""
    with read_session(store) as session:
        rows = session.exec(select(SavedKeyword.text, Keyword.canonical, SavedKeyword.announced_in).join(Keyword)).all()
        return {text: (canonical, announced) for text, canonical, announced in rows}


def test_each_paper_is_counted_once_whatever_is_killed(store: Engine) -> None:
    store_abstracts(store, *19 * [DEFINED], "No acronym here.")
    batch = read_definitions(store)
    assert batch
    with suppress(KeyboardInterrupt), write_session(store) as session:
        count_definitions(session, batch)
        raise KeyboardInterrupt
    assert counts(store) == {}
    assert learn_acronyms(store) == 0
    assert counts(store) == {("fl", LONG): (19, False)}
    with write_session(store) as session:
        assert count_definitions(session, batch) is None  # another process was quicker
    store_abstracts(store, DEFINED, "One clip, two maps and a clip of clips.")
    assert learn_acronyms(store) == 1
    assert learn_acronyms(store) == 0
    assert counts(store) == {("fl", LONG): (20, True)}


def test_keywords_follow_what_is_learned_and_what_is_forgotten(store: Engine) -> None:
    ctx = make_context(store)
    add_active_subscriber(ctx, ADA, "personalized FL", "LLM agents", "fl OR graph", '"FL"', "learning", now=NOW)
    before = saved_keywords(store)
    store_abstracts(store, *20 * [DEFINED])
    learn_acronyms(store)
    assert renew_keywords(store) in {2, 3}  # LIKE of SQLite takes "FL", too, which stays what it is
    table = read_acronyms(store)
    grown = ("personalized FL", "fl OR graph")
    after = saved_keywords(store)
    for text, (canonical, announced) in after.items():
        assert canonical == parse(text, acronyms=table).canonical
        assert (canonical != before[text][0]) == (text in grown)
        assert announced == (0 if text in grown else None)  # LLM was known
    (read,) = parse_keywords_or_raise(["personalized federated learning"], KeywordLimits.from_context(ctx))
    assert read.canonical == after["personalized FL"][0]
    with write_session(store) as session:
        for row in session.exec(select(SavedKeyword).where(col(SavedKeyword.announced_in) == 0)).all():
            row.announced_in = 7
    store_abstracts(store, *2 * [OTHERWISE])
    assert learn_acronyms(store) == 1
    renew_keywords(store)
    assert {text: canonical for text, (canonical, _) in saved_keywords(store).items()} == {
        text: canonical for text, (canonical, _) in before.items()
    }
    assert {announced for _, announced in saved_keywords(store).values()} == {7, None}


def test_the_table_is_read_again_only_when_papers_were_counted(sqlite_store: Engine) -> None:
    store_abstracts(sqlite_store, *20 * [DEFINED])
    statements = list[str]()
    event.listen(sqlite_store, "before_cursor_execute", lambda *given: statements.append(given[2]))
    tables = [read_acronyms(sqlite_store), read_acronyms(sqlite_store)]
    learn_acronyms(sqlite_store)
    tables += [read_acronyms(sqlite_store), read_acronyms(sqlite_store)]
    assert ["fl" in table.by_short for table in tables] == [False, False, True, True]
    assert sum("SELECT acronym_count.short, acronym_count.long" in text for text in statements if "LIMIT" in text) == 2


def test_the_service_learns_once_a_day(sqlite_store: Engine) -> None:
    clock = FixedClock()
    scheduler = Scheduler(make_context(sqlite_store), clock)
    store_abstracts(sqlite_store, DEFINED)
    asyncio.run(scheduler.learn())
    store_abstracts(sqlite_store, DEFINED)
    asyncio.run(scheduler.learn())
    assert counts(sqlite_store) == {("fl", LONG): (1, False)}
    clock.now += timedelta(days=1)
    asyncio.run(scheduler.learn())
    assert counts(sqlite_store) == {("fl", LONG): (2, False)}


@pytest.fixture
def lists() -> Iterator[ListingHost]:
    days = {
        TODAY: [paper_entry(f"2607.000{n}", f"Paper {n}", f"{n}. {DEFINED}") for n in range(10, 30)],
        TODAY + timedelta(days=1): [paper_entry("2607.00101", "Personalized federated learning at home")],
        TODAY + timedelta(days=2): [paper_entry("2607.00102", "Personalized federated learning at work")],
    }
    with serve_listings(ListingHost(TODAY, days)) as host:
        yield host


def test_a_learned_acronym_finds_a_paper_and_the_email_says_so_once(sqlite_store: Engine, lists: ListingHost) -> None:
    ctx = make_context(sqlite_store, sources="huggingface", huggingface_url=lists.url)
    add_active_subscriber(ctx, ADA, "personalized FL", now=NOW, send_hour=8)
    for day in range(3):
        lists.today = TODAY + timedelta(days=day)
        asyncio.run(run_once(ctx, lambda day=day: NOW + timedelta(days=day, hours=4)))  # type: ignore[misc]
    first, second = (" ".join(message.part("plain").split()) for message in list_messages(ctx.mailbox_directory))
    assert "*Personalized federated learning* at home" in first
    assert "New: your keyword “personalized FL” also matches “personalized federated learning” and" in first
    assert "*Personalized federated learning* at work" in second
    assert "also matches" not in second


def test_papers_of_before_the_upgrade_are_learned_from(empty_url: str, connect: Connect) -> None:
    engine = connect(empty_url)
    fill_former_store(engine, "0016", {"paper": ROWS["paper"] | {"id": 90, "key": "k", "abstract": DEFINED}})
    with engine.connect() as connection:
        before = read_rows(connection)
    run_migrations(engine, "head")
    learn_acronyms(engine)
    assert counts(engine)["fl", LONG] == (1, False)
    run_migrations(engine, "0016")
    with engine.connect() as connection:
        assert read_rows(connection) == before
