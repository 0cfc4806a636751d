"""What the letters of one batch have in common, loaded with a few queries for all of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

import sqlalchemy as sa
from sqlalchemy import Table, inspect
from sqlmodel import Session, col, select

from digest.database import RowQuery, array_value, is_in_parameter, is_postgresql
from digest.database.models import (
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Keyword,
    Paper,
    SavedKeyword,
    Subscriber,
)
from digest.matching import is_exclusion
from digest.papers import latest_listing_id
from digest.rendering.cache import RenderCache, snapshot, stamp
from digest.rendering.contexts import FirstPapers
from digest.rendering.match_cache import MatchCache

FEW = 50  # keywords never met: with more of them in a batch, what the letters to come will need is looked up too


AHEAD = 10_000  # keywords of these


LATEST = 2_000  # listings, whose papers they will carry


class SubscriberKeyword(NamedTuple):
    """A keyword of a reader: its number, as they wrote it, and its canonical form."""

    id: int
    text: str
    canonical: str


class Recipient(Protocol):
    """What letters must know of their reader; a Subscriber, or a plain row of one."""

    @property
    def email(self) -> str: ...
    @property
    def nonce(self) -> str: ...
    @property
    def frequency(self) -> str: ...
    @property
    def send_hour(self) -> int: ...
    @property
    def timezone(self) -> str: ...
    @property
    def summaries(self) -> bool: ...
    @property
    def confirmed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class BatchData:
    """`chosen`, by delivery, has the keywords of each digest. `known` outlives the batch, where many are written."""

    subscribers: Mapping[int, Recipient]
    keywords: Mapping[int, Sequence[SubscriberKeyword]]
    canonicals: Mapping[int, str]
    papers: Mapping[int, Paper]
    list_days: Mapping[int, date]
    notices: tuple[str, ...]
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    first: Mapping[int, FirstPapers] = field(default_factory=dict)  # for those who are welcomed
    chosen: dict[int, Sequence[SubscriberKeyword]] = field(default_factory=dict)
    known: MatchCache = field(default_factory=MatchCache)


def load_batch(
    session: Session, claimed: Sequence[ClaimedDelivery], now: datetime, known: RenderCache | None = None
) -> BatchData:
    """Load all that the letters of a batch need. `known` is kept by who writes many batches."""
    readers = {each.subscriber_id for each in claimed}
    known = RenderCache() if known is None else known
    saved = saved_by(session, readers)
    asked = {number for _, number, _ in saved}.union(*(each.keywords for each in claimed))
    canonicals = known.shelf.canonicals(session, asked)
    keywords: dict[int, list[SubscriberKeyword]] = {}
    for reader, number, written in saved:
        keywords.setdefault(reader, []).append(SubscriberKeyword(number, written, canonicals[number]))
    wanted = {number for each in claimed for number in [*each.papers, *each.omitted_papers]}
    ahead: list[str] = []
    if len(known.new(keyword.canonical for each in keywords.values() for keyword in each)) > FEW:
        ahead = waiting_keywords(session)
        wanted |= set(latest(session)) if ahead else set()
    kept = known.shelf.papers(session, wanted, now)
    desk = BatchData(
        subscribers=addressees(session, readers),
        keywords=keywords,
        canonicals=canonicals,
        papers={number: each.paper for number, each in kept.items()},
        list_days={number: each.listed_on for number, each in kept.items()},
        notices=known.shelf.notices(session, now),
        sources={number: each.sources for number, each in kept.items()},
        known=known,
    )
    stamps = {number: each.stamp for number, each in kept.items()}
    match_batch(desk, [each for each in claimed if each.kind == DeliveryKind.DIGEST], ahead, stamps)
    return desk


def match_batch(
    desk: BatchData,
    digests: Sequence[ClaimedDelivery],
    ahead: Iterable[str] = (),
    stamps: Mapping[int, tuple[object, ...]] | None = None,
) -> None:
    """Find out which of the papers the keywords of these letters match. `ahead`: keywords of letters still to come;
    `stamps`: those of the papers, where they are known.
    """
    if stamps is None:
        stamps = {
            number: stamp(paper, listed_on(desk, paper), desk.sources.get(number, ()))
            for number, paper in desk.papers.items()
        }
    fresh = {
        number: snapshot(
            desk.papers[number], listed_on(desk, desk.papers[number]), desk.sources.get(number, ()), stamps[number]
        )
        for number in desk.known.unknown(stamps)
    }
    desk.chosen.update({each.id: asked_for(desk, each) for each in digests})
    letters = [
        ([*each.papers, *each.omitted_papers], [keyword.canonical for keyword in desk.chosen[each.id]])
        for each in digests
    ]
    desk.known.update(fresh, letters, (text for text in ahead if not is_exclusion(text)))


def listed_on(desk: BatchData, paper: Paper) -> date:
    """The day on which a paper was first listed."""
    return desk.list_days.get(int(paper.id or 0), paper.first_seen_at.date())


def waiting_keywords(session: Session) -> list[str]:
    """What the readers of the letters in the queue ask for, as far as one look may go."""
    asked = select(Keyword.canonical).join(SavedKeyword, col(SavedKeyword.keyword_id) == col(Keyword.id))
    waiting = asked.join(Delivery, col(Delivery.subscriber_id) == col(SavedKeyword.subscriber_id))
    found = waiting.where(Delivery.state == DeliveryState.QUEUED, Delivery.kind == DeliveryKind.DIGEST)
    return list(session.exec(found.distinct().limit(AHEAD)).all())


def latest(session: Session) -> Sequence[int]:
    """The papers that most of the letters to come will carry."""
    last = col(Paper.first_listing_id) > latest_listing_id(session) - LATEST
    found = session.exec(select(col(Paper.id)).where(last).order_by(col(Paper.first_listing_id)))
    return [int(number or 0) for number in found]


class RecipientRow(NamedTuple):
    """What letters must know of a reader, of many at once."""

    email: str
    nonce: str
    frequency: str
    send_hour: int
    timezone: str
    summaries: bool
    confirmed_at: datetime | None


@cache
def _addressees(*, server: bool) -> RowQuery:
    rows = cast("Table", inspect(Subscriber).local_table).c
    wanted = (rows[name] for name in ("id", *RecipientRow._fields))
    return RowQuery(sa.select(*wanted).where(is_in_parameter(rows.id, postgresql=server)))


def addressees(session: Session, readers: Collection[int]) -> dict[int, Recipient]:
    """To whom the letters go."""
    rows = _addressees(server=is_postgresql(session)).fetch_all(
        session.connection(), numbers=array_value(session, readers)
    )
    return {number: RecipientRow(*said) for number, *said in rows}


@cache
def _saved(*, server: bool) -> RowQuery:
    saved = cast("Table", inspect(SavedKeyword).local_table).c
    theirs = sa.select(saved.subscriber_id, saved.keyword_id, saved.text)
    found = theirs.where(is_in_parameter(saved.subscriber_id, postgresql=server))
    return RowQuery(found.order_by(saved.subscriber_id, saved.position))


def saved_by(session: Session, readers: Collection[int]) -> Sequence[Sequence[Any]]:
    """What several readers ask for today, each in their order: reader, number of the keyword, as they wrote it."""
    return _saved(server=is_postgresql(session)).fetch_all(session.connection(), numbers=array_value(session, readers))


def asked_for(desk: BatchData, claimed: ClaimedDelivery) -> list[SubscriberKeyword]:
    """The keywords that an edition was chosen by, as the reader writes them now where they still do.

    A delivery that does not know them is from before they were recorded: then it is what the reader asks for today.
    """
    today = desk.keywords.get(claimed.subscriber_id, ())
    if not claimed.keywords:
        chosen = list(today)
    else:
        kept = {each.id: each for each in today}
        gone = (number for number in claimed.keywords if number not in kept and number in desk.canonicals)
        kept |= {number: SubscriberKeyword(number, desk.canonicals[number], desk.canonicals[number]) for number in gone}
        chosen = [kept[number] for number in claimed.keywords if number in kept]
    return [each for each in chosen if not is_exclusion(each.canonical)]
