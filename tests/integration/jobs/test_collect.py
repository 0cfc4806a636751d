import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import quarantined_rows, read_session, write_session
from digest.database.models import HttpCacheEntry, Paper, SourceFetch
from digest.delivery import DeliveryReport
from digest.jobs import RunReport, SourceReport
from digest.jobs.pipeline import collect
from digest.papers import days_due, load_fetches, load_source_problems
from digest.planning import PlanReport
from tests.support.contexts import make_context
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.source_answers import serve_source
from tests.support.spoiled_rows import spoil

WEDNESDAY = date(2026, 7, 29)
NOW = datetime(2026, 7, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEAD = "http://127.0.0.1:9"  # the port of nobody


@pytest.fixture
def lists() -> Iterator[ListingHost]:
    shown = ListingHost(WEDNESDAY)
    for number in range(9):
        day = WEDNESDAY - number * DAY
        if day.weekday() < 5:
            shown.days[day] = [paper_entry(f"2607.{number}000{n}", f"Robot {n} of {day}", upvotes=n) for n in range(3)]
            shown.batches[day] = [paper_entry(f"2607.{number}500{n}", f"Graph {n} of {day}") for n in range(2)]
    with serve_listings(shown):
        yield shown


def read(
    store: Engine,
    urls: dict[str, str],
    *,
    now: datetime = NOW,
    days: list[date] | None = None,
    sources: str = "huggingface,arxiv",
) -> dict[str, SourceReport]:
    ctx = make_context(store, arxiv_categories="cs.CV", sources=sources, **urls)
    return {row.source: row for row in asyncio.run(collect(ctx, now, days=days))}


def everywhere(url: str) -> dict[str, str]:
    return dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), url)


def rows(store: Engine, source: str) -> list[tuple[str, str, int, int]]:
    with read_session(store) as session:
        query = select(SourceFetch).where(SourceFetch.source == source).order_by(col(SourceFetch.id))
        return [(str(row.list_day)[8:], row.status, row.listed_count, row.new_count) for row in session.exec(query)]


def titles(store: Engine) -> set[str]:
    with read_session(store) as session:
        return set(session.exec(select(Paper.title)).all())


def test_each_requested_day_is_a_fetch_and_each_paper_is_stored(store: Engine, lists: ListingHost) -> None:
    result = read(store, everywhere(lists.url))
    assert {name: (row.listed, row.new, row.failed) for name, row in result.items()} == {
        "huggingface": (9, 9, 0),
        "arxiv": (2, 2, 0),
    }
    assert rows(store, "huggingface") == [("27", "ok", 3, 3), ("28", "ok", 3, 3), ("29", "ok", 3, 3)]
    assert rows(store, "arxiv") == [("29", "ok", 2, 2)]
    again = read(store, everywhere(lists.url))
    assert (again["huggingface"].listed, again["huggingface"].new) == (9, 0)
    assert len(titles(store)) == 11


@pytest.mark.parametrize("broken", ["huggingface_url", "arxiv_feed_url"])
def test_a_source_that_fails_leaves_the_other_ones_papers(store: Engine, lists: ListingHost, broken: str) -> None:
    result = read(store, everywhere(lists.url) | {broken: DEAD})
    name, other = broken.split("_", maxsplit=1)[0], "arxiv" if broken.startswith("hugging") else "huggingface"
    assert (result[name].listed, result[other].failed) == (0, 0)
    assert result[name].failed == len(rows(store, name)) > 0
    assert {status for _, status, _, _ in rows(store, name)} == {"failed"}
    assert result[other].new == len(titles(store)) > 0
    assert "cannot be reached" in result[name].problems[0]


def test_a_day_that_failed_is_made_up_when_the_source_is_back(store: Engine, lists: ListingHost) -> None:
    urls = everywhere(lists.url)
    read(store, urls, now=NOW - 5 * DAY)  # the Friday before
    lists.is_broken = True
    monday = NOW - 2 * DAY
    lists.today = monday.date()
    assert read(store, urls, now=monday)["huggingface"].failed == 3
    lists.is_broken, lists.today = False, WEDNESDAY
    read(store, urls, now=NOW + timedelta(days=1))  # Thursday looks at Tuesday to Thursday by itself
    assert ("27", "ok", 3, 3) in rows(store, "huggingface")
    with read_session(store) as session:
        stands = {(row.kind, row.source) for row in load_source_problems(session, NOW + DAY) if row.kind == "failed"}
    assert ("failed", "huggingface") not in stands


def test_only_the_requested_days_are_fetched(store: Engine, lists: ListingHost) -> None:
    read(store, everywhere(lists.url), days=[WEDNESDAY - 6 * DAY, WEDNESDAY])
    assert [day for day, *_ in rows(store, "huggingface")] == ["23", "29"]


