"""The Daily Papers page: what was listed on a day, in a week or a month, what trends, and what a query finds.

One paper alone, and papers to cite: /papers/17, /papers/17.bib, /papers/17.ris, /papers/2026-07-31.bib.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import func
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Listing, Paper
from digest.formatting import format_day, pluralize
from digest.matching import describe
from digest.papers import latest_list_day, papers_by_id, papers_on_day
from digest.web.citations import CitationFormat, citation_response, to_bibtex
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.pages.paper_entries import (
    MAX_PAGES,
    PAPERS_PER_PAGE,
    VIEW_DAYS,
    highlighted_entries,
    paper_entry,
    papers_in_view,
    parse_day,
    parse_page_number,
    parse_search,
    parse_trail,
    run_search,
    search_parameters,
)
from digest.web.thumbnails import THUMBNAIL_HEADERS, image_media_type

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
    with read_session(web.ctx.engine) as session:
        day = latest_list_day(session)
        if day is None:
            return web.render("papers-none.html")
        if view in VIEW_DAYS:
            return _view_page(web, session, view, day, page)
        return _day_page(web, session, day, page)


def _search_page(web: WebContext, text: str, trail: str) -> HTMLResponse:
    asked, places = parse_search(web, text), parse_trail(trail)
    if asked.query is None:
        return web.render("papers-search.html", status=422, asked=asked, entries=())
    if places is None:
        return error_page(web, 404, links={f"/papers?{search_parameters(text, [])}": "The first page of this search"})
    found = run_search(web, asked.query, places)
    with read_session(web.ctx.engine) as session:
        shown = highlighted_entries(session, found.papers, asked.query)
    before = search_parameters(asked.written, places[:-1]) if places else ""
    after = search_parameters(asked.written, [*places, found.next_before_id]) if found.next_before_id else ""
    return web.render(
        "papers-search.html",
        asked=asked,
        meaning=describe(asked.query),
        entries=shown,
        found=found,
        before=before,
        after=after,
        this=search_parameters(asked.written, places),
        first=search_parameters(asked.written, []),
    )


def _view_page(web: WebContext, session: Session, name: str, day: date, page: str) -> HTMLResponse:
    number = parse_page_number(page)
    shown = papers_in_view(session, name, day, number) if number else ()
    if not shown and number != 1:
        return error_page(web, 404, links={f"/papers?view={name}": "The first page"})
    return web.render(
        "papers-view.html",
        view=name,
        day=day,
        days=VIEW_DAYS[name],
        entries=[paper_entry(paper) for paper in shown[:PAPERS_PER_PAGE]],
        first=(number - 1) * PAPERS_PER_PAGE + 1,
        page=number,
        more=len(shown) > PAPERS_PER_PAGE and number < MAX_PAGES,
    )


@router.api_route("/papers/{day}", methods=SAFE_METHODS)
def day_page(web: WebDep, day: str, page: TextParameter = "1") -> HTMLResponse:
    chosen = parse_day(day)
    if chosen is None:
        return error_page(
            web,
            404,
            title="That is no day",
            text="Write a day like 2026-01-31, or begin with the latest one.",
            links={"/papers": "The latest papers"},
        )
    with read_session(web.ctx.engine) as session:
        return _day_page(web, session, chosen, page)


def _day_page(web: WebContext, session: Session, day: date, page: str) -> HTMLResponse:
    found = papers_on_day(session, day)
    before, after = _adjacent_days(session, day)
    if not found:
        return _empty_day_page(web, day, before, after)
    pages = -(-len(found) // PAPERS_PER_PAGE)
    number = parse_page_number(page, pages)
    if not number:
        links = {f"/papers/{day}": f"The first page of {format_day(day)}"}
        return error_page(web, 404, text=f"The list of {format_day(day)} has {pluralize(pages, 'page')}.", links=links)
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
    near = {f"/papers/{each}": f"{format_day(each)} {each.year}" for each in (previous_day, next_day) if each}
    return error_page(
        web,
        404,
        title=f"Nothing is listed for {format_day(day)} {day.year}",
        text="The nearest days with a list:" if near else "No list has been read yet. Come back in a while.",
        links=near or {"/": "To the front page"},
    )


def _first_without_upvotes(papers: Sequence[Paper], shown: Sequence[Paper]) -> int | None:
    """Where on this page the papers without votes begin, when the list has both kinds."""
    if papers[0].upvotes is None:
        return None
    return next((place for place, paper in enumerate(shown) if paper.upvotes is None), None)


paper_router = APIRouter()


MAX_CITED_PAPERS = 2000  # papers of a day in one file


_NUMBER = re.compile(r"[1-9][0-9]{0,15}")


def get_paper(web: WebContext, number: str) -> Paper | None:
    """The paper with this number, as it stands in an address."""
    if not _NUMBER.fullmatch(number):
        return None
    with read_session(web.ctx.engine) as session:
        return papers_by_id(session, [int(number)]).get(int(number))


@paper_router.api_route("/papers/{name}.{kind}", methods=SAFE_METHODS)
def citations(web: WebDep, name: str, kind: CitationFormat) -> Response:
    """A paper by its number, or all of a day."""
    if day := parse_day(name):
        with read_session(web.ctx.engine) as session:
            found = papers_on_day(session, day)[:MAX_CITED_PAPERS]
    else:
        paper = get_paper(web, name)
        found = [paper] if paper else []
    if not found:
        return error_page(web, 404, links={"/papers": "The latest papers"})
    return citation_response(name, kind, found)


@paper_router.api_route("/papers/{number:int}", methods=SAFE_METHODS)
def paper_page(web: WebDep, number: int) -> HTMLResponse:
    paper = get_paper(web, str(number))
    if paper is None:
        return error_page(web, 404, title="There is no such paper", links={"/papers": "The latest papers"})
    return web.render("papers-one.html", entry=paper_entry(paper), bibtex=to_bibtex([paper]))


@paper_router.api_route("/papers/{number}/thumbnail", methods=SAFE_METHODS)
def thumbnail(web: WebDep, number: str) -> Response:
    """The picture that a listing has of it, from here and from nowhere else."""
    paper = get_paper(web, number) if web.ctx.settings.thumbnails else None
    picture = web.thumbnails.get(paper.thumbnail_url) if paper and paper.thumbnail_url else None
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type=image_media_type(picture), headers=THUMBNAIL_HEADERS)
