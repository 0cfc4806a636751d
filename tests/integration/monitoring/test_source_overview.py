"""How the sources do, as `digest sources` shows it."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine

from digest.database import write_session
from digest.database.models import FetchStatus
from digest.monitoring import load_source_overview
from tests.support.contexts import make_settings
from tests.support.factories import source_fetch

SATURDAY = datetime(2026, 1, 10, 12, tzinfo=UTC)


def test_a_row_tells_the_last_whole_day_its_speed_and_the_next_fetch(sqlite_store: Engine) -> None:
    fetches = (
        (date(2026, 1, 8), FetchStatus.OK, True, 100, 100, 4.0),
        (date(2026, 1, 9), FetchStatus.PARTIAL, False, 1000, 970, 9.0),
    )
    with write_session(sqlite_store) as session:
        for day, status, whole, promised, received, seconds in fetches:
            started_at = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)
            counts = {"promised": promised, "received": received, "whole": whole, "seconds": seconds}
            session.add(source_fetch(source="arxiv", list_day=day, started_at=started_at, status=status, **counts))
    settings = make_settings(sqlite_store, sources="arxiv,huggingface")
    arxiv, huggingface = load_source_overview(sqlite_store, settings, SATURDAY)
    assert (arxiv.last_whole_day, arxiv.entries, arxiv.entries_per_second) == (date(2026, 1, 8), 100, 25.0)
    assert any("970 of 1,000" in sentence for sentence in arxiv.problems)
    assert arxiv.next_fetch_at == datetime(2026, 1, 10, 12, 40, tzinfo=UTC)  # Friday's rest
    assert (huggingface.last_whole_day, huggingface.entries_per_second) == (None, None)


def test_a_source_with_nothing_due_at_the_weekend_is_fetched_when_its_next_list_is_out(sqlite_store: Engine) -> None:
    (arxiv,) = load_source_overview(sqlite_store, make_settings(sqlite_store, sources="arxiv"), SATURDAY)
    assert arxiv.next_fetch_at == datetime(2026, 1, 12, 5, 40, tzinfo=UTC)  # Monday in US Eastern


def test_a_feed_has_a_row_of_its_own(sqlite_store: Engine) -> None:
    settings = make_settings(sqlite_store, sources="feeds", feeds="jacs = https://example.org/rss")
    (feed,) = load_source_overview(sqlite_store, settings, SATURDAY)
    assert (feed.name, feed.next_fetch_at) == ("jacs", datetime(2026, 1, 10, 12, 40, tzinfo=UTC))