def test_a_day_without_a_list_is_no_failure(store: Engine, lists: ListingHost) -> None:
    result = read(store, everywhere(lists.url), days=[date(2026, 7, 25)])  # a Saturday
    assert rows(store, "huggingface") == [("25", "not-listed", 0, 0)]
    assert {row.failed for row in result.values()} == {0}
    assert {tuple(row.problems) for row in result.values()} == {()}


def test_a_validator_is_stored_with_the_papers_and_spares_the_next_fetch(store: Engine) -> None:
    with serve_source() as host:
        host.feed_body = feed("A graph grows")
        assert read(store, everywhere(host.url), sources="arxiv")["arxiv"].new == 1
        assert read(store, everywhere(host.url), sources="arxiv")["arxiv"].listed == 0
        assert rows(store, "arxiv") == [("29", "ok", 1, 1), ("29", "unchanged", 0, 0)]
        assert host.conditional_requests == [False, True]


def test_an_empty_list_is_not_remembered_as_read(store: Engine) -> None:
    with serve_source() as host:
        host.feed_body = feed()
        for _ in range(2):
            read(store, everywhere(host.url), sources="arxiv")
        # A second look that said "unchanged" would make an empty weekday look like a good one.
        assert [status for _, status, _, _ in rows(store, "arxiv")] == ["empty", "empty"]
        assert host.conditional_requests == [False, False]
        with read_session(store) as session:
            assert session.exec(select(HttpCacheEntry)).all() == []


def test_a_crash_between_the_papers_and_the_reading_leaves_neither(sqlite_store: Engine, lists: ListingHost) -> None:
    """The store refuses the reading, so the papers and the validators of that transaction are not there either."""
    with write_session(sqlite_store) as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON source_fetch BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    with pytest.raises(Exception, match="the disk is full"):
        read(sqlite_store, everywhere(lists.url))
    assert titles(sqlite_store) == set()
    with read_session(sqlite_store) as session:
        assert session.exec(select(HttpCacheEntry)).all() == []


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", '{"error": "no"}', "[[[]]]", "[{}]"])
def test_nonsense_is_a_failed_reading_and_never_an_empty_day(store: Engine, body: str) -> None:
    with serve_source() as host:
        host.feed_body = host.other_body = body
        result = read(store, everywhere(host.url), days=[WEDNESDAY])
    for name in ("huggingface", "arxiv"):
        assert rows(store, name) == [("29", "failed", 0, 0)]
        assert result[name].failed == 1
        assert result[name].problems[0].startswith("2026-07-29: ")


def test_the_fetches_record_how_long_they_took_and_when_they_began(store: Engine, lists: ListingHost) -> None:
    with read_session(store) as session:
        assert session.exec(select(SourceFetch)).all() == []
    read(store, everywhere(lists.url))
    with read_session(store) as session:
        for row in session.exec(select(SourceFetch)).all():
            assert row.started_at == NOW
            assert 0 <= row.seconds < 30
            assert row.endpoint in {"api", "rss"}


def test_yesterdays_batch_under_todays_date_leaves_the_day_due(store: Engine, lists: ListingHost) -> None:
    """And the part that is fresh is taken in; "not modified" would later mean that all is there, so it is not asked."""
    lists.today = WEDNESDAY - DAY
    read(store, everywhere(lists.url), now=NOW - DAY, sources="arxiv")
    lists.today = WEDNESDAY
    lists.batches[WEDNESDAY] = [*lists.batches[WEDNESDAY - DAY], paper_entry("2607.09999", "One of today")]
    result = read(store, everywhere(lists.url), sources="arxiv")["arxiv"]
    assert rows(store, "arxiv") == [("28", "ok", 2, 2), ("29", "stale", 3, 1)]
    assert result.problems == ["the list of 2026-07-29 for cs.CV repeats an earlier one; it is fetched again later"]
    assert "One of today" in titles(store)
    with read_session(store) as session:
        last = session.exec(select(SourceFetch).order_by(col(SourceFetch.id).desc())).first()
        assert last is not None
        assert (last.part, last.promised, last.received, last.fresh, last.stale) == ("cs.CV", 3, 3, 1, 2)
    read(store, everywhere(lists.url), now=NOW + DAY, sources="arxiv")
    assert ("29", "empty", 0, 0) in rows(store, "arxiv")  # the query API was asked for it


def test_a_stale_batch_is_fetched_again_though_the_host_says_that_it_is_not_modified(store: Engine) -> None:
    with serve_source() as host:
        host.feed_body = feed("A graph grows").replace("Wed, 29", "Tue, 28")
        read(store, everywhere(host.url), sources="arxiv", now=NOW - DAY)
        host.feed_body = feed("A graph grows")
        for _ in range(2):
            read(store, everywhere(host.url), sources="arxiv")
        assert host.conditional_requests == [False, False, False]
    assert [row[:2] for row in rows(store, "arxiv")] == [("28", "ok"), ("29", "stale"), ("29", "stale")]


