"""The letter that some keywords would get: no subscriber, nothing queued, nothing sent. The same code chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlmodel import Session

from digest import papers
from digest.editions import Candidate, Edition, choose
from digest.house import House
from digest.letters import Clock, DigestWords, LetterPaper, Links
from digest.matching import Document, Matcher, Query, recall
from digest.models import Paper
from digest.planning import TOP_THREE
from digest.planning.pool import candidate, merge
from digest.recent import Asked, Recent
from digest.subscribers import Saved
from digest.writing import letter_paper, list_days


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be mailed from the papers looked at. `counts` has one number a keyword."""

    papers: tuple[LetterPaper, ...]
    left_out: int
    considered: int
    counts: tuple[int, ...]
    day: date


def look(
    session: Session, saved: Sequence[Saved], found: Sequence[Paper], day: date, now: datetime, *, cap: int = 20
) -> Preview:
    """Choose among `found` as an edition would for a reader with these keywords (none: the trending papers)."""
    queries = [recall(each.canonical) for each in saved]
    sources = papers.sources_of(session, [int(each.id or 0) for each in found])
    documents = [Document.of(each, sources.get(int(each.id or 0), ())) for each in found]
    hits = Matcher(queries).match(documents) if queries else []
    rows = [[candidate(found[hit.document], in_title=hit.in_title) for hit in row] for row in hits]
    never = {each.paper for query, row in zip(queries, rows, strict=False) if query.exclude for each in row}
    wanted = [
        [each for each in row if each.paper not in never]
        for query, row in zip(queries, rows, strict=False)
        if not query.exclude
    ]
    edition = _choose(wanted, [each for each in found if each.id not in never], cap)
    asked = Asked(edition.papers, len(edition.left_out), tuple(len(row) for row in rows), len(found))
    return _shown(session, queries, asked, {int(each.id or 0): each for each in found}, day, now)


def glance(
    session: Session, saved: Sequence[Saved], recent: Recent, day: date, now: datetime, *, cap: int = 20
) -> Preview:
    """As `look`, among the papers that are kept ready; they are brought up to date first."""
    queries = [recall(each.canonical) for each in saved]
    recent.refresh(session)
    asked = recent.ask(queries, cap)
    return _shown(session, queries, asked, papers.by_ids(session, asked.papers), day, now)


def _shown(
    session: Session, queries: Sequence[Query], asked: Asked, known: Mapping[int, Paper], day: date, now: datetime
) -> Preview:
    days = list_days(session, (known[number] for number in asked.papers))
    sources = papers.sources_of(session, asked.papers)
    written = min(now, datetime.combine(day, time.max, UTC))  # the letter of a past day has no late papers for today
    return Preview(
        papers=tuple(
            letter_paper(known[number], days.get(number, day), queries, written, sources=sources.get(number, ()))
            for number in asked.papers
        ),
        left_out=asked.left_out,
        considered=asked.considered,
        counts=asked.counts,
        day=day,
    )


def _choose(rows: Sequence[Sequence[Candidate]], found: Sequence[Paper], cap: int) -> Edition:
    if rows:
        return choose(merge(rows), cap=cap, top=TOP_THREE)
    return choose((), [candidate(paper) for paper in found if paper.upvotes is not None], cap=cap, top=cap)


def letter_words(house: House, saved: Sequence[Saved], seen: Preview) -> DigestWords:
    """A preview as the values of a digest; its links lead to the front page."""
    front = house.page("/")
    return DigestWords(
        product=house.product,
        day=seen.day,
        frequency="daily",
        clock=Clock(house.settings.send_hour, house.settings.default_timezone),
        address="you@example.org",
        since=seen.day,
        keywords=tuple(each.written for each in saved),
        papers=seen.papers,
        left_out=seen.left_out,
        links=Links(view=front, preferences=front, unsubscribe=front),
        postal_address=house.settings.postal_address,
    )
