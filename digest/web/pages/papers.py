"""Pages of papers: by day, week or month, trending, by search, one alone, and citations."""

import re
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
from digest.papers import lasting_notices, latest_list_day, load_source_problems, papers_by_id, papers_on_day
from digest.web.citations import CitationFormat, citation_response, to_bibtex
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.pages.paper_entries import (
    MAX_PAGES,
    PAPERS_PER_PAGE,
    VIEW_DAYS,
    highlighted_entries,
    load_view,
    paper_entry,
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
MAX_CITED_PAPERS = 2000  # papers of a day in one file


def find_paper(web: WebContext, number: str) -> Paper | None:
    """Return the paper with this number, as written in a URL."""
    if not re.fullmatch(r"[1-9][0-9]{0,15}", number):
        return None
    with read_session(web.ctx.engine) as session:
        return papers_by_id(session, [int(number)]).get(int(number))


# The first three paths come before /papers/{day}, which matches them too.
@router.api_route("/papers/{name}.{kind}", methods=SAFE_METHODS)
def citations(web: WebDep, name: str, kind: CitationFormat) -> Response:
    """Cite a paper by its number, or all papers of a day: /papers/17.bib, /papers/2026-07-31.ris."""
    if day := parse_day(name):
        with read_session(web.ctx.engine) as session:
            papers = papers_on_day(session, day)[:MAX_CITED_PAPERS]
    else:
        paper = find_paper(web, name)
        papers = [paper] if paper else []
    if not papers:
        return error_page(web, 404, links={"/papers": "The latest papers"})
    return citation_response(name, kind, papers)


@router.api_route("/papers/{number:int}", methods=SAFE_METHODS)
def paper_page(web: WebDep, number: int) -> HTMLResponse:
    paper = find_paper(web, str(number))
    if paper is None:
        return error_page(web, 404, title="There is no such paper", links={"/papers": "The latest papers"})
    return web.render("paper.html", entry=paper_entry(paper), bibtex=to_bibtex([paper]))


@router.api_route("/papers/{number}/thumbnail", methods=SAFE_METHODS)
def thumbnail(web: WebDep, number: str) -> Response:
    """Serve the thumbnail of a paper from our own cache only."""
    paper = find_paper(web, number) if web.ctx.settings.thumbnails else None
    image = web.thumbnails.get(paper.thumbnail_url) if paper and paper.thumbnail_url else None
    if image is None:
        raise HTTPException(404)
    return Response(image, media_type=image_media_type(image), headers=THUMBNAIL_HEADERS)


@router.api_route("/papers", methods=SAFE_METHODS)
def papers_page(
    web: WebDep,
    q: TextParameter = "",
    view: TextParameter = "",
    trail: Annotated[str, Query(alias="at")] = "",
    page: TextParameter = "1",
) -> HTMLResponse:
    """Show search results for `q`, the last week or month or what trends for `view`, else the latest day."""
    if q.strip():
        return _search_page(web, q, trail)
    with read_session(web.ctx.engine) as session:
        day = latest_list_day(session)
        if day is not None and view in VIEW_DAYS:
            return _view_page(web, session, view, day, page)
        notices = lasting_notices(load_source_problems(session, web.clock()))
        if day is None:
            return web.render("papers-empty.html", source_notices=notices)
        return _day_page(web, session, day, page, notices)


@router.api_route("/papers/{day}", methods=SAFE_METHODS)
def day_page(web: WebDep, day: str, page: TextParameter = "1") -> HTMLResponse:
    parsed = parse_day(day)
    if parsed is None:
        return error_page(
            web,
            404,
            title="That is no day",
            text="Write a day like 2026-01-31, or begin with the latest one.",
            links={"/papers": "The latest papers"},
        )
    with read_session(web.ctx.engine) as session:
        return _day_page(web, session, parsed, page)


def _search_page(web: WebContext, text: str, trail_text: str) -> HTMLResponse:
    search, trail = parse_search(web, text), parse_trail(trail_text)
    if search.query is None:
        return web.render("papers-search.html", status=422, search=search, entries=())
    if trail is None:
        return error_page(web, 404, links={f"/papers?{search_parameters(text, [])}": "The first page of this search"})
    results = run_search(web, search.query, trail)
    with read_session(web.ctx.engine) as session:
        entries = highlighted_entries(session, results.papers, search.query)
    last = results.next_before_id
    return web.render(
        "papers-search.html",
        search=search,
        meaning=describe(search.query),
        entries=entries,
        results=results,
        newer=search_parameters(search.text, trail[:-1]) if trail else "",
        older=search_parameters(search.text, [*trail, last]) if last else "",
        first=search_parameters(search.text, []),
    )


def _view_page(web: WebContext, session: Session, name: str, day: date, page: str) -> HTMLResponse:
    number = parse_page_number(page)
    papers = load_view(session, name, day, number) if number else ()
    if not papers and number != 1:
        return error_page(web, 404, links={f"/papers?view={name}": "The first page"})
    return web.render(
        "papers-view.html",
        view=name,
        day=day,
        days=VIEW_DAYS[name],
        entries=[paper_entry(paper) for paper in papers[:PAPERS_PER_PAGE]],
        first=(number - 1) * PAPERS_PER_PAGE + 1,
        page=number,
        has_next=len(papers) > PAPERS_PER_PAGE and number < MAX_PAGES,
    )


def _day_page(web: WebContext, session: Session, day: date, page: str, notices: tuple[str, ...] = ()) -> HTMLResponse:
    papers = papers_on_day(session, day)
    list_day = col(Listing.list_day)
    previous_day = session.exec(select(func.max(list_day)).where(list_day < day)).one()
    next_day = session.exec(select(func.min(list_day)).where(list_day > day)).one()
    if not papers:
        return _empty_day_page(web, day, previous_day, next_day)
    pages = -(-len(papers) // PAPERS_PER_PAGE)
    number = parse_page_number(page, pages)
    if not number:
        links = {f"/papers/{day}": f"The first page of {format_day(day)}"}
        return error_page(web, 404, text=f"The list of {format_day(day)} has {pluralize(pages, 'page')}.", links=links)
    page_papers = papers[(number - 1) * PAPERS_PER_PAGE : number * PAPERS_PER_PAGE]
    first_without_upvotes = None
    if papers[0].upvotes is not None:  # the list begins with papers that have upvotes
        first_without_upvotes = next((n for n, paper in enumerate(page_papers) if paper.upvotes is None), None)
    return web.render(
        "papers.html",
        day=day,
        entries=[paper_entry(paper) for paper in page_papers],
        first_without_upvotes=first_without_upvotes,
        total=len(papers),
        first=(number - 1) * PAPERS_PER_PAGE + 1,
        page=number,
        pages=pages,
        previous_day=previous_day,
        next_day=next_day,
        source_notices=notices,
    )


def _empty_day_page(web: WebContext, day: date, previous_day: date | None, next_day: date | None) -> HTMLResponse:
    links = {
        f"/papers/{nearest}": f"{format_day(nearest)} {nearest.year}" for nearest in (previous_day, next_day) if nearest
    }
    return error_page(
        web,
        404,
        title=f"Nothing is listed for {format_day(day)} {day.year}",
        text="The nearest days with a list:" if links else "No list has been read yet. Come back in a while.",
        links=links or {"/": "To the front page"},
    )
