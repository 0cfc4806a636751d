"""The letter that some keywords would get: no subscriber, nothing queued, nothing sent. The same code chooses.

The first papers: what the latest list has for those who are welcomed, by the code that a preview is made with.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database.models import ClaimedDelivery, DeliveryKind, Paper, Subscriber
from digest.matching import KeywordInput, Matcher, Query, is_exclusion, parse_canonical
from digest.papers import (
    Candidate,
    PaperSelection,
    RecentPapersIndex,
    Selection,
    build_documents,
    choose_papers,
    latest_list_day,
    papers_on_day,
    sources_by_paper,
)
from digest.planning.carry_over import TRENDING_LIMIT
from digest.planning.new_papers import candidate_from_paper
from digest.rendering import (
    DigestContext,
    FirstPapers,
    PaperSnapshot,
    PaperView,
    PersonalLinks,
    SendTime,
    highlight_matches,
    is_late,
    listed_days,
    paper_view,
    snapshot,
)
from digest.subscribers import keywords_by_subscriber

CACHE_SIZE = 20_000  # papers and their marks that a glance keeps


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be mailed from the papers looked at. `counts` has one number a keyword, `numbers` one a paper."""

    papers: tuple[PaperView, ...]
    paper_ids: tuple[int, ...]
    omitted_count: int
    paper_count: int
    match_counts: tuple[int, ...]
    day: date


def preview(
    session: Session,
    keywords: Sequence[KeywordInput],
    candidates: Sequence[Paper],
    day: date,
    now: datetime,
    *,
    cap: int = 20,
) -> Preview:
    """Choose among `found` as an edition would for a reader with these keywords (none: the trending papers)."""
    return preview_many(session, [keywords], candidates, day, now, cap=cap)[0]


def preview_many(
    session: Session,
    keyword_lists: Sequence[Sequence[KeywordInput]],
    candidates: Sequence[Paper],
    day: date,
    now: datetime,
    *,
    cap: int,
) -> list[Preview]:
    """A preview for each of several readers: the papers are matched once for all their keywords."""
    sources = sources_by_paper(session, [int(each.id or 0) for each in candidates])
    texts = build_documents(session, candidates)
    queries = {
        text: parse_canonical(text)
        for text in dict.fromkeys(each.canonical for saved in keyword_lists for each in saved)
    }
    matched = Matcher(list(queries.values())).match(texts) if queries else []
    matches = dict(zip(queries, matched, strict=True))
    data = _PreviewData({int(each.id or 0): each for each in candidates}, sources, listed_days(session, candidates))
    previews = []
    for saved in keyword_lists:
        own = [queries[each.canonical] for each in saved]
        rows = [
            [candidate_from_paper(candidates[hit.document], in_title=hit.in_title) for hit in matches[each.canonical]]
            for each in saved
        ]
        previews.append(_build_preview(data, own, _select_papers(own, rows, candidates, cap), day, now))
    return previews


def preview_from_index(
    session: Session,
    keywords: Sequence[KeywordInput],
    recent: RecentPapersIndex,
    day: date,
    now: datetime,
    *,
    cap: int = 20,
    is_current: bool = False,
) -> Preview:
    """As `look`, among the papers that are kept ready; they are brought up to date first, unless they are `fresh`."""
    queries = [parse_canonical(each.canonical) for each in keywords]
    if not is_current:
        recent.refresh(session)
    selection, cache = recent.select(queries, cap), recent.cache
    if len(cache) > CACHE_SIZE:
        cache.clear()
    _load_snapshots(session, cache, selection.papers)
    rendered_at = _rendering_time(day, now)
    return Preview(
        papers=tuple(
            _highlighted_paper(cache, number, [(each, queries[each]) for each in matched], rendered_at)
            for number, matched in zip(selection.papers, selection.matched_queries, strict=True)
        ),
        paper_ids=selection.papers,
        omitted_count=selection.omitted_count,
        paper_count=selection.considered_count,
        match_counts=selection.match_counts,
        day=day,
    )


def _load_snapshots(session: Session, cache: dict[Hashable, Any], paper_ids: Sequence[int]) -> None:
    """Load those of these papers that were not shown yet."""
    papers_by_id = papers.papers_by_id(session, [number for number in paper_ids if number not in cache])
    if not papers_by_id:
        return
    sources, days = sources_by_paper(session, papers_by_id), listed_days(session, papers_by_id.values())
    for number, paper in papers_by_id.items():
        cache[number] = snapshot(paper, days.get(number, paper.first_seen_at.date()), sources.get(number, ()))


def _highlighted_paper(
    cache: dict[Hashable, Any], paper_id: int, matched_queries: Sequence[tuple[int, Query]], rendered_at: datetime
) -> PaperView:
    """A paper with its marks: worked out once for the queries that it matches, whatever else was asked for."""
    snapshot: PaperSnapshot = cache[paper_id]
    key = paper_id, rendered_at.date(), *(query.canonical for _, query in matched_queries)
    view: PaperView | None = cache.get(key)
    if view is None:
        late = is_late(snapshot.plain.listed_on, rendered_at.date(), "daily")
        view = cache[key] = highlight_matches(snapshot, [query for _, query in matched_queries], late=late)
    positions = [position for position, _ in matched_queries]
    return replace(
        view,
        title_spans=tuple(each._replace(query=positions[each.query]) for each in view.title_spans),
        abstract_spans=tuple(each._replace(query=positions[each.query]) for each in view.abstract_spans),
        where=tuple((positions[each], place) for each, place in view.where),
    )


