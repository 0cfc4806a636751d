"""Papers of a period of list days: filtered, sorted and counted, and the best of each day."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database.models import Listing, Paper
from digest.papers.queries import STANDING_ID, is_shown, papers_by_id


class PaperOrder(StrEnum):
    """Orders of a list of papers. Equals follow the order of the sources' lists."""

    UPVOTES = "upvotes"
    NEWEST = "newest"
    STARS = "stars"
    COMMENTS = "comments"


@dataclass(frozen=True, slots=True)
class PaperFilter:
    """Papers that any source, or `source` alone, lists from `first_day` to `last_day`, perhaps of one category only."""

    first_day: date
    last_day: date
    source: str = ""
    category: str = ""
    with_upvotes: bool = False


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What the papers of a period can be filtered by, with the number of papers of each."""

    sources: Mapping[str, int]
    categories: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DayPapers:
    """The best papers of a list day, and how many it has in all."""

    day: date
    papers: Sequence[Paper]
    total: int


def list_papers(
    session: Session, paper_filter: PaperFilter, order: PaperOrder, *, offset: int = 0, limit: int | None = None
) -> Sequence[Paper]:
    """Return papers that pass the filter, each once."""
    ranks = (
        select(STANDING_ID.label("paper_id"), func.min(Listing.rank).label("rank"))
        .join(Listing, col(Listing.paper_id) == col(Paper.id))
        .where(*_listing_conditions(paper_filter))
        .group_by(STANDING_ID)
        .subquery()
    )
    papers = select(Paper).join(ranks, ranks.c.paper_id == Paper.id).where(*_paper_conditions(paper_filter))
    return session.exec(papers.order_by(*order_columns(order, ranks.c.rank)).offset(offset).limit(limit)).all()


def count_papers(session: Session, paper_filter: PaperFilter) -> int:
    """Return how many papers pass the filter."""
    listed = _listed_ids(_listing_conditions(paper_filter))
    counted = select(func.count()).select_from(Paper).where(col(Paper.id).in_(listed), *_paper_conditions(paper_filter))
    return session.exec(counted).one()


def best_of_days(session: Session, paper_filter: PaperFilter, per_day: int) -> list[DayPapers]:
    """Return the list days of a period, latest first, each with its most upvoted papers; no paper stands twice."""
    order = [*order_columns(PaperOrder.UPVOTES, col(Listing.rank))]
    listed = aliased(Paper)
    ranked = (
        select(
            col(Listing.list_day),
            col(Paper.id).label("paper_id"),
            func.row_number().over(partition_by=col(Listing.list_day), order_by=order).label("position"),
        )
        .join(listed, col(listed.id) == Listing.paper_id)
        .join(Paper, col(Paper.id) == func.coalesce(col(listed.merged_into), col(listed.id)))
        .where(*_listing_conditions(paper_filter), *_paper_conditions(paper_filter))
        .subquery()
    )
    # Two or three sources may list a paper on one day, and another day may have it too.
    rows = sa.select(ranked.c.list_day, ranked.c.paper_id).where(ranked.c.position <= 3 * per_day)
    chosen: dict[date, list[int]] = {}
    seen: set[int] = set()
    for day, paper_id in session.execute(rows.order_by(ranked.c.list_day.desc(), ranked.c.position)):
        day_ids = chosen.setdefault(day, [])
        if len(day_ids) < per_day and paper_id not in seen:
            seen.add(paper_id)
            day_ids.append(paper_id)
    papers = papers_by_id(session, seen)
    totals = count_by_day(session, paper_filter)
    return [
        DayPapers(day, [papers[paper_id] for paper_id in ids if paper_id in papers], totals.get(day, len(ids)))
        for day, ids in chosen.items()
    ]


def count_by_day(session: Session, paper_filter: PaperFilter) -> dict[date, int]:
    """Return the number of papers of each list day of a period."""
    listed = aliased(Paper)
    counts = (
        select(col(Listing.list_day), func.count(func.distinct(Paper.id)))
        .join(listed, col(listed.id) == Listing.paper_id)
        .join(Paper, col(Paper.id) == func.coalesce(col(listed.merged_into), col(listed.id)))
        .where(*_listing_conditions(paper_filter), *_paper_conditions(paper_filter))
    )
    rows = session.exec(counts.group_by(col(Listing.list_day)))
    return {day: int(count) for day, count in rows}


def count_choices(session: Session, first_day: date, last_day: date) -> FilterChoices:
    """Return what the papers of a period can be filtered by."""
    conditions = _listing_conditions(PaperFilter(first_day, last_day))
    by_source = select(col(Listing.source), func.count(func.distinct(STANDING_ID)))
    by_source = by_source.join(Paper, col(Paper.id) == Listing.paper_id).where(*conditions)
    sources = {source: int(count) for source, count in session.exec(by_source.group_by(col(Listing.source)))}
    listed = _listed_ids(conditions)
    # Papers of one category have the same text in this column, so the store groups them before they are parsed.
    text = sa.cast(col(Paper.categories), sa.Text)
    rows = session.execute(sa.select(text, func.count()).where(col(Paper.id).in_(listed), *is_shown()).group_by(text))
    categories: Counter[str] = Counter()
    for stored, count in rows:
        for category in set(_parse_categories(stored)):
            categories[category] += int(count)
    return FilterChoices(dict(sorted(sources.items())), dict(sorted(categories.items())))


def neighbor_list_days(session: Session, first_day: date, last_day: date) -> tuple[date | None, date | None]:
    """Return the last list day before a period, and the first one after it."""
    list_day = col(Listing.list_day)
    before = session.exec(select(func.max(list_day)).where(list_day < first_day)).one()
    return before, session.exec(select(func.min(list_day)).where(list_day > last_day)).one()


def order_columns(order: PaperOrder, rank: Any) -> tuple[Any, ...]:
    """Return the columns to sort papers by; `rank` is their place in the lists of the sources."""
    if order == PaperOrder.NEWEST:
        # The first of 1970 for none, in place of NULLS LAST, which old versions of SQLite lack.
        return (func.coalesce(Paper.published_on, date(1970, 1, 1)).desc(), col(Paper.id).desc())
    column = {
        PaperOrder.UPVOTES: Paper.upvotes,
        PaperOrder.STARS: Paper.code_stars,
        PaperOrder.COMMENTS: Paper.comments,
    }[order]
    return (func.coalesce(column, -1).desc(), rank, col(Paper.id))


def _listing_conditions(paper_filter: PaperFilter) -> list[Any]:
    list_day = col(Listing.list_day)
    conditions: list[Any] = [list_day >= paper_filter.first_day, list_day <= paper_filter.last_day]
    return [*conditions, Listing.source == paper_filter.source] if paper_filter.source else conditions


def _listed_ids(conditions: list[Any]) -> Any:
    """Select the papers that are listed so, in place of each row the one that stands for it."""
    return select(STANDING_ID).join(Listing, col(Listing.paper_id) == Paper.id).where(*conditions).scalar_subquery()


def _paper_conditions(paper_filter: PaperFilter) -> list[Any]:
    conditions: list[Any] = [*is_shown()]
    if paper_filter.category:
        # A JSON array of texts on both stores; callers let no quotes or wildcards through.
        in_quotes = f'%"{paper_filter.category}"%'
        conditions.append(sa.cast(col(Paper.categories), sa.Text).like(in_quotes))
    if paper_filter.with_upvotes:
        conditions.append(col(Paper.upvotes) > 0)
    return conditions


def _parse_categories(stored: str | None) -> list[str]:
    try:
        values = json.loads(stored or "")
    except ValueError:  # SQLite stores what it is given
        return []
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
