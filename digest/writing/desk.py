"""What the letters of one batch have in common, loaded with a few queries for all of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple, Protocol, cast

import sqlalchemy as sa
from sqlalchemy import Table, inspect
from sqlmodel import Session, col, select

from digest import papers
from digest.db import Rows, on_server, packed, within
from digest.deliveries import Claimed
from digest.letters import FirstPapers
from digest.letters.known import Known
from digest.matching import is_exclusion
from digest.models import Delivery, DeliveryKind, DeliveryState, Keyword, Paper, SavedKeyword, Subscriber
from digest.writing.shelf import Memory
from digest.writing.stock import stamp, stock

FEW = 50  # keywords never met: with more of them in a batch, what the letters to come will need is looked up too
AHEAD = 10_000  # keywords of these
LATEST = 2_000  # listings, whose papers they will carry


class Asked(NamedTuple):
    """A keyword of a reader: its number, as they wrote it, and its canonical form."""

    id: int
    written: str
    canonical: str


class Addressee(Protocol):
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
class Desk:
    """`chosen`, by delivery, has the keywords of each digest. `known` outlives the batch, where many are written."""

    subscribers: Mapping[int, Addressee]
    keywords: Mapping[int, Sequence[Asked]]
    canonicals: Mapping[int, str]
    papers: Mapping[int, Paper]
    list_days: Mapping[int, date]
    notices: tuple[str, ...]
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    first: Mapping[int, FirstPapers] = field(default_factory=dict)  # for those who are welcomed
    chosen: dict[int, Sequence[Asked]] = field(default_factory=dict)
    known: Known = field(default_factory=Known)


def lay_out(session: Session, claimed: Sequence[Claimed], now: datetime, known: Memory | None = None) -> Desk:
    """Load all that the letters of a batch need. `known` is kept by who writes many batches."""
    readers = {each.subscriber_id for each in claimed}
    known = Memory() if known is None else known
    saved = saved_by(session, readers)
    asked = {number for _, number, _ in saved}.union(*(each.keywords for each in claimed))
    canonicals = known.shelf.canonicals(session, asked)
    keywords: dict[int, list[Asked]] = {}
    for reader, number, written in saved:
        keywords.setdefault(reader, []).append(Asked(number, written, canonicals[number]))
    wanted = {number for each in claimed for number in [*each.papers, *each.omitted_papers]}
    ahead: list[str] = []
    if len(known.new(keyword.canonical for each in keywords.values() for keyword in each)) > FEW:
        ahead = waiting_keywords(session)
        wanted |= set(latest(session)) if ahead else set()
    kept = known.shelf.papers(session, wanted, now)
    desk = Desk(
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
    study(desk, [each for each in claimed if each.kind == DeliveryKind.DIGEST], ahead, stamps)
    return desk


def study(
    desk: Desk,
    digests: Sequence[Claimed],
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
        number: stock(
            desk.papers[number], listed_on(desk, desk.papers[number]), desk.sources.get(number, ()), stamps[number]
        )
        for number in desk.known.unknown(stamps)
    }
    desk.chosen.update({each.id: asked_for(desk, each) for each in digests})
    letters = [
        ([*each.papers, *each.omitted_papers], [keyword.canonical for keyword in desk.chosen[each.id]])
        for each in digests
    ]
    desk.known.learn(fresh, letters, (text for text in ahead if not is_exclusion(text)))


def listed_on(desk: Desk, paper: Paper) -> date:
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
    last = col(Paper.first_listing_id) > papers.top_listing(session) - LATEST
    found = session.exec(select(col(Paper.id)).where(last).order_by(col(Paper.first_listing_id)))
    return [int(number or 0) for number in found]


class Reader(NamedTuple):
    """What letters must know of a reader, of many at once."""

    email: str
    nonce: str
    frequency: str
    send_hour: int
    timezone: str
    summaries: bool
    confirmed_at: datetime | None


@cache
def _addressees(*, server: bool) -> Rows:
    rows = cast("Table", inspect(Subscriber).local_table).c
    wanted = (rows[name] for name in ("id", *Reader._fields))
    return Rows(sa.select(*wanted).where(within(rows.id, server=server)))


def addressees(session: Session, readers: Collection[int]) -> dict[int, Addressee]:
    """To whom the letters go."""
    rows = _addressees(server=on_server(session)).of(session.connection(), numbers=packed(session, readers))
    return {number: Reader(*said) for number, *said in rows}


@cache
def _saved(*, server: bool) -> Rows:
    saved = cast("Table", inspect(SavedKeyword).local_table).c
    theirs = sa.select(saved.subscriber_id, saved.keyword_id, saved.text)
    found = theirs.where(within(saved.subscriber_id, server=server))
    return Rows(found.order_by(saved.subscriber_id, saved.position))


def saved_by(session: Session, readers: Collection[int]) -> Sequence[Sequence[Any]]:
    """What several readers ask for today, each in their order: reader, number of the keyword, as they wrote it."""
    return _saved(server=on_server(session)).of(session.connection(), numbers=packed(session, readers))


def asked_for(desk: Desk, claimed: Claimed) -> list[Asked]:
    """The keywords that an edition was chosen by, as the reader writes them now where they still do.

    A delivery that does not know them is from before they were recorded: then it is what the reader asks for today.
    """
    today = desk.keywords.get(claimed.subscriber_id, ())
    if not claimed.keywords:
        chosen = list(today)
    else:
        kept = {each.id: each for each in today}
        gone = (number for number in claimed.keywords if number not in kept and number in desk.canonicals)
        kept |= {number: Asked(number, desk.canonicals[number], desk.canonicals[number]) for number in gone}
        chosen = [kept[number] for number in claimed.keywords if number in kept]
    return [each for each in chosen if not is_exclusion(each.canonical)]
