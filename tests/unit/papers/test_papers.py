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
from digest.papers.queries import list_days
from digest.sources import ListedPaper
from tests.support.work import count_steps

MONDAY, TUESDAY, WEDNESDAY = date(2026, 7, 27), date(2026, 7, 28), date(2026, 7, 29)
NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)


def paper(number: int = 1, day: date = TUESDAY, source: str = "arxiv", **more: Any) -> ListedPaper:
    told: dict[str, Any] = {
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
    return ListedPaper(**(told | more))


def remember(store: Engine, *listed: ListedPaper, now: datetime = NOW) -> StoreReport:
    with write_session(store) as session:
        return store_listings(session, listed, now)


def only(session: Session) -> Paper:
    return session.exec(select(Paper)).one()


def listings(session: Session) -> Sequence[Listing]:
    return session.exec(select(Listing).order_by(col(Listing.id))).all()


def test_one_paper_is_one_row_whatever_lists_it(store: Engine) -> None:
    assert remember(store, paper(source="huggingface", upvotes=7)) == StoreReport(listed_count=1, new_count=1)
    assert remember(store, paper(day=WEDNESDAY), paper(day=WEDNESDAY, kind="cross")) == StoreReport(
        listed_count=1, new_count=0
    )
    with read_session(store) as session:
        row = only(session)
        assert (row.key, row.upvotes, row.text_source) == ("arxiv:2607.00001", 7, "arxiv")
        first, second = listings(session)
        assert (first.source, first.list_day, second.source, second.list_day) == (
            "huggingface", TUESDAY, "arxiv", WEDNESDAY,
        )  # fmt: skip
        assert row.first_listing_id == first.id


def test_read_again_a_list_keeps_one_listing_with_the_latest_numbers(store: Engine) -> None:
    remember(store, paper(source="huggingface", upvotes=3, comments=0, code_stars=1))
    later = NOW + timedelta(hours=6)
    remember(store, paper(source="huggingface", upvotes=30, comments=2, code_stars=9, rank=5), now=later)
    with read_session(store) as session:
        row, (listing,) = only(session), listings(session)
        assert (listing.rank, listing.upvotes, listing.comments) == (5, 30, 2)
        assert (listing.first_seen_at, listing.last_seen_at) == (NOW, later)
        assert (row.upvotes, row.comments, row.code_stars) == (30, 2, 9)
        assert row.changed_at == NOW


def test_a_replacement_updates_a_known_paper_and_never_lists_it(store: Engine) -> None:
    assert remember(store, paper(2, kind="replace", version=2)) == StoreReport(listed_count=0, new_count=0)
    remember(store, paper(1))
    remember(store, paper(1, kind="replace", version=2, title="Better title"))
    remember(store, paper(1, kind="replace", version=1, title="Late news of the first version"))
    with read_session(store) as session:
        row = only(session)
        assert (row.title, row.version, len(listings(session))) == ("Better title", 2, 1)


def test_arxiv_text_beats_hugging_face_text_and_keeps_its_place(store: Engine) -> None:
    remember(store, paper(source="huggingface"))
    remember(store, paper())
    remember(store, paper(source="huggingface", title="Edited there"))
    with read_session(store) as session:
        assert only(session).title == "Title 1 by arxiv"


def test_damaged_text_never_replaces_sound_text_and_gives_way_to_it(store: Engine) -> None:
    remember(store, paper(source="huggingface", abstract="It is 1.82times faster."))
    remember(store, paper(source="huggingface", abstract="It is nearly twice as fast."))
    remember(store, paper(abstract="It is 1.82times faster."))
    remember(store, paper(abstract=""))
    with read_session(store) as session:
        assert only(session).abstract == "It is nearly twice as fast."


def test_an_old_batch_under_a_new_date_is_the_same_batch(store: Engine) -> None:
    remember(store, paper(1, MONDAY))
    later = NOW + timedelta(days=1)
    assert remember(store, paper(1, TUESDAY), paper(2, TUESDAY), now=later) == StoreReport(listed_count=2, new_count=1)
    with read_session(store) as session:
        assert [(x.paper_id, x.list_day) for x in listings(session)] == [(1, MONDAY), (2, TUESDAY)]
        assert listings(session)[0].last_seen_at == later


def test_a_batch_made_up_after_the_next_one_lists_only_what_was_missed(store: Engine) -> None:
    remember(store, paper(1, TUESDAY))
    assert remember(store, paper(1, MONDAY), paper(2, MONDAY)) == StoreReport(listed_count=2, new_count=1)
    with read_session(store) as session:
        assert [(x.paper_id, x.list_day) for x in listings(session)] == [(1, TUESDAY), (2, MONDAY)]
        assert [x.id for x in papers_listed_after(session, 1)] == [2]


def test_a_higher_version_or_a_month_later_is_a_listing_of_its_own(store: Engine) -> None:
    remember(store, paper(1, MONDAY))
    remember(store, paper(1, TUESDAY, version=2))
    remember(store, paper(1, MONDAY + timedelta(days=30), version=2))
    with read_session(store) as session:
        assert len(listings(session)) == 3
        assert only(session).first_listing_id == 1


def test_a_paper_known_by_its_doi_is_found_again_under_its_arxiv_id(store: Engine) -> None:
    remember(store, paper(1, source="journal", arxiv_id=None, doi="10.5555/ABC", url="https://doi.org/10.5555/abc"))
    remember(store, paper(1, doi="10.5555/abc"))
    remember(store, paper(1, source="journal", arxiv_id=None, doi="10.5555/abc", url="https://doi.org/10.5555/abc"))
    with read_session(store) as session:
        row = only(session)
        assert (row.key, row.arxiv_id, row.doi) == ("arxiv:2607.00001", "2607.00001", "10.5555/abc")
        assert row.url == "https://arxiv.org/abs/2607.00001"


def test_numbers_grow_in_the_order_of_the_batch(store: Engine) -> None:
    remember(store, *(paper(number) for number in (5, 3, 9, 1)))
    with read_session(store) as session:
        assert [x.arxiv_id for x in papers_listed_after(session, 0)] == [f"2607.{n:05}" for n in (5, 3, 9, 1)]
        assert latest_listing_id(session) == 4
        assert [x.arxiv_id for x in papers_listed_after(session, 3)] == ["2607.00001"]


def test_storing_takes_work_in_proportion_to_the_entries(sqlite_store: Engine) -> None:
    statements: list[str] = []
    event.listen(sqlite_store, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def work(numbers: range) -> tuple[int, int]:
        entries = [paper(number, abstract="word " * 300, categories=("cs.LG",)) for number in numbers]
        statements.clear()
        return count_steps(lambda: remember(sqlite_store, *entries)), len(statements)

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
    remember(store, *face, paper(4, rank=9), paper(5, rank=2), paper(6, MONDAY))
    with read_session(store) as session:
        assert [x.id for x in papers_on_day(session, TUESDAY)] == [2, 1, 3, 5, 4]
        assert list_days(session) == [(TUESDAY, 5), (MONDAY, 1)]
        assert list_days(session, limit=1) == [(TUESDAY, 5)]
        assert latest_list_day(session) == TUESDAY
        assert first_listing_id_of_latest_day(session) == 1
        assert [x.id for x in recent_papers(session, days=1, limit=2)] == [2, 1]
        assert len(recent_papers(session, days=2)) == 6
        assert set(papers_by_id(session, {1, 3, 77})) == {1, 3}


def test_an_empty_store_has_no_day(store: Engine) -> None:
    with read_session(store) as session:
        assert latest_list_day(session) is None
        assert (latest_listing_id(session), first_listing_id_of_latest_day(session)) == (0, 0)
        assert recent_papers(session) == []


def test_trending_is_what_hugging_face_lists_for_the_first_time(store: Engine) -> None:
    remember(store, paper(1, MONDAY, "huggingface", upvotes=90), paper(2, MONDAY))
    with read_session(store) as session:
        seen = latest_listing_id(session)
    remember(
        store,
        paper(1, TUESDAY, "huggingface", upvotes=99),
        paper(2, TUESDAY, "huggingface", upvotes=4),
        paper(3, TUESDAY, "huggingface", upvotes=40),
    )
    with read_session(store) as session:
        assert [(number, x.id) for number, x in trending_papers_after(session, seen)] == [(5, 3), (4, 2)]
        assert [x.id for x in papers_listed_after(session, seen)] == [3]


def test_texts_are_filled_in_once(store: Engine) -> None:
    remember(store, paper(1, source="huggingface"), paper(2, source="huggingface"), paper(3))
    with write_session(store) as session:
        asked = arxiv_ids_without_text(session, 10)
        assert asked == ["2607.00002", "2607.00001"]
        assert store_texts(session, [], asked, NOW) == 0
        assert arxiv_ids_without_text(session, 10) == asked
        text = paper(1, kind="replace", title="From arXiv", categories=("cs.LG",), list_day=date.min)
        assert store_texts(session, [text], asked, NOW) == 1
    with read_session(store) as session:
        assert arxiv_ids_without_text(session, 10) == []
        row = papers_by_id(session, {1})[1]
        assert (row.title, row.categories, row.text_fetched_at) == ("From arXiv", ["cs.LG"], NOW)
        assert len(listings(session)) == 3
