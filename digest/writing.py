"""From rows to a letter on the wire: load what deliveries carry, explain the matches again, ask `letters` for words.

A delivery keeps only the numbers of its papers. Which words matched is derived here, from the same code that chose.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from digest import letters, papers, readings
from digest.deliveries import Claimed
from digest.editions import next_slot
from digest.house import House
from digest.letters import Clock, DigestWords, FirstPapers, Letter, LetterPaper, Links, WelcomeWords
from digest.letters.known import Known, Stock, marked
from digest.mail.message import Envelope, compose
from digest.matching import Document, Query, is_exclusion
from digest.models import Delivery, Frequency, Keyword, Kind, Listing, Paper, SavedKeyword, State, Subscriber
from digest.subscribers import Purpose

SATURDAY = 5
FEW = 50  # keywords never met: with more of them in a batch, those of the letters to come are looked up too
AHEAD = 10_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter ready for the relay, and the claim it answers."""

    claimed: Claimed
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A keyword of a reader: its number, as they wrote it, and its canonical form."""

    id: int
    written: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Desk:
    """What the letters of one batch have in common, loaded with a few queries for all of them."""

    subscribers: Mapping[int, Subscriber]
    keywords: Mapping[int, Sequence[Asked]]
    canonicals: Mapping[int, str]
    papers: Mapping[int, Paper]
    list_days: Mapping[int, date]
    notices: tuple[str, ...]
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    first: Mapping[int, FirstPapers] = field(default_factory=dict)  # for those who are welcomed
    known: Known = field(default_factory=Known)


def lay_out(session: Session, claimed: Sequence[Claimed], now: datetime, known: Known | None = None) -> Desk:
    """Load all that the letters of a batch need. `known` is kept by who writes many batches."""
    readers = {each.subscriber_id for each in claimed}
    found = session.exec(select(Subscriber).where(col(Subscriber.id).in_(readers))).all()
    carried = papers.by_ids(session, {number for each in claimed for number in [*each.papers, *each.left_out]})
    desk = Desk(
        subscribers={int(each.id or 0): each for each in found},
        keywords=keywords_of(session, readers),
        canonicals=canonicals_of(session, {number for each in claimed for number in each.keywords}),
        papers=carried,
        list_days=list_days(session, carried.values()),
        notices=tuple(problem.sentence for problem in readings.health(session, now)),
        sources=papers.sources_of(session, carried),
        known=Known() if known is None else known,
    )
    digests = [each for each in claimed if each.kind == Kind.DIGEST]
    asked = {each.canonical for one in digests for each in asked_for(desk, one)}
    study(desk, digests, waiting_keywords(session) if len(desk.known.new(asked)) > FEW else ())
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
    letters = [
        ([*each.papers, *each.left_out], [keyword.canonical for keyword in asked_for(desk, each)]) for each in digests
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


def write(house: House, desk: Desk, claimed: Claimed, now: datetime) -> Outgoing:
    """One letter in wire form."""
    subscriber = desk.subscribers[claimed.subscriber_id]
    letter = _letter(house, desk, claimed, subscriber, now)
    unsubscribe = house.link(Purpose.UNSUBSCRIBE, subscriber.nonce, claimed.created_at)
    envelope = Envelope(
        from_=house.settings.mail_from,
        to=subscriber.email,
        message_id=claimed.message_id,
        date=now,
        list_id=f"digest.{house.domain}",
        unsubscribe_url=unsubscribe if claimed.kind in {Kind.DIGEST, Kind.WELCOME} else None,
        feedback=f"{claimed.kind}:{house.domain}",
    )
    return Outgoing(claimed, subscriber.email, house.signed(compose(letter, envelope)))


def _letter(house: House, desk: Desk, claimed: Claimed, subscriber: Subscriber, now: datetime) -> Letter:
    product, postal = house.product, house.settings.postal_address
    issued = claimed.created_at
    match claimed.kind:
        case Kind.CONFIRM:
            # Signed as it leaves: a mail that the relay put off for days must not arrive with an expired link. Nor
            # must one of a run whose clock was set to a past day.
            url = house.link(Purpose.CONFIRM, subscriber.nonce, max(issued, now))
            return letters.confirm(letters.ConfirmWords(confirm_url=url, product=product, postal_address=postal))
        case Kind.ALREADY:
            url = house.link(Purpose.PREFERENCES, subscriber.nonce, issued)
            return letters.already(letters.AlreadyWords(preferences_url=url, product=product, postal_address=postal))
        case Kind.GOODBYE:
            return letters.goodbye(
                letters.GoodbyeWords(
                    return_url=house.link(Purpose.RETURN, subscriber.nonce, issued),
                    subscribe_url=house.page("/"),
                    product=product,
                    postal_address=postal,
                )
            )
        case Kind.WELCOME:
            return letters.welcome(welcome_words(house, desk, claimed, subscriber, now))
    return letters.digest(digest_words(house, desk, claimed, subscriber))


def welcome_words(house: House, desk: Desk, claimed: Claimed, subscriber: Subscriber, now: datetime) -> WelcomeWords:
    """What the welcome has to say: what comes when, and what would have come already."""
    clock, issued, nonce = Clock(subscriber.send_hour, subscriber.timezone), claimed.created_at, subscriber.nonce
    saved = desk.keywords.get(claimed.subscriber_id, ())
    return WelcomeWords(
        address=subscriber.email,
        frequency=subscriber.frequency,
        clock=clock,
        keywords=tuple(each.written for each in saved if not is_exclusion(each.canonical)),
        exclusions=tuple(each.written for each in saved if is_exclusion(each.canonical)),
        first_on=next_slot(now, clock.timezone, clock.hour, subscriber.frequency),
        first=desk.first.get(claimed.subscriber_id),
        preferences_url=house.link(Purpose.PREFERENCES, nonce, issued),
        unsubscribe_url=house.link(Purpose.UNSUBSCRIBE, nonce, issued),
        product=house.product,
        postal_address=house.settings.postal_address,
    )


def digest_words(house: House, desk: Desk, claimed: Claimed, subscriber: Subscriber) -> DigestWords:
    """What the digest that a delivery carries has to say."""
    chosen = asked_for(desk, claimed)
    asked = {each.canonical: position for position, each in enumerate(chosen)}
    day, zone = date.fromisoformat(claimed.edition), ZoneInfo(subscriber.timezone)
    issued = claimed.created_at
    today = issued.astimezone(zone).date()
    shown = [
        desk.known.paper(
            number,
            asked,
            late=is_late(listed_on(desk, desk.papers[number]), today, subscriber.frequency),
            summary=subscriber.summaries,
        )
        for number in claimed.papers
        if number in desk.papers
    ]
    return DigestWords(
        product=house.product,
        day=day,
        frequency=subscriber.frequency,
        clock=Clock(subscriber.send_hour, subscriber.timezone),
        address=subscriber.email,
        since=(subscriber.confirmed_at or issued).astimezone(zone).date(),
        keywords=tuple(each.written for each in chosen),
        keyword_ids=tuple(each.id for each in chosen),
        papers=tuple(paper for paper, _ in shown),
        positions=tuple(positions for _, positions in shown),
        left_out=len(claimed.left_out),
        left_out_counts=left_out_counts(desk, claimed, asked),
        notices=desk.notices,
        links=links_of(house, claimed, subscriber),
        postal_address=house.settings.postal_address,
    )


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


def links_of(house: House, claimed: Claimed, subscriber: Subscriber) -> Links:
    """The reader's own pages, one token for each. Who gets one letter a week cannot get fewer."""

    def link(purpose: Purpose) -> str:
        return house.link(purpose, subscriber.nonce, claimed.created_at)

    return Links(
        view=house.link(Purpose.VIEW, str(claimed.id), claimed.created_at),
        preferences=link(Purpose.PREFERENCES),
        unsubscribe=link(Purpose.UNSUBSCRIBE),
        mute=link(Purpose.MUTE),
        never=link(Purpose.NEVER),
        fewer="" if subscriber.frequency == Frequency.WEEKLY else link(Purpose.FEWER),
        pause=link(Purpose.PAUSE),
    )


