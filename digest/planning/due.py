"""Who is due, and what they ask for: questions to the database, with no state in memory.

A subscriber is due when their latest due day is later than the one that was planned last. So missed days are made up
once, a new subscriber's first digest is the next plan's, and neither a clock set back nor a change of hour, zone or
frequency brings a day a second time. A day in the future was planned by a clock that ran ahead; it delays nobody.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Engine, Text, cast, func, or_, text, update
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from digest.database import (
    MAX_POSITION,
    InvalidRow,
    create_invalid_row,
    find_subscriber_error,
    is_in_values,
    is_postgresql,
    read_session,
    select_readable,
    write_session,
)
from digest.database.models import Frequency, InvalidValue, SavedKeyword, Subscriber, SubscriberStatus
from digest.planning import messages
from digest.schedule import latest_due_day, load_zone

if TYPE_CHECKING:
    from digest.planning.match_matrix import BoolArray, IntArray

ALL_SOURCES: frozenset[str] = frozenset()
CHUNK_COLUMNS = ("id", "covered_listing_id", "covered_from", "cap", "trending", "about_only")
CAP = CHUNK_COLUMNS.index("cap")
CHUNK_SIZE = 8000  # subscribers planned in one transaction; the memory of a plan grows with it
SCHEDULE_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    getattr(Subscriber, name) for name in ("timezone", "send_hour", "frequency", "weekday")
)
POSITION_BITS = 10  # a subscriber has at most 1,000 keywords
# The database packs millions of rows into two values, so that none becomes an object. The first has the subscriber and
# the position of each keyword as one number; a row whose position has no room there is only counted.
_IS_PACKED = f"(WHERE position BETWEEN 0 AND {MAX_POSITION} AND keyword_id BETWEEN 1 AND 9223372036854775807)"
_POSTGRESQL_KEYWORDS = text(
    f"SELECT string_agg(int8send(subscriber_id << 10 | position), ''::bytea) FILTER {_IS_PACKED},"  # noqa: S608
    f" string_agg(int8send(keyword_id), ''::bytea) FILTER {_IS_PACKED}, count(*)"
    " FROM saved_keyword WHERE subscriber_id = ANY(:subscriber_ids) AND NOT is_muted"
)
_SQLITE_KEYWORDS = (
    f"SELECT group_concat(saved.subscriber_id << 10 | saved.position) FILTER {_IS_PACKED},"  # noqa: S608
    f" group_concat(saved.keyword_id) FILTER {_IS_PACKED}, count(*)"
    " FROM json_each(?) AS due CROSS JOIN saved_keyword AS saved ON saved.subscriber_id = due.value"
    " WHERE NOT saved.is_muted"
)


@dataclass(frozen=True, slots=True)
class DueGroup:
    """Subscribers who are due at the same instants. `tomorrow` is the first day that has begun nowhere yet.

    `weekday` is that of weekly digests; None for other frequencies, whose subscribers have any.
    """

    timezone: str
    send_hour: int
    frequency: str
    due_day: date
    tomorrow: date
    weekday: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a subscriber belongs to the group, whether due or not."""
        conditions = [
            col(Subscriber.timezone) == self.timezone,
            col(Subscriber.send_hour) == self.send_hour,
            col(Subscriber.frequency) == self.frequency,
        ]
        return conditions if self.weekday is None else [*conditions, col(Subscriber.weekday) == self.weekday]

    def is_due(self, last_due_day: date | None) -> bool:
        """Return whether a subscriber planned last for `last_due_day` is due, as `lock_due_subscribers` asks it."""
        return last_due_day is None or last_due_day < self.due_day or last_due_day > self.tomorrow