def test_a_short_answer_is_stored_reported_and_requested_again(store: Engine) -> None:
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/2607.0000{n}v1</id><title>Short {n}</title><category term='cs.CV'/></entry>"
        for n in range(3)
    )
    total = "<o:totalResults xmlns:o='http://a9.com/-/spec/opensearch/1.1/'>5</o:totalResults>"
    with serve_source() as host:
        host.other_body = f"<feed xmlns='http://www.w3.org/2005/Atom'>{total}{entries}</feed>"
        for _ in range(2):
            report = read(store, everywhere(host.url), days=[WEDNESDAY - DAY], sources="arxiv")["arxiv"]
            assert "3 of 5" in report.problems[0]
    assert rows(store, "arxiv") == [("28", "partial", 3, 3), ("28", "partial", 3, 0)]
    with read_session(store) as session:
        _, due = days_due(load_fetches(session, "arxiv", NOW), NOW, ())
    assert due == (WEDNESDAY - DAY,)


def test_what_one_source_cannot_parse_leaves_the_other_ones_papers(store: Engine, lists: ListingHost) -> None:
    with serve_source() as host:
        host.feed_body = "<rss>" + "<item/>" * 1_000_000 + "</rss>"
        result = read(store, everywhere(lists.url) | {"arxiv_feed_url": host.url})
    assert (result["arxiv"].failed, result["huggingface"].failed) == (1, 0)
    assert "more than 1,000,000 tags" in result["arxiv"].problems[0]
    assert result["huggingface"].new == 9


def feed(*result: str) -> str:
    items = "".join(
        f"<item><title>{title}</title><link>https://arxiv.org/abs/2607.0000{n}</link><description>arXiv:2607.0000{n}v1 "
        f'Announce Type: new \nAbstract: Told here.</description><guid isPermaLink="false">oai:arXiv.org:2607.0000{n}v1'
        "</guid><arxiv:announce_type>new</arxiv:announce_type><dc:creator>Ada Moreau</dc:creator></item>"
        for n, title in enumerate(result)
    )
    return (
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">'
        "<channel><title>cs.CV updates on arXiv.org</title><pubDate>Wed, 29 Jul 2026 00:00:00 -0400</pubDate>"
        f"{items}</channel></rss>"
    )


SPOILED = {
    "paper": ("UPDATE paper SET first_seen_at = {day} WHERE id = 1", ("paper", "1")),
    "listing": ("UPDATE listing SET first_seen_at = {day} WHERE id = 1", ("listing", "1")),
    "fetch": ("UPDATE source_fetch SET started_at = {day} WHERE id = 1", ("source_fetch", "1")),
    "validators": ("UPDATE http_cache_entry SET etag = '\u201cone\u201d'", None),
    "expired validators": ("UPDATE http_cache_entry SET stored_at = {day}", None),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_row_that_cannot_be_read_stops_no_collecting(store: Engine, kind: str) -> None:
    day = "'infinity'" if store.dialect.name == "postgresql" else "'some day'"
    statement, row = SPOILED[kind]
    with serve_source() as host:
        host.feed_body = feed("A graph grows")
        read(store, everywhere(host.url), sources="arxiv")
        spoil(store, statement.replace("{day}", day))
        host.feed_body = feed("A graph grows", "A robot walks")
        report = read(store, everywhere(host.url), sources="arxiv")["arxiv"]
    assert (report.new, report.failed, report.unreadable) == (1, 0, 1)
    assert titles(store) == {"A graph grows", "A robot walks"}
    with read_session(store) as session:
        [found] = quarantined_rows(session)
    assert (found.table_name, found.row_id) == row if row else found.table_name == "http_cache_entry"
    [problem] = RunReport([report], PlanReport(), DeliveryReport(), 0).problems
    assert problem.startswith("1 database row cannot be read")


def test_a_paper_of_bytes_stops_no_index(sqlite_store: Engine) -> None:
    with serve_source() as host:
        host.feed_body = feed("A graph grows")
        read(sqlite_store, everywhere(host.url), sources="arxiv")
        spoil(sqlite_store, "UPDATE paper SET title = x'ff', is_indexed = 0, key = 'arxiv:other', arxiv_id = 'other'")
        spoil(sqlite_store, "UPDATE paper_identifier SET value = 'other'")
        host.feed_body = feed("A graph grows", "A robot walks")
        report = read(sqlite_store, everywhere(host.url), sources="arxiv")["arxiv"]
    assert (report.new, report.failed, report.unreadable) == (2, 0, 1)