def left_out_counts(desk: Desk, claimed: Claimed, asked: Mapping[str, int]) -> tuple[int, ...]:
    """How many of the papers that found no room each keyword brought: the letter counts them with the others."""
    if not claimed.left_out:
        return ()
    counts = [0] * len(asked)
    for number in claimed.left_out:
        for canonical in desk.known.matches(number, asked) if number in desk.papers else ():
            counts[asked[canonical]] += 1
    return tuple(counts)


def letter_paper(
    paper: Paper,
    listed_on: date,
    queries: Sequence[Query],
    written_at: datetime,
    frequency: str = "daily",
    sources: Sequence[str] = (),
) -> LetterPaper:
    """A paper as a letter shows it, with the words that matched. `written_at` is an instant in the reader's zone."""
    return marked(stock(paper, listed_on, sources), queries, late=is_late(listed_on, written_at.date(), frequency))


def stamp(paper: Paper, listed_on: date | None, sources: Sequence[str]) -> tuple[object, ...]:
    """Changes with anything that a letter shows of a paper, or that matching looks at."""
    said = (paper.title, paper.abstract, paper.authors, paper.categories, paper.organization, paper.published_on)
    links = (paper.url, paper.pdf_url, paper.discussion_url, paper.code_url, paper.project_url)
    votes = (paper.upvotes, paper.comments, paper.code_stars)
    return (paper.id, *said, *links, *votes, paper.ai_summary, listed_on, sources)


def stock(paper: Paper, listed_on: date, sources: Sequence[str]) -> Stock:
    """A stored paper as letters know it."""
    plain = LetterPaper(
        id=int(paper.id or 0),
        title=paper.title,
        abstract=paper.abstract,
        summary=paper.ai_summary or "",
        authors=tuple(paper.authors),
        organization=paper.organization,
        published_on=paper.published_on,
        listed_on=listed_on,
        upvotes=paper.upvotes,
        comments=paper.comments,
        url=paper.url,
        pdf_url=paper.pdf_url,
        discussion_url=paper.discussion_url,
        code_url=paper.code_url,
        code_stars=paper.code_stars,
        project_url=paper.project_url,
    )
    return Stock(stamp(paper, listed_on, sources), Document.of(paper, sources), plain)


@lru_cache
def is_late(listed_on: date, written_on: date, frequency: str) -> bool:
    """Whether a paper should have been in an earlier letter: more list days have passed than fit the rhythm."""
    days = (listed_on + timedelta(days=n) for n in range(1, (written_on - listed_on).days + 1))
    between = sum(1 for day in days if day.weekday() < SATURDAY)
    return between > (5 if frequency == "weekly" else 2)
