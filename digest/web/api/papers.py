"""Part of the JSON API about papers by day or keyword, and the meaning of keywords."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Paper
from digest.formatting import safe_url
from digest.matching import Matcher, describe
from digest.papers import SearchRequest, build_documents, papers_on_day
from digest.web import messages
from digest.web.api.errors import InvalidInputError
from digest.web.context import WebDep
from digest.web.pages.paper_entries import find_paper
from digest.web.pages.search_results import parse_search, parse_trail, run_search

RESULTS_PER_PAGE = 25


MAX_DAY_PAPERS = 2000


KeywordParameter = Annotated[
    str, Query(max_length=20_000, description="A keyword. /help/keywords explains the syntax.")
]


def _require_iso_date(value: object) -> object:
    """Require the form 2026-01-31; pydantic would accept seconds since 1970, too."""
    if isinstance(value, str):
        date.fromisoformat(value)
        if "-" not in value or "W" in value:
            raise ValueError(messages.INVALID_DAY)
    return value


DayParameter = Annotated[date, BeforeValidator(_require_iso_date)]


class PaperOut(BaseModel):
    """Metadata of a paper."""

    id: int
    title: str
    abstract: str
    authors: list[str]
    categories: list[str]
    subjects: list[str]
    journal: str | None
    kind: str
    organization: str | None
    arxiv_id: str | None
    doi: str | None
    published_on: date | None
    url: str | None
    code_url: str | None
    upvotes: int | None
    changed_at: datetime


class PapersOut(BaseModel):
    """Page of papers. Request `page=next` for older ones; null: there are no more."""

    papers: list[PaperOut]
    next: str | None = Field(description="The `page` to request next.")
    looked: int = Field(description="Number of papers searched for this page, at most a few hundred.")


class KeywordOut(BaseModel):
    """Meaning of a keyword."""

    keyword: str
    canonical: str = Field(description="Normal form, equal for keywords with the same meaning.")
    meaning: str


def list_papers(
    web: WebDep,
    q: KeywordParameter = "",
    day: DayParameter | None = None,
    page: Annotated[str, Query(max_length=400)] = "",
) -> PapersOut:
    trail = parse_trail(page)
    if trail is None or (day and page):
        raise HTTPException(404, messages.NO_SUCH_PAGE)
    search = parse_search(web, q) if q.strip() else None
    if search and search.query is None:
        raise InvalidInputError(search.error, search.position)
    if day:
        with read_session(web.ctx.engine) as session:
            papers = papers_on_day(session, day)[:MAX_DAY_PAPERS]
            documents = build_documents(session, papers)
        looked = len(papers)
        if search and search.query:
            matches = {match.document for match in Matcher([search.query]).match(documents)[0]}
            papers = [paper for n, paper in enumerate(papers) if (n in matches) != search.query.exclude]
        return PapersOut(papers=[_to_paper_out(paper) for paper in papers], next=None, looked=looked)
    if not search or not search.query:
        raise HTTPException(422, messages.NO_CRITERION)
    results = run_search(web, SearchRequest(search.query), trail, RESULTS_PER_PAGE)
    return PapersOut(
        papers=[_to_paper_out(paper) for paper in results.papers],
        next=str(results.next_position) if results.next_position else None,
        looked=results.scanned_count,
    )


def get_paper(web: WebDep, number: Annotated[str, Path(max_length=20)]) -> PaperOut:
    paper = find_paper(web, number)
    if paper is None:
        raise HTTPException(404, messages.NO_SUCH_PAPER)
    return _to_paper_out(paper)


def explain_keyword(web: WebDep, q: KeywordParameter) -> KeywordOut:
    search = parse_search(web, q)
    if search.query is None:
        raise InvalidInputError(search.error, search.position)
    return KeywordOut(keyword=search.text, canonical=search.query.canonical, meaning=describe(search.query))


def _to_paper_out(paper: Paper) -> PaperOut:
    fields = {name: getattr(paper, name) for name in PaperOut.model_fields if name not in {"id", "url", "code_url"}}
    links = {name: safe_url(getattr(paper, name)) for name in ("url", "code_url")}
    return PaperOut(id=int(paper.id or 0), **fields, **links)
