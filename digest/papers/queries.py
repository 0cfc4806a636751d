"""Queries for papers and listings."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, and_, bindparam, func, or_, union
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database.models import Listing, Paper, SourceFetch
from digest.identifiers import PaperKind
from digest.papers.events import is_retracted

# The row that stands for a paper: itself, unless it is merged into another one.
STANDING_ID = func.coalesce(col(Paper.merged_into), col(Paper.id))
SECOND_TEXT_REQUEST = timedelta(days=14)  # after a paper was first seen
CUT_MARKS = ("…", "...")  # at the end of an abstract that a feed has cut
CHUNK_SIZE = 1000  # parameters in one statement
T = TypeVar("T")
# Statements of every preview, built once: to build them takes longer than to run them. `ids`: a chunk of ids.
_IDS: BindParameter[Sequence[int]] = bindparam("ids", expanding=True)
_PAPERS = select(Paper).where(col(Paper.id).in_(_IDS))
_SOURCES: CompoundSelect[Any] = union(  # of papers, and of those that are merged into them
    select(col(Listing.paper_id), col(Listing.source)).where(col(Listing.paper_id).in_(_IDS)),
    select(col(Paper.merged_into), col(Listing.source))
    .join(Listing, col(Listing.paper_id) == Paper.id)
    .where(col(Paper.merged_into).in_(_IDS)),
)
_FINGERPRINT = select(func.max(col(Listing.id)), select(func.max(col(SourceFetch.id))).scalar_subquery())


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """Split values into lists that fit into one statement."""
    ordered = list(values)
    for start in range(0, len(ordered), CHUNK_SIZE):
        yield ordered[start : start + CHUNK_SIZE]


def is_shown() -> tuple[ColumnElement[bool], ...]:
    """Build the conditions that a row is a paper of its own, or an editorial: no notice, not retracted, not merged."""
    kinds = (PaperKind.PAPER, PaperKind.EDITORIAL)
    return col(Paper.merged_into).is_(None), col(Paper.kind).in_(kinds), ~is_retracted()


def papers_on_day(session: Session, day: date) -> list[Paper]:
    """Return the papers that any source lists on `day`: the most upvoted first, then in the order of the lists."""
    return papers_on_days(session, [day])


def recent_papers(session: Session, days: int = 1, limit: int | None = None) -> list[Paper]:
    """Return the papers of the last `days` list days, the most upvoted first."""
    return papers_on_days(session, recent_list_days(session, days))[:limit]


def papers_on_days(session: Session, days: Collection[date]) -> list[Paper]:
    """Return the papers that any source lists on `days`, each once, in the same order as those of one day."""
    ranks = (
        select(STANDING_ID.label("paper_id"), func.min(Listing.rank).label("rank"))
        .join(Listing, col(Listing.paper_id) == col(Paper.id))
        .where(col(Listing.list_day).in_(days))
        .group_by(STANDING_ID)
        .subquery()
    )
    papers = select(Paper).join(ranks, ranks.c.paper_id == Paper.id).where(*is_shown())
    papers = papers.order_by(func.coalesce(Paper.upvotes, -1).desc(), ranks.c.rank, col(Paper.id))
    return list(session.exec(papers).all())


def recent_list_days(session: Session, limit: int) -> Sequence[date]:
    """Return the last list days, latest first."""
    days = select(col(Listing.list_day)).distinct().order_by(col(Listing.list_day).desc()).limit(limit)
    return session.exec(days).all()


def first_list_days(session: Session, paper_ids: Collection[int]) -> dict[int, date]:
    """Return the day on which each of these papers was first listed."""
    days: dict[int, date] = {}
    for chunk in chunks(paper_ids):
        first = select(Listing.paper_id, func.min(col(Listing.list_day))).where(col(Listing.paper_id).in_(chunk))
        days.update(session.exec(first.group_by(col(Listing.paper_id))).all())
    return days


def latest_list_day(session: Session, until: date | None = None) -> date | None:
    """Return the latest list day, perhaps not after `until`; None when nothing is listed."""
    latest = select(func.max(col(Listing.list_day)))
    return session.exec(latest.where(col(Listing.list_day) <= until) if until else latest).one()


def recent_paper_ids(session: Session, days: int = 30) -> list[int]:
    """Return the ids of the papers on the last `days` list days, in the order in which they came."""
    is_recent = col(Listing.list_day).in_(recent_list_days(session, days))
    ids = select(STANDING_ID).join(Listing, col(Listing.paper_id) == Paper.id).where(is_recent).distinct()
    return sorted(session.exec(ids).all())


def popularity_columns(session: Session, ids: Collection[int]) -> Iterator[tuple[int, int, int | None, date | None]]:
    """Yield id, first listing and upvotes of these papers, and the day of that listing."""
    first_listing = col(Listing.id) == col(Paper.first_listing_id)
    for chunk in chunks(ids):
        columns = select(col(Paper.id), Paper.first_listing_id, Paper.upvotes, col(Listing.list_day))
        rows = columns.join(Listing, first_listing, isouter=True).where(col(Paper.id).in_(chunk))
        yield from (
            (int(paper_id or 0), listing_id, upvotes, list_day)
            for paper_id, listing_id, upvotes, list_day in session.exec(rows)
        )


def papers_by_id(session: Session, ids: Collection[int]) -> dict[int, Paper]:
    """Load papers by their ids; unknown ids are left out."""
    papers: dict[int, Paper] = {}
    for chunk in chunks(set(ids)):
        papers |= {int(paper.id or 0): paper for paper in session.exec(_PAPERS, params={"ids": chunk})}
    return papers


def standing_papers(session: Session, rows: Iterable[Paper]) -> dict[int, Paper]:
    """Return, by the id of each row, the one that stands for its paper: itself, or what it is merged into."""
    papers = {int(row.id or 0): row for row in rows}
    standing = papers_by_id(session, {row.merged_into for row in papers.values() if row.merged_into})
    return {number: standing.get(row.merged_into or 0, row) for number, row in papers.items()}


def standing_paper(session: Session, paper_id: int) -> Paper | None:
    """Return the row that stands for one paper, None where it is not stored."""
    return standing_papers(session, papers_by_id(session, [paper_id]).values()).get(paper_id)


def sources_by_paper(session: Session, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Return the names of the sources that list each paper, or one that is merged into it."""
    sources: dict[int, set[str]] = {}
    for chunk in chunks(set(ids)):
        for paper_id, source in session.connection().execute(_SOURCES, {"ids": chunk}):
            sources.setdefault(paper_id, set()).add(source)
    return {paper_id: tuple(sorted(names)) for paper_id, names in sources.items()}


