"""What the letters of one batch have in common, loaded with a few queries for all of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlmodel import Session, col, select

from digest import papers, readings
from digest.deliveries import Claimed
from digest.letters import FirstPapers
from digest.letters.known import Known
from digest.matching import is_exclusion
from digest.models import Delivery, Keyword, Kind, Listing, Paper, SavedKeyword, State, Subscriber
from digest.writing.stock import stamp, stock

FEW = 50  # keywords never met: with more of them in a batch, what the letters to come will need is looked up too
AHEAD = 10_000  # keywords of these
LATEST = 2_000  # listings, whose papers they will carry


@dataclass(frozen=True, slots=True)
class Asked:
    """A keyword of a reader: its number, as they wrote it, and its canonical form."""

    id: int
    written: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Desk:
    """`chosen`, by delivery, has the keywords of each digest. `known` outlives the batch, where many are written."""

    subscribers: Mapping[int, Subscriber]
    keywords: Mapping[int, Sequence[Asked]]
    canonicals: Mapping[int, str]
    papers: Mapping[int, Paper]
    list_days: Mapping[int, date]
    notices: tuple[str, ...]
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    first: Mapping[int, FirstPapers] = field(default_factory=dict)  # for those who are welcomed
    chosen: dict[int, Sequence[Asked]] = field(default_factory=dict)
    known: Known = field(default_factory=Known)


def lay_out(session: Session, claimed: Sequence[Claimed], now: datetime, known: Known | None = None) -> Desk:
    """Load all that the letters of a batch need. `known` is kept by who writes many batches."""
    readers = {each.subscriber_id for each in claimed}
    found = session.exec(select(Subscriber).where(col(Subscriber.id).in_(readers))).all()
    keywords = keywords_of(session, readers)
    known = Known() if known is None else known
    carried = papers.by_ids(session, {number for each in claimed for number in [*each.papers, *each.left_out]})
    ahead: list[str] = []
    if len(known.new(keyword.canonical for each in keywords.values() for keyword in each)) > FEW:
        ahead = waiting_keywords(session)
        carried |= {int(paper.id or 0): paper for paper in latest(session)} if ahead else {}
    desk = Desk(
        subscribers={int(each.id or 0): each for each in found},
        keywords=keywords,
        canonicals=canonicals_of(session, {number for each in claimed for number in each.keywords}),
        papers=carried,
        list_days=list_days(session, carried.values()),
        notices=tuple(problem.sentence for problem in readings.health(session, now)),
        sources=papers.sources_of(session, carried),
        known=known,
    )
    study(desk, [each for each in claimed if each.kind == Kind.DIGEST], ahead)
    return desk


def study(desk: Desk, digests: Sequence[Claimed], ahead: Iterable[str] = ()) -> None:
    """Find out which of the papers the keywords of these letters match. `ahead`: keywords of letters still to come."""
    listed = {number: listed_on(desk, paper) for number, paper in desk.papers.items()}
    stamps = {
        number: stamp(paper, listed[number], desk.sources.get(number, ())) for number, paper in desk.papers.items()
    }
    fresh = {
        number: stock(desk.papers[number], listed[number], desk.sources.get(number, ()))
        for number in desk.known.unknown(stamps)
    }
    desk.chosen.update({each.id: asked_for(desk, each) for each in digests})
    letters = [
        ([*each.papers, *each.left_out], [keyword.canonical for keyword in desk.chosen[each.id]]) for each in digests
    ]
    desk.known.learn(fresh, letters, (text for text in ahead if not is_exclusion(text)))


def listed_on(desk: Desk, paper: Paper) -> date:
    """The day on which a paper was first listed."""
    return desk.list_days.get(int(paper.id or 0), paper.first_seen_at.date())


def waiting_keywords(session: Session) -> list[str]:
    """What the readers of the letters in the queue ask for, as far as one look may go."""
    asked = select(Keyword.canonical).join(SavedKeyword, col(SavedKeyword.keyword_id) == col(Keyword.id))
    waiting = asked.join(Delivery, col(Delivery.subscriber_id) == col(SavedKeyword.subscriber_id))
    found = waiting.where(Delivery.state == State.QUEUED, Delivery.kind == Kind.DIGEST)
    return list(session.exec(found.distinct().limit(AHEAD)).all())


def latest(session: Session) -> list[Paper]:
    """The papers that most of the letters to come will carry."""
    return papers.entered_after(session, papers.top_listing(session) - LATEST)


def keywords_of(session: Session, readers: Collection[int]) -> dict[int, list[Asked]]:
    """What several readers ask for today, each in their order."""
    asked = (
        select(SavedKeyword.subscriber_id, SavedKeyword.keyword_id, SavedKeyword.written, Keyword.canonical)
        .join(Keyword, col(Keyword.id) == SavedKeyword.keyword_id)
        .order_by(col(SavedKeyword.subscriber_id), col(SavedKeyword.position))
    )
    found: dict[int, list[Asked]] = {}
    for part in papers.chunks(readers):
        for reader, number, written, canonical in session.exec(asked.where(col(SavedKeyword.subscriber_id).in_(part))):
            found.setdefault(reader, []).append(Asked(number, written, canonical))
    return found


def canonicals_of(session: Session, keywords: Collection[int]) -> dict[int, str]:
    """The keywords of these numbers, whether anybody still has them or not."""
    found: dict[int, str] = {}
    for part in papers.chunks(keywords):
        rows = session.exec(select(Keyword.id, Keyword.canonical).where(col(Keyword.id).in_(part)))
        found |= {int(number or 0): canonical for number, canonical in rows}
    return found


def list_days(session: Session, carried: Iterable[Paper]) -> dict[int, date]:
    """The day on which each paper was first listed."""
    entered = [paper.entered for paper in carried]
    rows = session.exec(select(col(Listing.paper_id), col(Listing.list_day)).where(col(Listing.id).in_(entered))).all()
    return dict(rows)


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
