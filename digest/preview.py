"""The letter that some keywords would get: no subscriber, nothing queued, nothing sent. The same code chooses."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlmodel import Session

from digest import papers
from digest.documents import documents
from digest.editions import Candidate, Edition, choose
from digest.house import House
from digest.letters import Clock, DigestWords, LetterPaper, Links
from digest.letters.known import Stock, marked
from digest.matching import Matcher, Query, recall
from digest.models import Paper
from digest.planning.doors import TOP_THREE
from digest.planning.pool import candidate
from digest.recent import Asked, Recent
from digest.subscribers import Saved
from digest.writing import letter_paper, list_days
from digest.writing.stock import is_late, stock

KEPT = 20_000  # papers and their marks that a glance keeps


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be mailed from the papers looked at. `counts` has one number a keyword, `numbers` one a paper."""

    papers: tuple[LetterPaper, ...]
    numbers: tuple[int, ...]
    left_out: int
    considered: int
    counts: tuple[int, ...]
    day: date


def look(
    session: Session, saved: Sequence[Saved], found: Sequence[Paper], day: date, now: datetime, *, cap: int = 20
) -> Preview:
    """Choose among `found` as an edition would for a reader with these keywords (none: the trending papers)."""
    return look_for_all(session, [saved], found, day, now, cap=cap)[0]


def look_for_all(
    session: Session, asked: Sequence[Sequence[Saved]], found: Sequence[Paper], day: date, now: datetime, *, cap: int
) -> list[Preview]:
    """A preview for each of several readers: the papers are matched once for all their keywords."""
    sources = papers.sources_of(session, [int(each.id or 0) for each in found])
    texts = documents(session, found)
    queries = {text: recall(text) for text in dict.fromkeys(each.canonical for saved in asked for each in saved)}
    matched = Matcher(list(queries.values())).match(texts) if queries else []
    hits = dict(zip(queries, matched, strict=True))
    shelf = _Shelf({int(each.id or 0): each for each in found}, sources, list_days(session, found))
    previews = []
    for saved in asked:
        own = [queries[each.canonical] for each in saved]
        rows = [
            [candidate(found[hit.document], in_title=hit.in_title) for hit in hits[each.canonical]] for each in saved
        ]
        previews.append(_shown(shelf, own, _ask(own, rows, found, cap), day, now))
    return previews


def glance(
    session: Session,
    saved: Sequence[Saved],
    recent: Recent,
    day: date,
    now: datetime,
    *,
    cap: int = 20,
    fresh: bool = False,
) -> Preview:
    """As `look`, among the papers that are kept ready; they are brought up to date first, unless they are `fresh`."""
    queries = [recall(each.canonical) for each in saved]
    if not fresh:
        recent.refresh(session)
    asked, kept = recent.ask(queries, cap), recent.kept
    if len(kept) > KEPT:
        kept.clear()
    _stock_up(session, kept, asked.papers)
    written = _written(day, now)
    return Preview(
        papers=tuple(
            _marked(kept, number, [(each, queries[each]) for each in matched], written)
            for number, matched in zip(asked.papers, asked.matched, strict=True)
        ),
        numbers=asked.papers,
        left_out=asked.left_out,
        considered=asked.considered,
        counts=asked.counts,
        day=day,
    )


def _stock_up(session: Session, kept: dict[Hashable, Any], numbers: Sequence[int]) -> None:
    """Load those of these papers that were not shown yet."""
    known = papers.by_ids(session, [number for number in numbers if number not in kept])
    if not known:
        return
    sources, days = papers.sources_of(session, known), list_days(session, known.values())
    for number, paper in known.items():
        kept[number] = stock(paper, days.get(number, paper.first_seen_at.date()), sources.get(number, ()))


def _marked(
    kept: dict[Hashable, Any], number: int, asked: Sequence[tuple[int, Query]], written: datetime
) -> LetterPaper:
    """A paper with its marks: worked out once for the queries that it matches, whatever else was asked for."""
    plain: Stock = kept[number]
    key = number, written.date(), *(query.canonical for _, query in asked)
    shown: LetterPaper | None = kept.get(key)
    if shown is None:
        late = is_late(plain.plain.listed_on, written.date(), "daily")
        shown = kept[key] = marked(plain, [query for _, query in asked], late=late)
    own = [position for position, _ in asked]
    return replace(
        shown,
        title_spans=tuple(each._replace(query=own[each.query]) for each in shown.title_spans),
        abstract_spans=tuple(each._replace(query=own[each.query]) for each in shown.abstract_spans),
        where=tuple((own[each], place) for each, place in shown.where),
    )


def _written(day: date, now: datetime) -> datetime:
    return min(now, datetime.combine(day, time.max, UTC))  # the letter of a past day has no late papers for today


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Papers by number, who lists each, and since when."""

    papers: Mapping[int, Paper]
    sources: Mapping[int, tuple[str, ...]]
    days: Mapping[int, date]


def _shown(shelf: _Shelf, queries: Sequence[Query], asked: Asked, day: date, now: datetime) -> Preview:
    written = _written(day, now)
    return Preview(
        papers=tuple(
            letter_paper(
                shelf.papers[number],
                shelf.days.get(number, day),
                queries,
                written,
                sources=shelf.sources.get(number, ()),
            )
            for number in asked.papers
        ),
        numbers=asked.papers,
        left_out=asked.left_out,
        considered=asked.considered,
        counts=asked.counts,
        day=day,
    )


def _ask(queries: Sequence[Query], rows: Sequence[Sequence[Candidate]], found: Sequence[Paper], cap: int) -> Asked:
    never = {each.paper for query, row in zip(queries, rows, strict=True) if query.exclude for each in row}
    wanted = [
        [each for each in row if each.paper not in never]
        for query, row in zip(queries, rows, strict=True)
        if not query.exclude
    ]
    edition = _choose(wanted, [each for each in found if each.id not in never], cap)
    return Asked(edition.papers, len(edition.left_out), tuple(len(row) for row in rows), len(found))


def _choose(rows: Sequence[Sequence[Candidate]], found: Sequence[Paper], cap: int) -> Edition:
    if rows:
        return choose(_merge(rows), cap=cap, top=TOP_THREE)
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


def _merge(rows: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """One candidate a paper out of one row a keyword: how many keywords matched, and whether one did in the title."""
    merged: dict[int, Candidate] = {}
    for row in rows:
        for each in row:
            seen = merged.get(each.paper)
            merged[each.paper] = (
                replace(seen, queries=seen.queries + 1, in_title=seen.in_title or each.in_title) if seen else each
            )
    return list(merged.values())