def papers_listed_after(session: Session, listing_id: int, limit: int | None = None) -> list[Paper]:
    """Return the papers and editorials first listed after `listing_id`, in the order in which they came."""
    first_listing_id = col(Paper.first_listing_id)
    later = select(Paper).where(first_listing_id > listing_id, *is_shown())
    return list(session.exec(later.order_by(first_listing_id).limit(limit)).all())


def trending_papers_after(session: Session, listing_id: int) -> list[tuple[int, Paper]]:
    """Return the papers that Hugging Face listed for the first time after `listing_id`, each with that listing's id.

    The most upvoted come first, by the upvotes of the last fetch.
    """
    first = (
        select(func.min(col(Listing.id)).label("id"), STANDING_ID.label("paper_id"))
        .join(Paper, col(Paper.id) == Listing.paper_id)
        .where(Listing.source == "huggingface", col(Listing.id) > listing_id, *_is_first_of_source(listing_id))
        .group_by(STANDING_ID)
        .subquery()
    )
    rows = select(first.c.id, Paper).join(first, first.c.paper_id == Paper.id).where(*is_shown())
    rows = rows.where(Paper.kind == PaperKind.PAPER).order_by(func.coalesce(Paper.upvotes, -1).desc(), first.c.id)
    return [(int(first_id), paper) for first_id, paper in session.exec(rows).all()]


def papers_listed_late(session: Session, sources: Collection[str], listing_id: int, until: int) -> list[Paper]:
    """Return papers that are older than listing `listing_id` and that one of these sources listed only after it."""
    standing = aliased(Paper)
    late = (
        select(standing.id)
        .select_from(Listing)
        .join(Paper, col(Paper.id) == Listing.paper_id)
        .join(standing, col(standing.id) == STANDING_ID)
        .where(col(Listing.source).in_(sources), col(Listing.id).between(listing_id + 1, until))
        .where(col(standing.first_listing_id).between(1, listing_id), *_is_first_of_source(listing_id))
    )
    papers = select(Paper).where(col(Paper.id).in_(late), *is_shown()).order_by(col(Paper.id))
    return list(session.exec(papers).all())


