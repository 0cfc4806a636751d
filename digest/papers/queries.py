"""Papers as pages and letters ask for them."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import TypeVar

from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest.database.models import Listing, Paper

CHUNK_SIZE = 1000  # values in one statement


T = TypeVar("T")


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """The values in lists that one statement can carry."""
    ordered = list(values)
    for start in range(0, len(ordered), CHUNK_SIZE):
        yield ordered[start : start + CHUNK_SIZE]


def papers_on_day(session: Session, day: date) -> list[Paper]:
    """What any source lists on `day`: the most upvoted first, then in the order of the lists."""
    return _papers_by_upvotes(session, [day])


def recent_papers(session: Session, days: int = 1, limit: int | None = None) -> list[Paper]:
    """The papers of the last `days` list days, the most upvoted first, at most `limit`."""
    found = session.exec(
        select(col(Listing.list_day)).distinct().order_by(col(Listing.list_day).desc()).limit(days)
    ).all()
    return _papers_by_upvotes(session, found)[:limit]


def list_days(session: Session, limit: int = 30) -> list[tuple[date, int]]:
    """The last list days and how many papers each has, latest first."""
    count = func.count(func.distinct(col(Listing.paper_id)))
    latest = select(col(Listing.list_day), count).group_by(col(Listing.list_day)).order_by(col(Listing.list_day).desc())
    return list(session.exec(latest.limit(limit)).all())


def latest_list_day(session: Session) -> date | None:
    return session.exec(select(func.max(col(Listing.list_day)))).one()


def recent_paper_ids(session: Session, days: int = 30) -> list[int]:
    """The numbers of the papers on the last `days` list days, in the order in which they came."""
    last = select(col(Listing.list_day)).distinct().order_by(col(Listing.list_day).desc()).limit(days)
    lately = col(Listing.list_day).in_(session.exec(last).all())
    found = select(Listing.paper_id).where(lately).distinct().order_by(col(Listing.paper_id))
    return list(session.exec(found).all())


def papers_by_id(session: Session, ids: Collection[int]) -> dict[int, Paper]:
    found: dict[int, Paper] = {}
    for part in chunks(set(ids)):
        found |= {int(paper.id or 0): paper for paper in session.exec(select(Paper).where(col(Paper.id).in_(part)))}
    return found


def sources_by_paper(session: Session, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Who lists each of these papers."""
    found: dict[int, tuple[str, ...]] = {}
    for part in chunks(set(ids)):
        rows = select(Listing.paper_id, Listing.source).where(col(Listing.paper_id).in_(part)).distinct()
        for number, source in session.exec(rows.order_by(col(Listing.paper_id), col(Listing.source))):
            found[number] = (*found.get(number, ()), source)
    return found


def papers_listed_after(session: Session, listing_id: int, limit: int | None = None) -> list[Paper]:
    """Papers whose first listing has a number above `number`, in the order in which they came, at most `limit`."""
    later = (
        select(Paper).where(col(Paper.first_listing_id) > listing_id).order_by(col(Paper.first_listing_id)).limit(limit)
    )
    return list(session.exec(later).all())


def trending_papers_after(session: Session, listing_id: int) -> list[tuple[int, Paper]]:
    """Papers that Hugging Face listed for the first time after listing `number`, with the number of that listing.

    The most upvoted first. Upvotes are those of the last reading.
    """
    earlier = aliased(Listing)
    first = (
        select(func.min(col(Listing.id)).label("number"), Listing.paper_id)
        .where(Listing.source == "huggingface", col(Listing.id) > listing_id)
        .where(
            ~select(earlier.id)
            .where(
                col(earlier.paper_id) == Listing.paper_id,
                col(earlier.source) == "huggingface",
                col(earlier.id) <= listing_id,
            )
            .exists()
        )
        .group_by(col(Listing.paper_id))
        .subquery()
    )
    found = select(first.c.number, Paper).join(first, first.c.paper_id == Paper.id)
    found = found.order_by(func.coalesce(Paper.upvotes, -1).desc(), first.c.number)
    return [(int(entered), paper) for entered, paper in session.exec(found).all()]


def latest_listing_id(session: Session) -> int:
    """The highest number of a listing, 0 when there is none."""
    return session.exec(select(func.max(col(Listing.id)))).one() or 0


def first_listing_id_of_latest_day(session: Session) -> int:
    """The lowest number of a listing of the latest list day, 0 when there is none."""
    latest = select(func.max(col(Listing.list_day))).scalar_subquery()
    return session.exec(select(func.min(col(Listing.id))).where(col(Listing.list_day) == latest)).one() or 0


def arxiv_ids_without_text(session: Session, limit: int = 100) -> list[str]:
    """The arXiv ids of papers whose text is not arXiv's and was never asked for there, the latest first."""
    lacking = select(Paper.arxiv_id).where(
        Paper.text_source != "arxiv", col(Paper.arxiv_id).is_not(None), col(Paper.text_fetched_at).is_(None)
    )
    return [name for name in session.exec(lacking.order_by(col(Paper.id).desc()).limit(limit)).all() if name]


def _papers_by_upvotes(session: Session, days: Collection[date]) -> list[Paper]:
    place = (
        select(Listing.paper_id, func.min(Listing.rank).label("rank"))
        .where(col(Listing.list_day).in_(days))
        .group_by(col(Listing.paper_id))
        .subquery()
    )
    found = select(Paper).join(place, place.c.paper_id == Paper.id)
    return list(
        session.exec(found.order_by(func.coalesce(Paper.upvotes, -1).desc(), place.c.rank, col(Paper.id))).all()
    )