@dataclass(frozen=True, slots=True)
class SubscriberChunk:
    """Subscribers in ascending order of their numbers, as columns. `last_id` is also that of one that was dropped.

    `choices` are positions in `source_choices`, whose first is that of all sources.
    """

    ids: "IntArray"
    covered_listing_ids: "IntArray"
    covered_from: "IntArray"
    caps: "IntArray"
    trending: "IntArray"
    about_only: "IntArray"
    choices: "IntArray"
    last_id: int = 0
    source_choices: Sequence[frozenset[str]] = (ALL_SOURCES,)

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[Any]], unreadable: list[InvalidRow]) -> "SubscriberChunk":
        """Make a chunk of rows of CHUNK_COLUMNS. Drops those that `unreadable` then names."""
        import numpy as np

        last_id, width = int(rows[-1][0]) if rows else 0, len(CHUNK_COLUMNS)
        try:
            values = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=width * len(rows)).reshape(-1, width)
        except (TypeError, ValueError, OverflowError):
            values = None
        if values is None or (values[:, CAP] < 1).any():
            valid = [row for row in rows if all(isinstance(value, int) for value in row) and row[CAP] > 0]
            odd_ids = {row[0] for row in rows} - {row[0] for row in valid}
            reason = messages.SUBSCRIBER_NUMBERS
            unreadable += [create_invalid_row(Subscriber, number, reason) for number in sorted(odd_ids)]
            values = np.array(valid, dtype=np.int64).reshape(-1, width)
        ids, covered_listing_ids, covered_from, caps, trending, about_only = values.T.copy()
        choices = np.zeros_like(ids)
        return cls(ids, covered_listing_ids, covered_from, caps, trending, about_only, choices, last_id)

    def __len__(self) -> int:
        return len(self.ids)

    def filter(self, mask: "BoolArray") -> "SubscriberChunk":
        """Return the subscribers for whom `mask` is true."""
        return SubscriberChunk(
            self.ids[mask],
            self.covered_listing_ids[mask],
            self.covered_from[mask],
            self.caps[mask],
            self.trending[mask],
            self.about_only[mask],
            self.choices[mask],
            self.last_id,
            self.source_choices,
        )

    def with_sources(self, session: Session, unreadable: list[InvalidRow]) -> "SubscriberChunk":
        """Return the subscribers with the sources that they chose, but those that `unreadable` then names."""
        import numpy as np

        chosen = sa_select(col(Subscriber.id), col(Subscriber.sources)).where(
            is_in_values(session, col(Subscriber.id), self.ids.tolist()),
            cast(col(Subscriber.sources), Text) != "[]",
        )
        rows = session.execute(chosen).all()
        if not rows:
            return self
        odd_ids = {row.id for row in rows if isinstance(row.sources, InvalidValue)}
        unreadable += [
            create_invalid_row(Subscriber, number, messages.SOURCES_NOT_A_LIST) for number in sorted(odd_ids)
        ]
        numbers = {ALL_SOURCES: 0}
        choices = self.choices.copy()
        for row in rows:
            choices[np.searchsorted(self.ids, row.id)] = numbers.setdefault(frozenset(row.sources), len(numbers))
        return replace(self, choices=choices, source_choices=tuple(numbers)).filter(~np.isin(self.ids, list(odd_ids)))


@dataclass(frozen=True, slots=True)
class SavedQueries:
    """Keywords of a chunk: for each the position of its subscriber, and its number."""

    positions: "IntArray"
    keyword_ids: "IntArray"


def end_expired_pauses(engine: Engine, now: datetime) -> None:
    """End the pauses that are over, by each subscriber's own date."""
    is_paused = col(Subscriber.status) == SubscriberStatus.PAUSED
    with read_session(engine) as session:
        earliest = select(Subscriber.timezone, func.min(col(Subscriber.paused_until))).where(is_paused)
        pause_ends = session.exec(earliest.group_by(Subscriber.timezone)).all()
    for timezone, until in pause_ends:
        if find_subscriber_error(timezone, 0):
            continue  # `due_groups` names those who are active; who is paused gets nothing anyway
        today = now.astimezone(load_zone(timezone)).date()
        if until is None or until > today:
            continue
        with write_session(engine) as session:
            session.execute(
                update(Subscriber)
                .where(is_paused, col(Subscriber.timezone) == timezone, col(Subscriber.paused_until) <= today)
                .values(status=SubscriberStatus.ACTIVE, paused_until=None)
                .execution_options(synchronize_session=False)
            )


def due_groups(engine: Engine, now: datetime, unreadable: list[InvalidRow] | None = None) -> list[DueGroup]:
    """Return every zone, hour, frequency and weekday with a subscriber who is due; most of the day there is none.

    Subscribers for whom these cannot be read are left out and appended to `unreadable`.
    """
    with read_session(engine) as session:
        rows = session.execute(
            sa_select(*SCHEDULE_COLUMNS, col(Subscriber.last_due_day))
            .where(col(Subscriber.status) == SubscriberStatus.ACTIVE)
            .distinct()
        ).all()
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    groups: dict[tuple[str, int, str, int], DueGroup] = {}
    due: dict[DueGroup, None] = {}
    faulty_zones: dict[str, None] = {}
    for timezone, hour, frequency, weekday, last_due_day in rows:
        if _find_schedule_error(timezone, hour, frequency, weekday):
            faulty_zones[timezone] = None
            continue
        key = (timezone, hour, frequency, weekday if frequency == Frequency.WEEKLY else 0)
        if key not in groups:
            day = latest_due_day(now, *key)
            groups[key] = DueGroup(*key[:3], day, tomorrow, weekday if frequency == Frequency.WEEKLY else None)
        if groups[key].is_due(last_due_day):
            due[groups[key]] = None
    if unreadable is not None:
        for timezone in faulty_zones:
            unreadable += _invalid_subscribers(engine, timezone)
    return list(due)


