"""What a batch changes in papers and listings that are stored already, case by case."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from digest.database import InvalidRow, read_session, write_session
from digest.database.models import FetchStatus, Listing, Paper, PaperIdentifier, SourceFetch
from digest.identifiers import Identifier, PaperKind
from digest.papers import latest_fetches, load_fetches, load_http_cache, record_fetch, store_http_cache, store_listings
from digest.papers.fetches.log import HTTP_CACHE_LIFETIME, MAX_MESSAGE_LENGTH, WINDOW_MEMORY, load_window_fetches
from digest.papers.ingest import StoreReport
from digest.sources import ListedPaper
from digest.sources.http import HttpValidators
from tests.support.spoiled_rows import spoil

DAY = date(2026, 7, 28)
NOW = datetime(2026, 7, 28, 8, tzinfo=UTC)
WEEK = timedelta(days=7)
ONE_DAY = timedelta(days=1)


def entry(number: int = 1, *, later: timedelta = timedelta(0), **more: Any) -> ListedPaper:
    usual: dict[str, Any] = {
        "source": "arxiv",
        "list_day": DAY + later,
        "rank": number,
        "kind": "new",
        "title": f"Title {number}",
        "abstract": f"Abstract {number}.",
        "arxiv_id": f"2607.{number:05}",
        "url": f"https://arxiv.org/abs/2607.{number:05}",
    }
    return ListedPaper(**(usual | more))


def store_batch(store: Engine, *entries: ListedPaper, now: datetime = NOW) -> StoreReport:
    with write_session(store) as session:
        return store_listings(session, entries, now)


def only_paper(store: Engine) -> Paper:
    with read_session(store) as session:
        return session.exec(select(Paper)).one()


def listings(session: Session) -> Sequence[Listing]:
    return session.exec(select(Listing).order_by(col(Listing.id))).all()


@pytest.mark.parametrize(
    ("again", "is_stale"),
    [
        pytest.param(entry(later=ONE_DAY), True, id="a day later"),
        pytest.param(entry(later=WEEK), True, id="a week later"),
        pytest.param(entry(later=WEEK + ONE_DAY), False, id="eight days later"),
        pytest.param(entry(), False, id="the same day"),
        pytest.param(entry(later=-ONE_DAY), False, id="an earlier day, read late"),
        pytest.param(entry(later=ONE_DAY, version=2), False, id="another version"),
        pytest.param(entry(later=ONE_DAY, kind="cross"), False, id="a cross-list"),
        pytest.param(entry(later=ONE_DAY, kind="listed"), True, id="a list without kinds"),
        pytest.param(entry(later=ONE_DAY, source="huggingface", kind="listed"), False, id="another source"),
    ],
)
def test_an_entry_is_stale_when_its_source_listed_it_as_new_before(
    sqlite_store: Engine, again: ListedPaper, is_stale: bool
) -> None:
    assert store_batch(sqlite_store, entry()).stale == frozenset()
    report = store_batch(sqlite_store, again, entry(2, later=again.list_day - DAY))
    assert report.stale == ({"arxiv:2607.00001"} if is_stale else frozenset())
    assert report.listed == {"arxiv:2607.00001", "arxiv:2607.00002"}
    assert report.new == {"arxiv:2607.00002"}
    assert report.fresh == report.new | ({"arxiv:2607.00001"} if again.source != "arxiv" else set())


@pytest.mark.parametrize(
    ("again", "count"),
    [
        pytest.param(entry(later=WEEK), 1, id="arXiv a week later"),
        pytest.param(entry(later=-WEEK), 1, id="arXiv a week before"),
        pytest.param(entry(later=WEEK + ONE_DAY), 2, id="arXiv eight days later"),
        pytest.param(entry(later=-WEEK - ONE_DAY), 2, id="arXiv eight days before"),
        pytest.param(entry(later=ONE_DAY, version=2), 2, id="another version"),
        pytest.param(entry(version=2), 1, id="another version on the same day"),
    ],
)
def test_a_batch_of_arxiv_may_be_repeated_for_a_week(sqlite_store: Engine, again: ListedPaper, count: int) -> None:
    store_batch(sqlite_store, entry())
    store_batch(sqlite_store, again, now=NOW + ONE_DAY)
    with read_session(sqlite_store) as session:
        rows = listings(session)
        assert len(rows) == count
        assert max(row.last_seen_at for row in rows) == NOW + ONE_DAY


def test_a_list_of_another_source_on_the_next_day_is_a_listing_of_its_own(sqlite_store: Engine) -> None:
    for day in (0, 1):
        store_batch(sqlite_store, entry(later=day * ONE_DAY, source="huggingface", kind="listed", upvotes=3 + day))
    with read_session(sqlite_store) as session:
        assert [(row.list_day - DAY, row.upvotes) for row in listings(session)] == [(0 * ONE_DAY, 3), (ONE_DAY, 4)]


def test_a_repeated_batch_leaves_rank_and_counts_of_the_first_day(sqlite_store: Engine) -> None:
    store_batch(sqlite_store, entry(3, upvotes=5, comments=2))
    store_batch(sqlite_store, entry(3, later=ONE_DAY, rank=9, upvotes=50, comments=20))
    store_batch(sqlite_store, entry(3, rank=4), now=NOW - ONE_DAY)  # a clock that went back
    with read_session(sqlite_store) as session:
        (row,) = listings(session)
        assert (row.rank, row.upvotes, row.comments, row.last_seen_at) == (4, 5, 2, NOW)


def test_an_entry_twice_in_a_batch_is_one_listing_with_the_later_rank(sqlite_store: Engine) -> None:
    report = store_batch(sqlite_store, entry(), entry(rank=7), entry(2, kind="cross"))
    assert (report.listed_count, report.new_count) == (2, 2)
    with read_session(sqlite_store) as session:
        assert [(row.paper_id, row.rank, row.kind) for row in listings(session)] == [(1, 7, "new"), (2, 2, "cross")]


def test_news_of_an_unknown_paper_is_left_out_and_the_rest_of_the_batch_stored(sqlite_store: Engine) -> None:
    report = store_batch(sqlite_store, entry(1, kind="replace"), entry(2), entry(3))
    assert report.listed == {"arxiv:2607.00002", "arxiv:2607.00003"}
    assert report.new_count == 2
    only_news = store_batch(sqlite_store, entry(2, kind="replace", version=2), entry(9, paper_kind="matter"))
    assert only_news == StoreReport(matter_count=1)


@pytest.mark.parametrize(
    ("stored", "again", "kind"),
    [
        pytest.param({}, {"title": "WITHDRAWN: Title 1"}, PaperKind.RETRACTION, id="withdrawn since"),
        pytest.param({"title": "Editorial: Title 1"}, {"title": "Title 1"}, PaperKind.EDITORIAL, id="no word of it"),
        pytest.param(
            {"title": "Editorial: Title 1"}, {"paper_kind": "paper"}, PaperKind.PAPER, id="its source knows better"
        ),
        pytest.param({"paper_kind": "editorial"}, {}, PaperKind.EDITORIAL, id="its source said so once"),
    ],
)
def test_a_paper_changes_its_kind_only_for_a_reason(
    sqlite_store: Engine, stored: dict[str, Any], again: dict[str, Any], kind: PaperKind
) -> None:
    usual: dict[str, Any] = {"source": "journal", "arxiv_id": None, "doi": "10.5555/a"}
    store_batch(sqlite_store, entry(**usual | stored))
    store_batch(sqlite_store, entry(**usual | again))
    assert only_paper(sqlite_store).kind == kind


def test_what_arxiv_lists_is_a_paper_whatever_its_title(sqlite_store: Engine) -> None:
    store_batch(sqlite_store, entry(title="Editorial Board"))
    assert only_paper(sqlite_store).kind == PaperKind.PAPER


@pytest.mark.parametrize(
    ("stored", "again", "title"),
    [
        pytest.param({}, {"title": "Later"}, "Later", id="arXiv again"),
        pytest.param({"version": 2}, {"title": "Late news of version 1"}, "Title 1", id="arXiv's lower version"),
        pytest.param({"source": "huggingface"}, {"source": "journal", "title": "Later"}, "Later", id="others again"),
        pytest.param({"source": "huggingface"}, {"title": "Of arXiv"}, "Of arXiv", id="arXiv after others"),
        pytest.param({}, {"source": "huggingface", "title": "Of others"}, "Title 1", id="others after arXiv"),
        pytest.param({"abstract": ""}, {"source": "huggingface", "title": "With text"}, "With text", id="sounder"),
        pytest.param({}, {"title": "Without text", "abstract": ""}, "Title 1", id="less sound"),
    ],
)
def test_the_better_text_stays(sqlite_store: Engine, stored: dict[str, Any], again: dict[str, Any], title: str) -> None:
    store_batch(sqlite_store, entry(**stored))
    store_batch(sqlite_store, entry(**again), now=NOW + ONE_DAY)
    row = only_paper(sqlite_store)
    is_changed = title != "Title 1"
    assert row.title == title
    assert row.changed_at == (NOW + ONE_DAY if is_changed else NOW)
    assert row.text_source == ((again if is_changed else stored).get("source") or "arxiv")
    assert row.version == max(stored.get("version", 1), again.get("version", 1))


def test_a_better_title_is_compared_by_its_own_key(sqlite_store: Engine) -> None:
    usual: dict[str, Any] = {"source": "journal", "arxiv_id": None, "doi": "10.5555/a"}
    store_batch(sqlite_store, entry(**usual, title="A first heading that is long enough to tell papers by"))
    store_batch(sqlite_store, entry(**usual, title="Another heading that is long enough to tell papers by"))
    assert only_paper(sqlite_store).title_key == "anotherheadingthatislongenoughtotellpapersby"


def test_what_a_paper_lacks_comes_from_whoever_has_it_and_arxiv_has_the_last_word(sqlite_store: Engine) -> None:
    first, second = date(2026, 7, 1), date(2026, 7, 2)
    store_batch(sqlite_store, entry(source="journal", doi="10.5555/A", abstract="Sound."))
    other: dict[str, Any] = {"source": "huggingface", "abstract": ""}  # not the better text
    store_batch(sqlite_store, entry(**other, authors=("Ada",), categories=("cs.LG",), published_on=first))
    store_batch(sqlite_store, entry(**other, authors=("Bob",), categories=("cs.CL",), published_on=second))
    row = only_paper(sqlite_store)
    assert (row.authors, row.categories, row.published_on) == (["Ada"], ["cs.LG"], first)
    assert (row.doi, row.is_indexed) == ("10.5555/a", False)
    store_batch(sqlite_store, entry(abstract="", categories=("cs.CV",), published_on=second))
    store_batch(sqlite_store, entry(abstract="Of arXiv.", authors=()))
    row = only_paper(sqlite_store)
    assert (row.authors, row.categories, row.published_on) == (["Ada"], ["cs.CV"], second)
    store_batch(sqlite_store, entry(authors=("Ada", "Bob")))
    assert only_paper(sqlite_store).authors == ["Ada", "Bob"]


def test_counts_and_addresses_are_the_latest_that_were_given(sqlite_store: Engine) -> None:
    usual: dict[str, Any] = {"source": "huggingface", "kind": "listed"}
    store_batch(sqlite_store, entry(**usual, upvotes=7, code_url="https://example.org/c", ai_keywords=("graph",)))
    with write_session(sqlite_store) as session:
        session.exec(select(Paper)).one().is_indexed = True
    store_batch(sqlite_store, entry(**usual, upvotes=0), now=NOW + ONE_DAY)
    row = only_paper(sqlite_store)
    assert (row.upvotes, row.code_url, row.ai_keywords) == (0, "https://example.org/c", ["graph"])
    assert (row.is_indexed, row.changed_at) == (True, NOW)  # none of it is searched
    store_batch(sqlite_store, entry(**usual, title="Another title"))
    assert only_paper(sqlite_store).is_indexed is False


def test_a_paper_that_gets_an_arxiv_id_gets_its_address(sqlite_store: Engine) -> None:
    names = (Identifier("openreview", "abc"),)
    store_batch(sqlite_store, entry(source="openreview", arxiv_id=None, identifiers=names, url="https://o.example/abc"))
    store_batch(sqlite_store, entry(identifiers=names, source="s2", url="https://arxiv.org/abs/2607.00001"))
    row = only_paper(sqlite_store)
    assert (row.arxiv_id, row.url) == ("2607.00001", "https://arxiv.org/abs/2607.00001")
    store_batch(sqlite_store, entry(identifiers=names, source="s2", url="https://elsewhere.example"))
    assert only_paper(sqlite_store).url == "https://arxiv.org/abs/2607.00001"


def test_a_spoilt_row_is_mended_by_the_batch_or_named(sqlite_store: Engine) -> None:
    store_batch(sqlite_store, entry(1, authors=("Ada",)), entry(2, authors=("Bob",)))
    spoil(sqlite_store, "UPDATE paper SET title = x'ff' WHERE id = 1")
    spoil(sqlite_store, "UPDATE paper SET published_on = 'yesterday' WHERE id = 2")
    report = store_batch(sqlite_store, entry(1), entry(2))
    assert [(row.table_name, row.row_id) for row in report.unreadable] == [("paper", "2")]
    with read_session(sqlite_store) as session:
        assert session.get_one(Paper, 1).title == "Title 1"
        assert session.exec(select(PaperIdentifier.paper_id).order_by(col(PaperIdentifier.paper_id))).all() == [1, 2]


def test_a_fetch_is_recorded_with_bounds(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        for status in FetchStatus:
            usual: dict[str, Any] = {"source": status, "day": DAY, "started_at": NOW, "status": status}
            record_fetch(session, **usual, seconds=1.23456, message="x" * (MAX_MESSAGE_LENGTH + 1))
        record_fetch(
            session, source="said", day=DAY, started_at=NOW, seconds=0, status=FetchStatus.OK, whole=False, promised=4
        )
    with read_session(sqlite_store) as session:
        rows = {row.source: row for row in session.exec(select(SourceFetch))}
    assert {name for name, row in rows.items() if row.whole} == {"ok", "unchanged", "empty", "gap", "thin"}
    assert (rows["said"].promised, rows["ok"].seconds, len(rows["ok"].message)) == (4, 1.235, MAX_MESSAGE_LENGTH)


def test_validators_expire_with_their_lists(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        store_http_cache(session, [HttpValidators("u", '"1"')], NOW)
        store_http_cache(session, [], NOW + HTTP_CACHE_LIFETIME)
        assert load_http_cache(session).keys() == {"u"}
        store_http_cache(session, [], NOW + HTTP_CACHE_LIFETIME + timedelta(seconds=1))
        assert load_http_cache(session) == {}


def test_fetches_of_two_weeks_and_of_the_first_list_are_loaded_in_their_order(sqlite_store: Engine) -> None:
    days = {"first": 60, "second": 30, "two weeks": 14, "older": 15, "today": 0}
    with write_session(sqlite_store) as session:
        for source in ("arxiv", "huggingface"):
            record_fetch(
                session, source=source, day=DAY - 90 * ONE_DAY, started_at=NOW, seconds=0, status=FetchStatus.FAILED
            )
            for number, (name, age) in enumerate(days.items()):
                record_fetch(
                    session,
                    source=source,
                    day=DAY - age * ONE_DAY,
                    started_at=NOW - number * ONE_DAY,
                    seconds=0,
                    status=FetchStatus.OK,
                    message=name,
                )
    unreadable: list[InvalidRow] = []
    with read_session(sqlite_store) as session:
        found = load_fetches(session, "arxiv", NOW, unreadable)
        assert [(fetch.source, fetch.message) for fetch in found] == [
            ("arxiv", "today"), ("arxiv", "two weeks"), ("arxiv", "first"),
        ]  # fmt: skip
    assert unreadable == []


def test_the_last_fetch_of_each_of_five_days_has_all_its_parts(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        for age in range(7):
            for hour, parts in ((0, ("cs.CL", "cs.LG", "gone")), (1, ("cs.LG", "cs.CL"))):
                for part in parts:
                    record_fetch(
                        session,
                        source="arxiv",
                        day=DAY - age * ONE_DAY,
                        started_at=NOW + timedelta(hours=hour),
                        seconds=0,
                        status=FetchStatus.OK,
                        part=part,
                    )
    with read_session(sqlite_store) as session:
        found = [((DAY - fetch.list_day).days, fetch.part) for fetch in latest_fetches(session)]
    assert found == [(age, part) for age in range(5) for part in ("cs.CL", "cs.LG")]


def test_fetches_of_a_feed_are_those_of_its_weeks_in_their_order(sqlite_store: Engine) -> None:
    weeks = WINDOW_MEMORY.days
    fetches = [("a", "x", 0), ("a", "x", 1), ("a", "x", weeks), ("a", "x", weeks + 1), ("a", "y", 0), ("b", "x", 0)]
    with write_session(sqlite_store) as session:
        for source, part, age in fetches:
            day = DAY - age * ONE_DAY
            usual: dict[str, Any] = {"source": source, "day": day, "part": part, "seconds": 0}
            record_fetch(session, **usual, started_at=NOW - age * ONE_DAY, status=FetchStatus.OK, message=f"{age}")
    with read_session(sqlite_store) as session:
        found = load_window_fetches(session, "a", "x", NOW)
        assert [(fetch.source, fetch.part, fetch.message) for fetch in found] == [
            ("a", "x", str(age)) for age in (weeks, 1, 0)
        ]


def test_unreadable_rows_of_the_log_are_left_out_and_named(sqlite_store: Engine) -> None:
    with write_session(sqlite_store) as session:
        store_http_cache(session, [HttpValidators("u", '"1"'), HttpValidators("v", '"2"')], NOW)
        for day in (DAY, DAY - ONE_DAY):
            record_fetch(session, source="arxiv", day=day, started_at=NOW, seconds=0, status=FetchStatus.OK)
    spoil(sqlite_store, "UPDATE http_cache_entry SET stored_at = 'yesterday' WHERE url = 'u'")
    spoil(sqlite_store, "UPDATE source_fetch SET started_at = 'yesterday' WHERE id = 1")
    unreadable: list[InvalidRow] = []
    with read_session(sqlite_store) as session:
        assert load_http_cache(session, unreadable).keys() == load_http_cache(session).keys() == {"v"}
        assert [fetch.id for fetch in load_fetches(session, "arxiv", NOW, unreadable)] == [2]
        assert [fetch.id for fetch in load_fetches(session, "arxiv", NOW)] == [2]
    assert [row.table_name for row in unreadable] == ["http_cache_entry", "source_fetch"]


def test_a_source_more_is_indexed_anew_and_a_day_more_is_not(sqlite_store: Engine) -> None:
    def index() -> None:
        with write_session(sqlite_store) as session:
            session.exec(select(Paper)).one().is_indexed = True

    store_batch(sqlite_store, entry())
    index()
    store_batch(sqlite_store, entry(later=30 * ONE_DAY))
    assert only_paper(sqlite_store).is_indexed
    store_batch(sqlite_store, entry(source="huggingface", kind="listed"))
    assert not only_paper(sqlite_store).is_indexed
    index()
    store_batch(sqlite_store, entry(source="huggingface", kind="listed", later=ONE_DAY))
    assert only_paper(sqlite_store).is_indexed
