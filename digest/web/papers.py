"""The Daily Papers page: what was listed on a day, in a week or a month, what trends, and what a query finds."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import func
from sqlmodel import Session, col, select

from digest import db, papers
from digest.letters import say
from digest.matching import describe
from digest.models import Listing, Paper
from digest.web import entries, searching
from digest.web.entries import PAGE, entry
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front

router = APIRouter()
Given = Annotated[str, Query()]


@router.api_route("/papers", methods=LOOK)
def latest(
    at: At, q: Given = "", view: Given = "", way: Annotated[str, Query(alias="at")] = "", page: Given = "1"
) -> HTMLResponse:
    """With `q` what it finds, with `view` the last week, month or what trends; else the latest day."""
    if q.strip():
        return _results(at, q, way)
    with db.reading(at.house.engine) as session:
        day = papers.latest_day(session)
        if day is None:
            return at.page("papers-none.html")
        if view in entries.VIEWS:
            return _view(at, session, view, day, page)
        return _day_page(at, session, day, page)


def _results(at: Front, written: str, way: str) -> HTMLResponse:
    asked, places = searching.read(at, written), searching.places(way)
    if asked.query is None:
        return at.page("papers-search.html", status=422, asked=asked, entries=())
    if places is None:
        return error_page(at, 404, links={f"/papers?{searching.onward(written, [])}": "The first page of this search"})
    found = searching.found(at, asked.query, places)
    with db.reading(at.house.engine) as session:
        shown = entries.marked(session, found.papers, asked.query)
    before = searching.onward(asked.written, places[:-1]) if places else ""
    after = searching.onward(asked.written, [*places, found.onward]) if found.onward else ""
    return at.page(
        "papers-search.html",
        asked=asked,
        meaning=describe(asked.query),
        entries=shown,
        found=found,
        before=before,
        after=after,
        this=searching.onward(asked.written, places),
        first=searching.onward(asked.written, []),
    )


def _view(at: Front, session: Session, name: str, day: date, page: str) -> HTMLResponse:
    number = entries.page_of(page)
    shown = entries.view(session, name, day, number) if number else ()
    if not shown and number != 1:
        return error_page(at, 404, links={f"/papers?view={name}": "The first page"})
    return at.page(
        "papers-view.html",
        view=name,
        day=day,
        days=entries.VIEWS[name],
        entries=[entry(paper) for paper in shown[:PAGE]],
        first=(number - 1) * PAGE + 1,
        page=number,
        more=len(shown) > PAGE and number < entries.MOST_PAGES,
    )


@router.api_route("/papers/{day}", methods=LOOK)
def of_day(at: At, day: str, page: Given = "1") -> HTMLResponse:
    chosen = entries.day_of(day)
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


def _day_page(at: Front, session: Session, day: date, page: str) -> HTMLResponse:
    found = papers.on_day(session, day)
    before, after = _neighbours(session, day)
    if not found:
        return _no_list(at, day, before, after)
    pages = -(-len(found) // PAGE)
    number = entries.page_of(page, pages)
    if not number:
        links = {f"/papers/{day}": f"The first page of {say.day(day)}"}
        return error_page(at, 404, text=f"The list of {say.day(day)} has {say.count(pages, 'page')}.", links=links)
    shown = found[(number - 1) * PAGE : number * PAGE]
    return at.page(
        "papers.html",
        day=day,
        entries=[entry(paper) for paper in shown],
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
