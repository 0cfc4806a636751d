"""Papers and listings in the store: what a batch changes, and what the queries return."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Session, col, select

from digest.database import read_session, write_session
from digest.database.models import Listing, Paper
from digest.papers import (
    arxiv_ids_without_text,
    first_listing_id_of_latest_day,
    latest_list_day,
    latest_listing_id,
    papers_by_id,
    papers_listed_after,
    papers_on_day,
    recent_papers,
    store_listings,
    store_texts,
    trending_papers_after,
)
from digest.papers.ingest import StoreReport
from digest.sources import ListedPaper
from tests.support.work import count_steps

MONDAY, TUESDAY, WEDNESDAY = date(2026, 7, 27), date(2026, 7, 28), date(2026, 7, 29)
NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)


def paper(number: int = 1, day: date = TUESDAY, source: str = "arxiv", **more: Any) -> ListedPaper:
    usual: dict[str, Any] = {
        "source": source,
        "list_day": day,
        "rank": number,
        "kind": "listed" if source == "huggingface" else "new",
        "title": f"Title {number} by {source}",
        "abstract": f"Abstract {number} by {source}.",
        "authors": ("Ada Byron",),
        "arxiv_id": f"2607.{number:05}",
        "url": f"https://arxiv.org/abs/2607.{number:05}",
    }
    return ListedPaper(**(usual | more))


def store_batch(store: Engine, *entries: ListedPaper, now: datetime = NOW) -> StoreReport:
    with write_session(store) as session:
        return store_listings(session, entries, now)


def only_paper(session: Session) -> Paper:
    return session.exec(select(Paper)).one()


def listings(session: Session) -> Sequence[Listing]:
    return session.exec(select(Listing).order_by(col(Listing.id))).all()


def test_a_paper_is_one_row_whichever_sources_list_it(store: Engine) -> None:
    assert store_batch(store, paper(source="huggingface", upvotes=7)) == StoreReport(listed_count=1, new_count=1)
    assert store_batch(store, paper(day=WEDNESDAY), paper(day=WEDNESDAY, kind="cross")) == StoreReport(
        listed_count=1, new_count=0
    )
    with read_session(store) as session:
        row = only_paper(session)
        assert (row.key, row.upvotes, row.text_source) == ("arxiv:2607.00001", 7, "arxiv")
        first, second = listings(session)
        assert (first.source, first.list_day, second.source, second.list_day) == (
            "huggingface", TUESDAY, "arxiv", WEDNESDAY,
        )  # fmt: skip
        assert row.first_listing_id == first.id


def test_a_list_fetched_again_updates_the_counts_of_its_listings(store: Engine) -> None:
    store_batch(store, paper(source="huggingface", upvotes=3, comments=0, code_stars=1))
    later = NOW + timedelta(hours=6)
    store_batch(store, paper(source="huggingface", upvotes=30, comments=2, code_stars=9, rank=5), now=later)
    with read_session(store) as session:
        row, (listing,) = only_paper(session), listings(session)
        assert (listing.rank, listing.upvotes, listing.comments) == (5, 30, 2)
        assert (listing.first_seen_at, listing.last_seen_at) == (NOW, later)
        assert (row.upvotes, row.comments, row.code_stars) == (30, 2, 9)
        assert row.changed_at == NOW


def test_a_replacement_updates_a_stored_paper_without_listing_it(store: Engine) -> None:
    assert store_batch(store, paper(2, kind="replace", version=2)) == StoreReport(listed_count=0, new_count=0)
    store_batch(store, paper(1))
    store_batch(store, paper(1, kind="replace", version=2, title="Better title"))
    store_batch(store, paper(1, kind="replace", version=1, title="Late news of the first version"))
    with read_session(store) as session:
        row = only_paper(session)
        assert (row.title, row.version, len(listings(session))) == ("Better title", 2, 1)


def test_text_from_arxiv_replaces_other_text_and_stays(store: Engine) -> None:
    store_batch(store, paper(source="huggingface"))
    store_batch(store, paper())
    store_batch(store, paper(source="huggingface", title="Edited there"))
    with read_session(store) as session:
        assert only_paper(session).title == "Title 1 by arxiv"


def test_sound_text_replaces_damaged_text_and_stays(store: Engine) -> None:
    store_batch(store, paper(source="huggingface", abstract="It is 1.82times faster."))
    store_batch(store, paper(source="huggingface", abstract="It is nearly twice as fast."))
    store_batch(store, paper(abstract="It is 1.82times faster."))
    store_batch(store, paper(abstract=""))
    with read_session(store) as session:
        assert only_paper(session).abstract == "It is nearly twice as fast."


def test_a_batch_served_again_under_a_new_date_repeats_its_listings(store: Engine) -> None:
    store_batch(store, paper(1, MONDAY))
    later = NOW + timedelta(days=1)
    assert store_batch(store, paper(1, TUESDAY), paper(2, TUESDAY), now=later) == StoreReport(
        listed_count=2, new_count=1
    )
    with read_session(store) as session:
        assert [(row.paper_id, row.list_day) for row in listings(session)] == [(1, MONDAY), (2, TUESDAY)]
        assert listings(session)[0].last_seen_at == later


def test_a_batch_fetched_after_the_next_one_lists_only_missed_papers(store: Engine) -> None:
    store_batch(store, paper(1, TUESDAY))
    assert store_batch(store, paper(1, MONDAY), paper(2, MONDAY)) == StoreReport(listed_count=2, new_count=1)
    with read_session(store) as session:
        assert [(row.paper_id, row.list_day) for row in listings(session)] == [(1, TUESDAY), (2, MONDAY)]
        assert [row.id for row in papers_listed_after(session, 1)] == [2]


def test_a_higher_version_or_a_month_later_is_a_new_listing(store: Engine) -> None:
    store_batch(store, paper(1, MONDAY))
    store_batch(store, paper(1, TUESDAY, version=2))
    store_batch(store, paper(1, MONDAY + timedelta(days=30), version=2))
    with read_session(store) as session:
        assert len(listings(session)) == 3
        assert only_paper(session).first_listing_id == 1


def test_ids_of_listings_grow_in_the_order_of_the_batch(store: Engine) -> None:
    store_batch(store, *(paper(number) for number in (5, 3, 9, 1)))
    with read_session(store) as session:
        assert [row.arxiv_id for row in papers_listed_after(session, 0)] == [f"2607.{n:05}" for n in (5, 3, 9, 1)]
        assert latest_listing_id(session) == 4
        assert [row.arxiv_id for row in papers_listed_after(session, 3)] == ["2607.00001"]


def test_storing_takes_work_in_proportion_to_the_entries(sqlite_store: Engine) -> None:
    statements: list[str] = []
    event.listen(sqlite_store, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def work(numbers: range) -> tuple[int, int]:
        entries = [paper(number, abstract="word " * 300, categories=("cs.LG",)) for number in numbers]
        statements.clear()
        return count_steps(lambda: store_batch(sqlite_store, *entries)), len(statements)

    few, many = range(1, 201), range(1001, 1401)
    for _ in ("stored for the first time", "found again"):
        few_steps, few_statements = work(few)
        many_steps, many_statements = work(many)
        assert many_steps < 2.4 * few_steps
        assert many_statements <= 2 * few_statements
    with read_session(sqlite_store) as session:
        assert len(listings(session)) == len(few) + len(many)


def test_a_day_is_ranked_by_upvotes_then_by_the_list(store: Engine) -> None:
    face = [paper(n, source="huggingface", upvotes=up) for n, up in ((1, 5), (2, 50), (3, 5))]
    store_batch(store, *face, paper(4, rank=9), paper(5, rank=2), paper(6, MONDAY))
    with read_session(store) as session:
        assert [row.id for row in papers_on_day(session, TUESDAY)] == [2, 1, 3, 5, 4]
        assert latest_list_day(session) == TUESDAY
        assert first_listing_id_of_latest_day(session) == 1
        assert [row.id for row in recent_papers(session, days=1, limit=2)] == [2, 1]
        assert len(recent_papers(session, days=2)) == 6
        assert set(papers_by_id(session, {1, 3, 77})) == {1, 3}


def test_an_empty_store_has_no_list_day(store: Engine) -> None:
    with read_session(store) as session:
        assert latest_list_day(session) is None
        assert (latest_listing_id(session), first_listing_id_of_latest_day(session)) == (0, 0)
        assert recent_papers(session) == []


def test_trending_papers_are_those_hugging_face_lists_for_the_first_time(store: Engine) -> None:
    store_batch(store, paper(1, MONDAY, "huggingface", upvotes=90), paper(2, MONDAY))
    with read_session(store) as session:
        last_listing_id = latest_listing_id(session)
    store_batch(
        store,
        paper(1, TUESDAY, "huggingface", upvotes=99),
        paper(2, TUESDAY, "huggingface", upvotes=4),
        paper(3, TUESDAY, "huggingface", upvotes=40),
    )
    with read_session(store) as session:
        assert [(listing_id, row.id) for listing_id, row in trending_papers_after(session, last_listing_id)] == [
            (5, 3),
            (4, 2),
        ]
        assert [row.id for row in papers_listed_after(session, last_listing_id)] == [3]


def test_missing_texts_are_requested_once(store: Engine) -> None:
    store_batch(store, paper(1, source="huggingface"), paper(2, source="huggingface"), paper(3))
    with write_session(store) as session:
        requested = arxiv_ids_without_text(session, 10)
        assert requested == ["2607.00002", "2607.00001"]
        assert store_texts(session, [], requested, NOW) == 0
        assert arxiv_ids_without_text(session, 10) == requested
        text = paper(1, kind="replace", title="From arXiv", categories=("cs.LG",), list_day=date.min)
        assert store_texts(session, [text], requested, NOW) == 1
    with read_session(store) as session:
        assert arxiv_ids_without_text(session, 10) == []
        row = papers_by_id(session, {1})[1]
        assert (row.title, row.categories, row.text_fetched_at) == ("From arXiv", ["cs.LG"], NOW)
        assert len(listings(session)) == 3
