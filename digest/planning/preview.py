"""What some keywords would bring: no subscriber, nothing queued, nothing sent. The same code chooses."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from digest import papers
from digest.config import source_title
from digest.database.models import Paper
from digest.matching import KeywordInput, Matcher, Query, parse_canonical
from digest.papers import Candidate, PaperSelection, PaperSnapshot, build_documents, choose_papers
from digest.rendering import PaperView, highlight_matches

if TYPE_CHECKING:
    from digest.papers import RecentPapersIndex

CACHE_SIZE = 20_000  # papers and their highlighted forms


@dataclass(frozen=True, slots=True)
class Preview:
    """Papers that would be mailed. `match_counts` has one number a keyword, `paper_ids` one a paper.

    They were chosen among `considered_count` papers, those of the last `days` list days where these were asked for.
    `first_day_count`, `first_day_match_counts`: how many of all these are of the list day of the first paper.
    """

    papers: tuple[PaperView, ...]
    paper_ids: tuple[int, ...]
    omitted_count: int
    considered_count: int
    match_counts: tuple[int, ...]
    day: date
    days: int = 1
    first_day_count: int = field(default=0, compare=False)
    first_day_match_counts: tuple[int, ...] = field(default=(), compare=False)


def preview(
    session: Session,
    keywords: Sequence[KeywordInput],
    candidates: Sequence[Paper],
    day: date,
    now: datetime,
    *,
    cap: int = 20,
    newest_first: bool = False,
) -> Preview:
    """Choose as an edition would for a subscriber with these keywords; without any: the trending papers.

    `newest_first`: those of the newest day before those of earlier ones.
    """
    return preview_many(session, [keywords], candidates, day, now, cap=cap, newest_first=newest_first)[0]


def preview_many(
    session: Session,
    keyword_lists: Sequence[Sequence[KeywordInput]],
    candidates: Sequence[Paper],
    day: date,
    now: datetime,
    *,
    cap: int,
    newest_first: bool = False,
) -> list[Preview]:
    """Return a preview for each list of keywords; the papers are matched once for all."""
    queries = {
        canonical: parse_canonical(canonical)
        for canonical in dict.fromkeys(keyword.canonical for keywords in keyword_lists for keyword in keywords)
    }
    documents = build_documents(session, candidates)
    matches = dict(zip(queries, Matcher(list(queries.values())).match(documents) if queries else [], strict=True))
    by_id = {int(paper.id or 0): paper for paper in candidates}
    sources, days = papers.sources_by_paper(session, list(by_id)), papers.listed_days(session, candidates)
    rendered_at = _rendering_time(day, now)
    previews = []
    for keywords in keyword_lists:
        own_queries = [queries[keyword.canonical] for keyword in keywords]
        matched = [
            [
                Candidate.from_paper(candidates[match.document], query_count=1, in_title=match.in_title)
                for match in matches[keyword.canonical]
            ]
            for keyword in keywords
        ]
        selection = _select_papers(own_queries, matched, candidates, cap)
        ranked = (*selection.paper_ids, *selection.omitted_ids)
        if newest_first:
            ranked = tuple(sorted(ranked, key=lambda paper_id: days.get(paper_id, day), reverse=True))
        first_day = {paper_id for paper_id in ranked if days.get(paper_id, day) == days.get(ranked[0], day)}
        snapshots = [
            PaperSnapshot.from_row(
                by_id[paper_id],
                days.get(paper_id, day),
                {name: source_title(name) for name in sources.get(paper_id, ())},
            )
            for paper_id in ranked[: len(selection.paper_ids)]
        ]
        views = [
            highlight_matches(paper, own_queries, is_late=paper.is_late(rendered_at.date(), "daily"))
            for paper in snapshots
        ]
        previews.append(
            Preview(
                papers=tuple(views),
                paper_ids=ranked[: len(selection.paper_ids)],
                omitted_count=len(selection.omitted_ids),
                considered_count=len(candidates),
                match_counts=tuple(len(row) for row in matched),
                day=day,
                first_day_count=len(first_day),
                first_day_match_counts=tuple(len({row.paper_id for row in rows} & first_day) for rows in matched),
            )
        )
    return previews


def _select_papers(
    queries: Sequence[Query], matched: Sequence[Sequence[Candidate]], papers_: Sequence[Paper], cap: int
) -> PaperSelection:
    """Choose among papers, given what each query matches."""
    rows = list(zip(queries, matched, strict=True))
    excluded_ids = {candidate.paper_id for query, row in rows if query.exclude for candidate in row}
    by_id: dict[int, Candidate] = {}
    for query, row in rows:
        for candidate in () if query.exclude else row:
            previous = by_id.get(candidate.paper_id)
            by_id[candidate.paper_id] = replace(
                candidate,
                query_count=1 + (previous.query_count if previous else 0),
                in_title=candidate.in_title or (previous is not None and previous.in_title),
            )
    if any(not query.exclude for query in queries):
        return choose_papers(
            [candidate for candidate in by_id.values() if candidate.paper_id not in excluded_ids], cap=cap
        )
    trending = [Candidate.from_paper(paper) for paper in papers_ if paper.upvotes is not None]
    return choose_papers((), [candidate for candidate in trending if candidate.paper_id not in excluded_ids], cap=cap)


def preview_recent(
    session: Session,
    keywords: Sequence[KeywordInput],
    recent: "RecentPapersIndex",
    now: datetime,
    *,
    cap: int,
    newest_first: bool = False,
) -> Preview | None:
    """Choose among the recent papers, None when there are none.

    The first refresh of the index takes seconds. Until it is done the full-text index of the store is asked, which
    may look at fewer days.
    """
    if recent.is_loaded:
        recent.refresh(session)
        day = recent.day
        if day is None:
            return None
        return preview_from_index(
            session, keywords, recent, day, now, cap=cap, is_current=True, newest_first=newest_first
        )
    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    if not any(not query.exclude for query in queries):
        day = papers.latest_list_day(session)
        return preview(session, keywords, papers.papers_on_day(session, day), day, now, cap=cap) if day else None
    found = papers.find_recent_candidates(session, queries, recent.max_days)
    if found is None:
        return None
    chosen = preview(session, keywords, found.papers, found.day, now, cap=cap, newest_first=newest_first)
    return replace(chosen, considered_count=found.considered_count, days=found.days)


def preview_from_index(
    session: Session,
    keywords: Sequence[KeywordInput],
    recent: "RecentPapersIndex",
    day: date,
    now: datetime,
    *,
    cap: int = 20,
    is_current: bool = False,
    newest_first: bool = False,
) -> Preview:
    """Choose among the papers of the index. It is refreshed first, unless `is_current`.

    `newest_first`: those of the newest day before those of earlier ones.
    """
    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    if not is_current:
        recent.refresh(session)
    selection, cache = recent.select(queries, cap, newest_first=newest_first), recent.cache
    if len(cache) > CACHE_SIZE:
        cache.clear()
    if missing := [paper_id for paper_id in selection.papers if paper_id not in cache]:
        cache.update((paper.id, paper) for paper in papers.load_snapshots(session, missing).values())
    rendered_at = _rendering_time(day, now)
    views = [
        _highlighted_paper(cache, paper_id, [(position, queries[position]) for position in matched], rendered_at)
        for paper_id, matched in zip(selection.papers, selection.matched_queries, strict=True)
    ]
    return Preview(
        papers=tuple(views),
        paper_ids=selection.papers,
        omitted_count=selection.omitted_count,
        considered_count=selection.considered_count,
        match_counts=selection.match_counts,
        day=day,
        days=recent.days,
        first_day_count=selection.first_day_count,
        first_day_match_counts=selection.first_day_match_counts,
    )


def _highlighted_paper(
    cache: dict[Hashable, Any], paper_id: int, matched_queries: Sequence[tuple[int, Query]], rendered_at: datetime
) -> PaperView:
    """Return a paper with its highlights, cached by the queries that match it, whatever else was asked for."""
    paper: PaperSnapshot = cache[paper_id]
    key = paper_id, rendered_at.date(), *(query.canonical for _, query in matched_queries)
    view: PaperView | None = cache.get(key)
    if view is None:
        is_late = paper.is_late(rendered_at.date(), "daily")
        view = cache[key] = highlight_matches(paper, [query for _, query in matched_queries], is_late=is_late)
    positions = [position for position, _ in matched_queries]
    return replace(
        view,
        title_spans=tuple(span._replace(query=positions[span.query]) for span in view.title_spans),
        abstract_spans=tuple(span._replace(query=positions[span.query]) for span in view.abstract_spans),
        matched_in=tuple((positions[query], place) for query, place in view.matched_in),
    )


def _rendering_time(day: date, now: datetime) -> datetime:
    return min(now, datetime.combine(day, time.max, UTC))  # in the digest of a past day nothing is late yet
