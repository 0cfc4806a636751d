"""The same reads as JSON, below /api/v1, described by /api/v1/openapi.json. Errors are problems (RFC 9457)."""

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from digest import db, papers, search
from digest.errors import StoreError
from digest.letters import say
from digest.matching import Document, Matcher, describe
from digest.models import Paper
from digest.web import onepaper, searching
from digest.web.front import At, Front

A_PAGE = 25
MOST_OF_A_DAY = 2000
Keyword = Annotated[str, Query(max_length=20_000, description="A keyword, as /help/keywords explains it.")]


class Problem(BaseModel):
    """What went wrong (RFC 9457). `position`: where in the keyword, in characters from 1."""

    title: str
    status: int
    detail: str = ""
    position: int | None = None


class PaperOut(BaseModel):
    """A paper as the lists tell of it."""

    id: int
    title: str
    abstract: str
    authors: list[str]
    categories: list[str]
    organization: str | None
    arxiv_id: str | None
    doi: str | None
    published_on: date | None
    url: str | None
    code_url: str | None
    upvotes: int | None
    changed_at: datetime


class PapersOut(BaseModel):
    """A page. Ask again with `page=next` for what is older; null: there is no more."""

    papers: list[PaperOut]
    next: str | None = Field(description="The `page` to go on with.")
    looked: int = Field(description="How many papers were looked at for this page, at most a few hundred.")


class Explained(BaseModel):
    """How a keyword is understood."""

    keyword: str
    canonical: str = Field(description="Equal for keywords that mean the same.")
    meaning: str


class _Misread(Exception):
    def __init__(self, asked: searching.Asked) -> None:
        super().__init__(asked.wrong)
        self.asked = asked


def api(front: Front) -> FastAPI:
    """An app of its own, so that its errors are problems and not pages."""
    responses = {code: {"model": Problem, "content": {"application/problem+json": {}}} for code in (404, 422)}
    made = FastAPI(
        title=f"{front.house.product}: papers",
        version="1",
        description="Papers by day or by keywords, the newest first. All of it only reads.",
        docs_url=None,
        redoc_url=None,
        responses=responses,  # type: ignore[arg-type]
    )
    made.state.front = front
    made.get("/papers", summary="Papers by a keyword, of a day, or both")(listed)
    made.get("/papers/{number}", summary="One paper")(one)
    made.get("/keywords/explain", summary="How a keyword is understood")(explained)
    _install(made)
    return made


def listed(
    at: At, q: Keyword = "", day: date | None = None, page: Annotated[str, Query(max_length=400)] = ""
) -> PapersOut:
    way = searching.places(page)
    if way is None or (day and page):
        raise HTTPException(404, "There is no such page.")
    asked = searching.read(at, q) if q.strip() else None
    if asked and asked.query is None:
        raise _Misread(asked)
    if day:
        with db.reading(at.house.engine) as session:
            found = papers.on_day(session, day)[:MOST_OF_A_DAY]
            sources = papers.sources_of(session, [int(each.id or 0) for each in found])
        looked = len(found)
        if asked and asked.query:
            documents = [Document.of(each, sources.get(int(each.id or 0), ())) for each in found]
            hits = {hit.document for hit in Matcher([asked.query]).match(documents)[0]}
            found = [each for place, each in enumerate(found) if (place in hits) != asked.query.exclude]
        return PapersOut(papers=[_out(each) for each in found], next=None, looked=looked)
    if not asked or not asked.query:
        raise HTTPException(422, "Say what to look for: q, day, or both.")
    some: search.Found = searching.found(at, asked.query, way, A_PAGE)
    return PapersOut(
        papers=[_out(each) for each in some.papers],
        next=str(some.onward) if some.onward else None,
        looked=some.looked,
    )


def one(at: At, number: Annotated[str, Path(max_length=20)]) -> PaperOut:
    paper = onepaper.one(at, number)
    if paper is None:
        raise HTTPException(404, "There is no such paper.")
    return _out(paper)


def explained(at: At, q: Keyword) -> Explained:
    asked = searching.read(at, q)
    if asked.query is None:
        raise _Misread(asked)
    return Explained(keyword=asked.written, canonical=asked.query.canonical, meaning=describe(asked.query))


def _out(paper: Paper) -> PaperOut:
    plain = {name: getattr(paper, name) for name in PaperOut.model_fields if name not in {"id", "url", "code_url"}}
    links = {name: say.web_address(getattr(paper, name)) for name in ("url", "code_url")}
    return PaperOut(id=int(paper.id or 0), **plain, **links)


def _problem(
    status: int, detail: str = "", position: int | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, position=position)
    content = told.model_dump(exclude_none=True)
    return JSONResponse(content, status, media_type="application/problem+json", headers=dict(headers or {}))


def _install(app: FastAPI) -> None:
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return _problem(error.status_code, str(error.detail), headers=error.headers)

    async def misread(_request: Request, error: _Misread) -> JSONResponse:
        return _problem(422, error.asked.wrong, error.asked.position)

    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        where = ", ".join(str(each["loc"][-1]) for each in error.errors())
        return _problem(422, f"Cannot be read: {where}.")

    async def store_away(_request: Request, _error: StoreError) -> JSONResponse:
        return _problem(503, "The store does not answer.", headers={"Retry-After": "60"})

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]
    app.add_exception_handler(_Misread, misread)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, store_away)  # type: ignore[arg-type]
