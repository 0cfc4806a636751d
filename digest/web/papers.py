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
from digest.web.entries import PAPERS_PER_PAGE, paper_entry
from digest.web.errors import error_page
from digest.web.front import SAFE_METHODS, WebContext, WebDep

router = APIRouter()
TextParameter = Annotated[str, Query()]


@router.api_route("/papers", methods=SAFE_METHODS)
def papers_page(
    web: WebDep,
    q: TextParameter = "",
    view: TextParameter = "",
    way: Annotated[str, Query(alias="at")] = "",
    page: TextParameter = "1",
) -> HTMLResponse:
    """With `q` what it finds, with `view` the last week, month or what trends; else the latest day."""
    if q.strip():
        return _search_page(web, q, way)
    with db.read_session(web.ctx.engine) as session:
        day = papers.latest_list_day(session)
        if day is None:
            return web.render("papers-none.html")
        if view in entries.VIEW_DAYS:
            return _view_page(web, session, view, day, page)
        return _day_page(web, session, day, page)


def _search_page(web: WebContext, text: str, trail: str) -> HTMLResponse:
    asked, places = searching.parse_search(web, text), searching.parse_trail(trail)
    if asked.query is None:
        return web.render("papers-search.html", status=422, asked=asked, entries=())
    if places is None:
        return error_page(
            web, 404, links={f"/papers?{searching.search_parameters(text, [])}": "The first page of this search"}
        )
    found = searching.run_search(web, asked.query, places)
    with db.read_session(web.ctx.engine) as session:
        shown = entries.highlighted_entries(session, found.papers, asked.query)
    before = searching.search_parameters(asked.written, places[:-1]) if places else ""
    after = searching.search_parameters(asked.written, [*places, found.next_before_id]) if found.next_before_id else ""
    return web.render(
        "papers-search.html",
        asked=asked,
        meaning=describe(asked.query),
        entries=shown,
        found=found,
        before=before,
        after=after,
        this=searching.search_parameters(asked.written, places),
        first=searching.search_parameters(asked.written, []),
    )


def _view_page(web: WebContext, session: Session, name: str, day: date, page: str) -> HTMLResponse:
    number = entries.parse_page_number(page)
    shown = entries.papers_in_view(session, name, day, number) if number else ()
    if not shown and number != 1:
        return error_page(web, 404, links={f"/papers?view={name}": "The first page"})
    return web.render(
        "papers-view.html",
        view=name,
        day=day,
        days=entries.VIEW_DAYS[name],
        entries=[paper_entry(paper) for paper in shown[:PAPERS_PER_PAGE]],
        first=(number - 1) * PAPERS_PER_PAGE + 1,
        page=number,
        more=len(shown) > PAPERS_PER_PAGE and number < entries.MAX_PAGES,
    )


@router.api_route("/papers/{day}", methods=SAFE_METHODS)
def day_page(web: WebDep, day: str, page: TextParameter = "1") -> HTMLResponse:
    chosen = entries.parse_day(day)
    if chosen is None:
        return error_page(
            web,
            404,
            title="That is no day",
            text="Write a day like 2026-01-31, or begin with the latest one.",
            links={"/papers": "The latest papers"},
        )
    with db.read_session(web.ctx.engine) as session:
        return _day_page(web, session, chosen, page)


def _day_page(web: WebContext, session: Session, day: date, page: str) -> HTMLResponse:
    found = papers.papers_on_day(session, day)
    before, after = _adjacent_days(session, day)
    if not found:
        return _empty_day_page(web, day, before, after)
    pages = -(-len(found) // PAPERS_PER_PAGE)
    number = entries.parse_page_number(page, pages)
    if not number:
        links = {f"/papers/{day}": f"The first page of {say.format_day(day)}"}
        return error_page(
            web, 404, text=f"The list of {say.format_day(day)} has {say.pluralize(pages, 'page')}.", links=links
        )
    shown = found[(number - 1) * PAPERS_PER_PAGE : number * PAPERS_PER_PAGE]
    return web.render(
        "papers.html",
        day=day,
        entries=[paper_entry(paper) for paper in shown],
        unvoted=_first_without_upvotes(found, shown),
        total=len(found),
        first=(number - 1) * PAPERS_PER_PAGE + 1,
        page=number,
        pages=pages,
        before=before,
        after=after,
    )


def _adjacent_days(session: Session, day: date) -> tuple[date | None, date | None]:
    """The list days before and after `day`."""
    listed = col(Listing.list_day)
    before = session.exec(select(func.max(listed)).where(listed < day)).one()
    return before, session.exec(select(func.min(listed)).where(listed > day)).one()


def _empty_day_page(web: WebContext, day: date, previous_day: date | None, next_day: date | None) -> HTMLResponse:
    near = {f"/papers/{each}": f"{say.format_day(each)} {each.year}" for each in (previous_day, next_day) if each}
    return error_page(
        web,
        404,
        title=f"Nothing is listed for {say.format_day(day)} {day.year}",
        text="The nearest days with a list:" if near else "No list has been read yet. Come back in a while.",
        links=near or {"/": "To the front page"},
    )


def _first_without_upvotes(papers: Sequence[Paper], shown: Sequence[Paper]) -> int | None:
    """Where on this page the papers without votes begin, when the list has both kinds."""
    if papers[0].upvotes is None:
        return None
    return next((place for place, paper in enumerate(shown) if paper.upvotes is None), None)