def _rendering_time(day: date, now: datetime) -> datetime:
    return min(now, datetime.combine(day, time.max, UTC))  # the letter of a past day has no late papers for today


@dataclass(frozen=True, slots=True)
class _PreviewData:
    """Papers by number, who lists each, and since when."""

    papers: Mapping[int, Paper]
    sources: Mapping[int, tuple[str, ...]]
    days: Mapping[int, date]


def _build_preview(
    data: _PreviewData, queries: Sequence[Query], selection: Selection, day: date, now: datetime
) -> Preview:
    rendered_at = _rendering_time(day, now)
    return Preview(
        papers=tuple(
            paper_view(
                data.papers[number],
                data.days.get(number, day),
                queries,
                rendered_at,
                sources=data.sources.get(number, ()),
            )
            for number in selection.papers
        ),
        paper_ids=selection.papers,
        omitted_count=selection.omitted_count,
        paper_count=selection.considered_count,
        match_counts=selection.match_counts,
        day=day,
    )


def _select_papers(
    queries: Sequence[Query], rows: Sequence[Sequence[Candidate]], candidates: Sequence[Paper], cap: int
) -> Selection:
    excluded_ids = {each.paper_id for query, row in zip(queries, rows, strict=True) if query.exclude for each in row}
    allowed = [
        [each for each in row if each.paper_id not in excluded_ids]
        for query, row in zip(queries, rows, strict=True)
        if not query.exclude
    ]
    selection = _rank_matches(allowed, [each for each in candidates if each.id not in excluded_ids], cap)
    return Selection(selection.paper_ids, len(selection.omitted_ids), tuple(len(row) for row in rows), len(candidates))


def _rank_matches(rows: Sequence[Sequence[Candidate]], candidates: Sequence[Paper], cap: int) -> PaperSelection:
    if rows:
        return choose_papers(_merge_candidates(rows), cap=cap, trending_limit=TRENDING_LIMIT)
    return choose_papers(
        (),
        [candidate_from_paper(paper) for paper in candidates if paper.upvotes is not None],
        cap=cap,
        trending_limit=cap,
    )


def preview_context(ctx: AppContext, keywords: Sequence[KeywordInput], preview_: Preview) -> DigestContext:
    """A preview as the values of a digest; its links lead to the front page."""
    front_page = ctx.absolute_url("/")
    return DigestContext(
        product=ctx.product_name,
        day=preview_.day,
        frequency="daily",
        send_time=SendTime(ctx.settings.send_hour, ctx.settings.default_timezone),
        address="you@example.org",
        subscribed_on=preview_.day,
        keywords=tuple(each.written for each in keywords),
        papers=preview_.papers,
        left_out=preview_.omitted_count,
        links=PersonalLinks(view=front_page, preferences=front_page, unsubscribe=front_page),
        postal_address=ctx.settings.postal_address,
    )


def _merge_candidates(rows: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """One candidate a paper out of one row a keyword: how many keywords matched, and whether one did in the title."""
    merged: dict[int, Candidate] = {}
    for row in rows:
        for each in row:
            previous = merged.get(each.paper_id)
            merged[each.paper_id] = (
                replace(previous, query_count=previous.query_count + 1, in_title=previous.in_title or each.in_title)
                if previous
                else each
            )
    return list(merged.values())


FIRST_PAPERS_LIMIT = 5


def first_papers(session: Session, claimed: Sequence[ClaimedDelivery], now: datetime) -> dict[int, FirstPapers]:
    """For each reader whose welcome is among the letters of a batch; nothing while no list has been read."""
    subscriber_ids = [each.subscriber_id for each in claimed if each.kind == DeliveryKind.WELCOME]
    day = latest_list_day(session) if subscriber_ids else None
    if day is None:
        return {}
    candidates = papers_on_day(session, day)
    new_subscribers = session.exec(select(Subscriber).where(col(Subscriber.id).in_(subscriber_ids))).all()
    keywords = keywords_by_subscriber(session, subscriber_ids)
    # Those that bring papers first: their places are then those of the letter, which names the others apart.
    keyword_lists = [
        sorted(keywords.get(int(each.id or 0), ()), key=lambda one: is_exclusion(one.canonical))
        for each in new_subscribers
    ]
    previews = preview_many(session, keyword_lists, candidates, day, now, cap=FIRST_PAPERS_LIMIT)
    papers_by_id = {int(each.id or 0): each for each in candidates}
    return {
        int(each.id or 0): _to_first_papers(each, papers_by_id, looked)
        for each, looked in zip(new_subscribers, previews, strict=True)
    }


def _to_first_papers(subscriber: Subscriber, papers_by_id: dict[int, Paper], preview_: Preview) -> FirstPapers:
    # Nobody has planned for them yet, and something is new for them: the next tick does.
    has_news = any(
        papers_by_id[number].first_listing_id > subscriber.covered_listing_id for number in preview_.paper_ids
    )
    return FirstPapers(
        day=preview_.day,
        papers=preview_.papers,
        matched=len(preview_.papers) + preview_.omitted_count,
        follows=subscriber.last_due_day is None and has_news,
    )
