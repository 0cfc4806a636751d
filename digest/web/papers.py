"""The Daily Papers page: what was listed on a day, the most upvoted first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest import db, papers
from digest.letters import say
from digest.models import Listing, Paper
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front

router = APIRouter()

PAGE = 50
LABELS = (
    ("Abstract", "url"),
    ("PDF", "pdf_url"),
    ("Discussion", "discussion_url"),
    ("Code", "code_url"),
    ("Project", "project_url"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as the page shows it. `links` are (label, address), each address once and each http or https."""

    paper: Paper
    links: tuple[tuple[str, str], ...]
    authors: str


@router.api_route("/papers", methods=LOOK)
def latest(at: At, page: Annotated[str, Query()] = "1") -> HTMLResponse:
    with db.reading(at.house.engine) as session:
        day = papers.latest_day(session)
        if day is None:
            return at.page("papers-none.html")
        return _day_page(at, session, day, page)


@router.api_route("/papers/{day}", methods=LOOK)
def of_day(at: At, day: str, page: Annotated[str, Query()] = "1") -> HTMLResponse:
    chosen = _date(day)
    if chosen is None:
        return error_page(
            at,
            404,
            title="That is no day",
            text="Write a day like 2026-01-31, or begin with the latest one.",
            links={"/papers": "The latest papers"},
        )
    with db.reading(at.house.engine) as session:
        return _day_page(at, session, chosen, page)


def _date(written: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", written):
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _day_page(at: Front, session: Session, day: date, page: str) -> HTMLResponse:
    found = papers.on_day(session, day)
    before, after = _neighbours(session, day)
    if not found:
        return _no_list(at, day, before, after)
    pages = -(-len(found) // PAGE)
    number = int(page) if re.fullmatch(r"[1-9][0-9]{0,5}", page) else 0
    if not 1 <= number <= pages:
        links = {f"/papers/{day}": f"The first page of {say.day(day)}"}
        return error_page(at, 404, text=f"The list of {say.day(day)} has {say.count(pages, 'page')}.", links=links)
    shown = found[(number - 1) * PAGE : number * PAGE]
    return at.page(
        "papers.html",
        day=day,
        entries=[_entry(paper) for paper in shown],
        unvoted=_first_unvoted(found, shown),
        total=len(found),
        first=(number - 1) * PAGE + 1,
        page=number,
        pages=pages,
        before=before,
        after=after,
    )


def _neighbours(session: Session, day: date) -> tuple[date | None, date | None]:
    """The list days before and after `day`."""
    listed = col(Listing.list_day)
    before = session.exec(select(func.max(listed)).where(listed < day)).one()
    return before, session.exec(select(func.min(listed)).where(listed > day)).one()


def _no_list(at: Front, day: date, before: date | None, after: date | None) -> HTMLResponse:
    near = {f"/papers/{each}": f"{say.day(each)} {each.year}" for each in (before, after) if each}
    return error_page(
        at,
        404,
        title=f"Nothing is listed for {say.day(day)} {day.year}",
        text="The nearest days with a list:" if near else "No list has been read yet. Come back in a while.",
        links=near or {"/": "To the front page"},
    )


def _first_unvoted(found: Sequence[Paper], shown: Sequence[Paper]) -> int | None:
    """Where on this page the papers without votes begin, when the list has both kinds."""
    if found[0].upvotes is None:
        return None
    return next((place for place, paper in enumerate(shown) if paper.upvotes is None), None)


def _entry(paper: Paper) -> Entry:
    links: dict[str, str] = {}
    for label, name in LABELS:
        if url := say.web_address(getattr(paper, name)):
            links.setdefault(url, label)
    names = ", ".join(say.cut(name, say.NAME) for name in paper.authors)
    return Entry(paper, tuple((label, url) for url, label in links.items()), names)
