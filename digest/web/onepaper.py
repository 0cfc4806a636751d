"""One paper alone, and papers to cite: /papers/17, /papers/17.bib, /papers/17.ris, /papers/2026-07-31.bib."""

import re

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from digest import db, papers
from digest.models import Paper
from digest.web import cite
from digest.web.entries import day_of, entry
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front
from digest.web.pictures import HEADERS, kind_of

router = APIRouter()
MOST_CITED = 2000  # papers of a day in one file
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")


def one(at: Front, number: str) -> Paper | None:
    """The paper with this number, as it stands in an address."""
    if not _NUMBER.fullmatch(number):
        return None
    with db.reading(at.house.engine) as session:
        return papers.by_ids(session, [int(number)]).get(int(number))


@router.api_route("/papers/{name}.{kind}", methods=LOOK)
def cited(at: At, name: str, kind: cite.Kind) -> Response:
    """A paper by its number, or all of a day."""
    if day := day_of(name):
        with db.reading(at.house.engine) as session:
            found = papers.on_day(session, day)[:MOST_CITED]
    else:
        paper = one(at, name)
        found = [paper] if paper else []
    if not found:
        return error_page(at, 404, links={"/papers": "The latest papers"})
    return cite.answer(name, kind, found)


@router.api_route("/papers/{number:int}", methods=LOOK)
def alone(at: At, number: int) -> HTMLResponse:
    paper = one(at, str(number))
    if paper is None:
        return error_page(at, 404, title="There is no such paper", links={"/papers": "The latest papers"})
    return at.page("papers-one.html", entry=entry(paper), bibtex=cite.bibtex([paper]))


@router.api_route("/papers/{number}/thumbnail", methods=LOOK)
def thumbnail(at: At, number: str) -> Response:
    """The picture that a listing has of it, from here and from nowhere else."""
    paper = one(at, number) if at.house.settings.thumbnails else None
    picture = at.pictures.get(paper.thumbnail_url) if paper and paper.thumbnail_url else None
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type=kind_of(picture), headers=HEADERS)
