"""What some keywords would bring: no subscriber, nothing queued, nothing sent. The same code chooses."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from digest import papers
from digest.database.models import Paper
from digest.matching import Hit, KeywordInput, Matcher, Query, parse_canonical
from digest.papers import Candidate, PaperSnapshot, build_documents, ranking_key, seat_queries
from digest.rendering import PaperView, highlight_matches

if TYPE_CHECKING:
    from digest.papers import RecentPapersIndex

CACHE_SIZE = 3_000  # papers, their highlighted forms and their cards, some 3 KB each


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
    about_only: bool = False,
) -> Preview:
    """Choose as an edition would for a subscriber with these keywords; without any: the trending papers.

    `newest_first`: those of the newest day before those of earlier ones. `about_only`: see `Preferences`.
    """
    return preview_many(
        session, [keywords], candidates, day, now, cap=cap, newest_first=newest_first, about_only=about_only
    )[0]


def preview_many(
    session: Session,
    keyword_lists: Sequence[Sequence[KeywordInput]],
    candidates: Sequence[Paper],
    day: date,
    now: datetime,
    *,
    cap: int,
    newest_first: bool = False,
    about_only: bool = False,
) -> list[Preview]:
    """Return a preview for each list of keywords; the papers are matched once for all."""
    queries = {
        canonical: parse_canonical(canonical)
        for canonical in dict.fromkeys(keyword.canonical for keywords in keyword_lists for keyword in keywords)
    }
    documents = build_documents(session, candidates)
    hits = dict(zip(queries, Matcher(list(queries.values())).match(documents) if queries else [], strict=True))
    by_id = {int(paper.id or 0): paper for paper in candidates}
    sources, days = papers.load_titled_sources(session, list(by_id)), papers.listed_days(session, candidates)
    rendered_at = _rendering_time(day, now)
    previews = []
    for keywords in keyword_lists:
        own_queries = [queries[keyword.canonical] for keyword in keywords]
        matched = [
            [_matched_candidate(candidates[hit.document], hit, number) for hit in hits[keyword.canonical]]
            for number, keyword in enumerate(keywords)
        ]
        ranked = _rank_papers(own_queries, matched, candidates, about_only=about_only)
        list_days = {candidate.paper_id: days.get(candidate.paper_id, day) for candidate in ranked}
        ranked, first_day = _order_by_edition(ranked, list_days, cap, newest_first=newest_first)
        paper_ids = [candidate.paper_id for candidate in ranked[:cap]]
        snapshots = [
            PaperSnapshot.from_row(
                by_id[paper_id],
                list_days[paper_id],
                sources.get(paper_id, {}),
            )
            for paper_id in paper_ids
        ]
        views = [
            highlight_matches(paper, own_queries, is_late=paper.is_late(rendered_at.date(), "daily"))
            for paper in snapshots
        ]
        previews.append(
            Preview(
                papers=tuple(views),
                paper_ids=tuple(paper_ids),
                omitted_count=0 if all(query.exclude for query in own_queries) else len(ranked) - len(paper_ids),
                considered_count=len(candidates),
                match_counts=tuple(len(row) for row in matched),
                day=day,
                first_day_count=len(first_day),
                first_day_match_counts=tuple(len({row.paper_id for row in rows} & first_day) for rows in matched),
            )
        )
    return previews


def _matched_candidate(paper: Paper, hit: Hit, query: int) -> Candidate:
    return Candidate.from_paper(paper, query_count=1, in_title=hit.in_title, is_about=hit.is_about, queries=(query,))


def _rank_papers(
    queries: Sequence[Query], matched: Sequence[Sequence[Candidate]], candidates: Sequence[Paper], *, about_only: bool
) -> list[Candidate]:
    """Rank papers, given what each query matches; without a query that brings papers, the trending ones."""
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
                is_about=candidate.is_about or (previous is not None and previous.is_about),
                queries=(*(previous.queries if previous else ()), *candidate.queries),
            )
    found = [candidate for candidate in by_id.values() if candidate.is_about or not about_only]
    if all(query.exclude for query in queries):
        found = [Candidate.from_paper(paper) for paper in candidates if paper.upvotes is not None]
    remaining = [candidate for candidate in found if candidate.paper_id not in excluded_ids]
    return sorted(remaining, key=ranking_key, reverse=True)


def _order_by_edition(
    ranked: list[Candidate], list_days: Mapping[int, date], cap: int, *, newest_first: bool
) -> tuple[list[Candidate], set[int]]:
    """Put the papers of an edition first, then the others. Returns the papers of the first day, too.

    With `newest_first`, the edition is that of the newest day, and what earlier days had comes behind it.
    """
    if newest_first:
        ranked = sorted(ranked, key=lambda candidate: list_days[candidate.paper_id], reverse=True)
    first_day = {number for number, listed in list_days.items() if listed == list_days[ranked[0].paper_id]}
    edition = [candidate for candidate in ranked if not newest_first or candidate.paper_id in first_day]
    seated, others = seat_queries(edition, cap)
    return [*seated, *others, *ranked[len(edition) :]], first_day


def preview_recent(
    session: Session,
    keywords: Sequence[KeywordInput],
    recent: "RecentPapersIndex",
    now: datetime,
    *,
    cap: int,
    newest_first: bool = False,
    about_only: bool = False,
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
            session,
            keywords,
            recent,
            day,
            now,
            cap=cap,
            is_current=True,
            newest_first=newest_first,
            about_only=about_only,
        )
    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    if not any(not query.exclude for query in queries):
        day = papers.latest_list_day(session)
        return preview(session, keywords, papers.papers_on_day(session, day), day, now, cap=cap) if day else None
    found = papers.find_recent_candidates(session, queries, recent.max_days)
    if found is None:
        return None
    chosen = preview(
        session, keywords, found.papers, found.day, now, cap=cap, newest_first=newest_first, about_only=about_only
    )
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
    about_only: bool = False,
) -> Preview:
    """Choose among the papers of the index. It is refreshed first, unless `is_current`.

    `newest_first`: those of the newest day before those of earlier ones. `about_only`: see `Preferences`.
    """
    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    if not is_current:
        recent.refresh(session)
    selection, cache = recent.select(queries, cap, newest_first=newest_first, about_only=about_only), recent.cache
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