def _is_first_of_source(listing_id: int) -> tuple[ColumnElement[bool], ...]:
    """Build the conditions that the source of a listing had not listed its paper up to another listing."""
    earlier, merged = aliased(Listing), aliased(Paper)
    is_earlier = select(earlier.id).where(col(earlier.source) == Listing.source, col(earlier.id) <= listing_id)
    is_merged = is_earlier.join(merged, col(merged.id) == earlier.paper_id)
    return (
        ~is_earlier.where(col(earlier.paper_id) == STANDING_ID).exists(),
        ~is_merged.where(col(merged.merged_into) == STANDING_ID).exists(),
    )


def source_numbers(
    session: Session, paper_ids: Collection[int], sources: Collection[str], until: int
) -> Iterator[tuple[int, str, int]]:
    """Yield papers, the sources among these that list them, and the id of its first listing up to `until`."""
    is_wanted = col(Listing.source).in_(sources), col(Listing.id) <= until
    for chunk in chunks(set(paper_ids)):
        for is_any_of in (col(Paper.id).in_(chunk), col(Paper.merged_into).in_(chunk)):
            numbers = select(STANDING_ID, col(Listing.source), func.min(Listing.id))
            numbers = numbers.join(Paper, col(Paper.id) == Listing.paper_id).where(is_any_of, *is_wanted)
            yield from session.exec(numbers.group_by(STANDING_ID, col(Listing.source)))  # type: ignore[misc]


def latest_listing_id(session: Session) -> int:
    """Return the highest id of a listing, 0 when there is none."""
    return session.exec(select(func.max(col(Listing.id)))).one() or 0


def first_listing_id_of_latest_day(session: Session) -> int:
    """Return the lowest id of a listing of the latest list day, 0 when there is none."""
    latest = select(func.max(col(Listing.list_day))).scalar_subquery()
    return session.exec(select(func.min(col(Listing.id))).where(col(Listing.list_day) == latest)).one() or 0


def arxiv_ids_without_text(session: Session, limit: int = 100) -> list[str]:
    """Return the arXiv ids of papers whose text was never requested from arXiv, the latest first."""
    papers = select(Paper.arxiv_id).where(
        Paper.text_source != "arxiv", col(Paper.arxiv_id).is_not(None), col(Paper.text_fetched_at).is_(None)
    )
    return [arxiv_id for arxiv_id in session.exec(papers.order_by(col(Paper.id).desc()).limit(limit)).all() if arxiv_id]


def dois_without_text(session: Session, source: str, now: datetime, limit: int = 100) -> list[str]:
    """Return the DOIs of papers without abstract, or with a cut one, that `source` is asked about, the latest first.

    It is asked when a paper is new, unless it has listed the paper itself, and once more after two weeks: publishers
    register abstracts late.
    """
    abstract, requested_at, seen_at = col(Paper.abstract), col(Paper.text_fetched_at), col(Paper.first_seen_at)
    is_lacking = or_(abstract == "", *(abstract.like(f"%{end}") for end in CUT_MARKS))
    second_from = now - SECOND_TEXT_REQUEST
    is_first = and_(requested_at.is_(None), col(Paper.text_source) != source, seen_at > second_from)
    is_second = and_(
        seen_at.between(now - 2 * SECOND_TEXT_REQUEST, second_from),
        or_(requested_at.is_(None), requested_at < second_from),
    )
    papers = select(Paper.doi).where(col(Paper.doi).is_not(None), col(Paper.arxiv_id).is_(None), is_lacking)
    papers = papers.where(Paper.kind == PaperKind.PAPER, *is_shown(), or_(is_first, is_second))
    return [doi for doi in session.exec(papers.order_by(col(Paper.id).desc()).limit(limit)).all() if doi]


def store_fingerprint(session: Session) -> tuple[int, int]:
    """Return the ids of the last listing and of the last fetch: what caches derived from papers depend on."""
    listing_id, fetch_id = session.connection().execute(_FINGERPRINT).one()
    return listing_id or 0, fetch_id or 0