def _find_schedule_error(timezone: object, hour: object, frequency: object, weekday: object) -> str | None:
    for name, value in (("send_hour", hour), ("weekday", weekday)):
        if isinstance(value, InvalidValue):
            return messages.not_a_number(name)
    return find_subscriber_error(timezone, hour, frequency=frequency, weekday=weekday)


def _invalid_subscribers(engine: Engine, timezone: str) -> list[InvalidRow]:
    """Name the active subscribers of a zone for whom no due time can be told."""
    rows = sa_select(col(Subscriber.id), *SCHEDULE_COLUMNS).where(col(Subscriber.status) == SubscriberStatus.ACTIVE)
    if find_subscriber_error(timezone, 0) is None:
        is_valid = (
            col(Subscriber.send_hour).between(0, 23),
            col(Subscriber.weekday).between(0, 6),
            col(Subscriber.frequency).in_(set(Frequency)),
        )
        rows = rows.where(or_(*(~condition for condition in is_valid)))
    with read_session(engine) as session:  # compared here: SQLite does not find a name with bytes that are no text
        found = [(row.id, _find_schedule_error(*row[1:])) for row in session.execute(rows) if row.timezone == timezone]
    return [create_invalid_row(Subscriber, number, reason) for number, reason in found if reason]


def lock_due_subscribers(
    session: Session,
    group: DueGroup,
    unreadable: list[InvalidRow],
    after_id: int = 0,
    *,
    limit: int = CHUNK_SIZE,
    wait: bool = True,
) -> SubscriberChunk:
    """Lock and return the next due subscribers of a group, but those that `unreadable` then names.

    With `wait` off, those that another transaction has locked are left for later.
    """
    last_day = col(Subscriber.last_due_day)
    result = session.connection().execute(  # by the connection: the session would compare each row with its objects
        sa_select(*(getattr(Subscriber, name) for name in CHUNK_COLUMNS))
        .where(col(Subscriber.status) == SubscriberStatus.ACTIVE)
        .where(*group.conditions())
        .where(or_(last_day.is_(None), last_day < group.due_day, last_day > group.tomorrow))
        .where(col(Subscriber.id) > after_id)
        .order_by(col(Subscriber.id))
        .limit(limit)
        # Subscribers before deliveries, the order in which `subscribers` locks them.
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    # As the driver returns them: integers need no conversion.
    return SubscriberChunk.from_rows(result.cursor.fetchall(), unreadable).with_sources(session, unreadable)


def load_saved_queries(session: Session, subscribers: SubscriberChunk, unreadable: list[InvalidRow]) -> SavedQueries:
    """Return the keywords of these subscribers, by subscriber and position, but those that `unreadable` then names."""
    import numpy as np

    subscriber_ids = subscribers.ids.tolist()
    if is_postgresql(session):
        *packed, count = session.execute(_POSTGRESQL_KEYWORDS, {"subscriber_ids": subscriber_ids}).one()
        sort_keys, keyword_ids = (np.frombuffer(bytes(part or b""), dtype=">i8").astype(np.int64) for part in packed)
    else:
        *joined, count = session.connection().exec_driver_sql(_SQLITE_KEYWORDS, (json.dumps(subscriber_ids),)).one()
        sort_keys, keyword_ids = (np.fromstring(part or "", dtype=np.int64, sep=",") for part in joined)
    if count > len(sort_keys):
        saved = select(SavedKeyword).where(is_in_values(session, col(SavedKeyword.subscriber_id), subscriber_ids))
        select_readable(session.exec(saved).all(), unreadable)
    order = np.argsort(sort_keys, kind="stable")
    return SavedQueries(np.searchsorted(subscribers.ids, sort_keys[order] >> POSITION_BITS), keyword_ids[order])
