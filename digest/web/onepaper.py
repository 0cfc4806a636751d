"""One paper alone, and papers to cite: /papers/17, /papers/17.bib, /papers/17.ris, /papers/2026-07-31.bib."""

import re

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest import db, papers
from digest.models import Paper
from digest.web import cite
from digest.web.entries import paper_entry, parse_day
from digest.web.errors import error_page
from digest.web.front import SAFE_METHODS, WebContext, WebDep
from digest.web.pictures import THUMBNAIL_HEADERS, image_media_type

paper_router = APIRouter()
MAX_CITED_PAPERS = 2000  # papers of a day in one file
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")


def get_paper(web: WebContext, number: str) -> Paper | None:
    """The paper with this number, as it stands in an address."""
    if not _NUMBER.fullmatch(number):
        return None
    with db.read_session(web.ctx.engine) as session:
        return papers.papers_by_id(session, [int(number)]).get(int(number))


@paper_router.api_route("/papers/{name}.{kind}", methods=SAFE_METHODS)
def citations(web: WebDep, name: str, kind: cite.CitationFormat) -> Response:
    """A paper by its number, or all of a day."""
    if day := parse_day(name):
        with db.read_session(web.ctx.engine) as session:
            found = papers.papers_on_day(session, day)[:MAX_CITED_PAPERS]
    else:
        paper = get_paper(web, name)
        found = [paper] if paper else []
    if not found:
        return error_page(web, 404, links={"/papers": "The latest papers"})
    return cite.citation_response(name, kind, found)


@paper_router.api_route("/papers/{number:int}", methods=SAFE_METHODS)
def paper_page(web: WebDep, number: int) -> HTMLResponse:
    paper = get_paper(web, str(number))
    if paper is None:
        return error_page(web, 404, title="There is no such paper", links={"/papers": "The latest papers"})
    return web.render("papers-one.html", entry=paper_entry(paper), bibtex=cite.to_bibtex([paper]))


@paper_router.api_route("/papers/{number}/thumbnail", methods=SAFE_METHODS)
def thumbnail(web: WebDep, number: str) -> Response:
    """The picture that a listing has of it, from here and from nowhere else."""
    paper = get_paper(web, number) if web.ctx.settings.thumbnails else None
    picture = web.thumbnails.get(paper.thumbnail_url) if paper and paper.thumbnail_url else None
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type=image_media_type(picture), headers=THUMBNAIL_HEADERS)
