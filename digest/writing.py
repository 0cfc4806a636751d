"""From rows to a letter on the wire: load what deliveries carry, explain the matches again, ask `letters` for words.

A delivery keeps only the numbers of its papers. Which words matched is derived here, from the same code that chose.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from digest import letters, papers, readings, subscribers
from digest.deliveries import Claimed
from digest.house import House
from digest.letters import Clock, DigestWords, Letter, LetterPaper, Links
from digest.mail.message import Envelope, compose
from digest.matching import Document, Explanation, Matcher, Query, explain, parse
from digest.models import Kind, Listing, Paper, Subscriber
from digest.subscribers import Purpose, Saved

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter ready for the relay, and the claim it answers."""

    claimed: Claimed
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Desk:
    """What the letters of one batch have in common, loaded with a few queries for all of them."""

    subscribers: Mapping[int, Subscriber]
    keywords: Mapping[int, Sequence[Saved]]
    papers: Mapping[int, Paper]
    list_days: Mapping[int, date]
    notices: tuple[str, ...]
    sources: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def lay_out(session: Session, claimed: Sequence[Claimed], now: datetime) -> Desk:
    """Load all that the letters of a batch need."""
    readers = {each.subscriber_id for each in claimed}
    found = session.exec(select(Subscriber).where(col(Subscriber.id).in_(readers))).all()
    carried = papers.by_ids(session, {number for each in claimed for number in [*each.papers, *each.left_out]})
    return Desk(
        subscribers={int(each.id or 0): each for each in found},
        keywords=subscribers.keywords_of(session, readers),
        papers=carried,
        list_days=list_days(session, carried.values()),
        notices=tuple(problem.sentence for problem in readings.health(session, now)),
        sources=papers.sources_of(session, carried),
    )


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
                letters.GoodbyeWords(subscribe_url=house.page("/"), product=product, postal_address=postal)
            )
        case Kind.WELCOME:
            return letters.welcome(
                letters.WelcomeWords(
                    address=subscriber.email,
                    frequency=subscriber.frequency,
                    clock=Clock(subscriber.send_hour, subscriber.timezone),
                    keywords=tuple(each.written for each in desk.keywords.get(claimed.subscriber_id, ())),
                    preferences_url=house.link(Purpose.PREFERENCES, subscriber.nonce, issued),
                    unsubscribe_url=house.link(Purpose.UNSUBSCRIBE, subscriber.nonce, issued),
                    product=product,
                    postal_address=postal,
                )
            )
    return letters.digest(digest_words(house, desk, claimed, subscriber))


def digest_words(house: House, desk: Desk, claimed: Claimed, subscriber: Subscriber) -> DigestWords:
    """What the digest that a delivery carries has to say."""
    saved = desk.keywords.get(claimed.subscriber_id, ())
    queries = [parse(each.canonical) for each in saved]
    day = date.fromisoformat(claimed.edition)
    issued, nonce = claimed.created_at, subscriber.nonce
    return DigestWords(
        product=house.product,
        day=day,
        frequency=subscriber.frequency,
        clock=Clock(subscriber.send_hour, subscriber.timezone),
        address=subscriber.email,
        since=(subscriber.confirmed_at or issued).astimezone(ZoneInfo(subscriber.timezone)).date(),
        keywords=tuple(each.written for each in saved),
        papers=tuple(
            letter_paper(
                desk.papers[number],
                desk.list_days.get(number, day),
                queries,
                issued,
                subscriber.frequency,
                desk.sources.get(number, ()),
            )
            for number in claimed.papers
            if number in desk.papers
        ),
        left_out=len(claimed.left_out),
        left_out_counts=left_out_counts(desk, claimed, queries),
        notices=desk.notices,
        links=Links(
            view=house.link(Purpose.VIEW, str(claimed.id), issued),
            preferences=house.link(Purpose.PREFERENCES, nonce, issued),
            unsubscribe=house.link(Purpose.UNSUBSCRIBE, nonce, issued),
        ),
        postal_address=house.settings.postal_address,
    )


def left_out_counts(desk: Desk, claimed: Claimed, queries: Sequence[Query]) -> tuple[int, ...]:
    """How many of the papers that found no room each keyword brought: the letter counts them with the others."""
    left_out = [desk.papers[number] for number in claimed.left_out if number in desk.papers]
    if not left_out:
        return ()
    documents = [Document.of(paper, desk.sources.get(int(paper.id or 0), ())) for paper in left_out]
    return tuple(len(hits) for hits in Matcher(queries).match(documents))


def letter_paper(
    paper: Paper,
    listed_on: date,
    queries: Sequence[Query],
    written_at: datetime,
    frequency: str = "daily",
    sources: Sequence[str] = (),
) -> LetterPaper:
    """A paper as a letter shows it, with the words that matched."""
    why = explain(queries, Document.of(paper, sources)) if queries else Explanation((), ())
    matched = why.queries
    return LetterPaper(
        title=paper.title,
        title_spans=why.title,
        abstract=paper.abstract,
        abstract_spans=why.abstract,
        authors=tuple(paper.authors),
        organization=paper.organization,
        published_on=paper.published_on,
        listed_on=listed_on,
        late=is_late(listed_on, written_at.date(), frequency),
        upvotes=paper.upvotes,
        comments=paper.comments,
        url=paper.url,
        pdf_url=paper.pdf_url,
        discussion_url=paper.discussion_url,
        code_url=paper.code_url,
        code_stars=paper.code_stars,
        project_url=paper.project_url,
        where=tuple((number, why.where(number)) for number in matched),
        trending=not matched,
    )


def is_late(listed_on: date, written_on: date, frequency: str) -> bool:
    """Whether a paper should have been in an earlier letter: more list days have passed than fit the rhythm."""
    days = (listed_on + timedelta(days=n) for n in range(1, (written_on - listed_on).days + 1))
    between = sum(1 for day in days if day.weekday() < SATURDAY)
    return between > (5 if frequency == "weekly" else 2)
