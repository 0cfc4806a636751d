"""The same as JSON, below /api/v1, described by /api/v1/openapi.json: papers, keywords, subscribing.

Errors are problems (RFC 9457).
"""

import time
from datetime import date, datetime
from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from digest import db, desk, papers, search
from digest.documents import documents
from digest.errors import AddressError, StoreError, SubscriberError
from digest.letters import say
from digest.matching import Matcher, describe
from digest.models import Paper
from digest.subscribers import CONSENT, LARGEST_CAP, Saved, Wish, address
from digest.web import onepaper, searching, typos
from digest.web.front import At, Front
from digest.web.problems import MEDIA, FieldProblem, Problem, problem
from digest.web.subscribe import ask

log = structlog.get_logger()

A_PAGE = 25
MOST_OF_A_DAY = 2000
Keyword = Annotated[str, Query(max_length=20_000, description="A keyword, as /help/keywords explains it.")]


def _written(value: object) -> object:
    """Days are written 2026-01-31 and in no other way; the library would take seconds since 1970 too."""
    if isinstance(value, str):
        date.fromisoformat(value)
        if "-" not in value or "W" in value:
            raise ValueError("write the day like 2026-01-31")
    return value


Day = Annotated[date, BeforeValidator(_written)]


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


class SubscriptionIn(BaseModel):
    """What to mail, when and where. Without keywords: the most upvoted papers."""

    model_config = ConfigDict(strict=True)  # 0 is no false, and "8" no hour: what is taken is what is described

    email: str = Field(max_length=508, examples=["ada@example.org"])
    keywords: list[Annotated[str, Field(max_length=20_000)]] = Field(default=[], max_length=1000)
    frequency: Literal["daily", "weekdays", "weekly"] = "daily"
    hour: int = Field(default=8, ge=0, le=23, description="In the time zone.")
    timezone: str = Field(default="UTC", max_length=100, examples=["Europe/Berlin"])
    cap: int = Field(default=20, ge=1, le=LARGEST_CAP, description="Papers in one letter, at most.")
    trending: bool = Field(default=False, description="Also the 3 most upvoted papers of the day.")
    summaries: bool = Field(default=False, description="With Hugging Face's AI summary, where there is one.")
    agreed: Literal[True] = Field(description=f"The owner of the address agrees, version {CONSENT}.")


class Asked(BaseModel):
    """Whatever the state of the address, the answer is this one; what follows is in its mailbox."""

    detail: str = "If the address can be subscribed, a letter with a link to confirm it is on its way."
    probably_meant: str | None = Field(default=None, description="Another address, where this one looks like a slip.")


class _Misread(Exception):
    """A keyword, or a field of a form."""

    def __init__(self, detail: str, position: int | None = None, errors: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(detail)
        self.position, self.errors = position, errors


def api(front: Front) -> FastAPI:
    """An app of its own, so that its errors are problems and not pages."""
    responses = {code: {"model": Problem, "content": {MEDIA: {}}} for code in (404, 422, 429, 503)}
    made = FastAPI(
        title=f"{front.house.product}: papers",
        version="1",
        description="Papers by day or by keywords, the newest first; how keywords are understood; subscribing.",
        docs_url=None,
        redoc_url=None,
        responses=responses,  # type: ignore[arg-type]
    )
    made.state.front = front
    made.get("/papers", summary="Papers by a keyword, of a day, or both")(listed)
    made.get("/papers/{number}", summary="One paper")(one)
    made.get("/keywords/explain", summary="How a keyword is understood")(explained)
    also: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 413), responses[404])
    made.post("/subscriptions", status_code=202, summary="Ask for letters", responses=also)(subscribe)
    _install(made)
    return made


def listed(
    at: At, q: Keyword = "", day: Day | None = None, page: Annotated[str, Query(max_length=400)] = ""
) -> PapersOut:
    way = searching.places(page)
    if way is None or (day and page):
        raise HTTPException(404, "There is no such page.")
    asked = searching.read(at, q) if q.strip() else None
    if asked and asked.query is None:
        raise _Misread(asked.wrong, asked.position)
    if day:
        with db.reading(at.house.engine) as session:
            found = papers.on_day(session, day)[:MOST_OF_A_DAY]
            texts = documents(session, found)
        looked = len(found)
        if asked and asked.query:
            hits = {hit.document for hit in Matcher([asked.query]).match(texts)[0]}
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
        raise _Misread(asked.wrong, asked.position)
    return Explained(keyword=asked.written, canonical=asked.query.canonical, meaning=describe(asked.query))


async def subscribe(at: At, wanted: SubscriptionIn) -> Asked:
    """A letter with a link goes to the address; nothing more is mailed before its owner has pressed a button there."""
    began = time.monotonic()
    wish, saved = await run_in_threadpool(_understood, at, wanted)
    await ask(at, wanted.email, wish, saved, began)
    return Asked(probably_meant=typos.mended(wanted.email) or None)


def _understood(at: Front, wanted: SubscriptionIn) -> tuple[Wish, list[Saved]]:
    saved, misread = desk.understand(wanted.keywords, desk.Rules.of(at.house.settings))
    wrong = [FieldProblem(field=f"keywords.{each.line - 1}", message=each.message) for each in misread]
    wish = Wish()
    try:
        address(wanted.email)
    except AddressError as error:
        wrong.append(FieldProblem(field="email", message=str(error)))
    try:
        wish = Wish(send_hour=wanted.hour, **wanted.model_dump(exclude={"email", "keywords", "hour", "agreed"}))
    except SubscriberError as error:
        wrong.append(FieldProblem(field="timezone", message=str(error)))
    if wrong:
        position = misread[0].position or None if misread else None
        raise _Misread("Nothing was changed: something cannot be read.", position, tuple(wrong))
    return wish, saved


def _out(paper: Paper) -> PaperOut:
    plain = {name: getattr(paper, name) for name in PaperOut.model_fields if name not in {"id", "url", "code_url"}}
    links = {name: say.web_address(getattr(paper, name)) for name in ("url", "code_url")}
    return PaperOut(id=int(paper.id or 0), **plain, **links)


def _install(app: FastAPI) -> None:
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), headers=error.headers)

    async def misread(_request: Request, error: _Misread) -> JSONResponse:
        return problem(422, str(error), position=error.position, errors=error.errors)

    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [
            FieldProblem(field=".".join(map(str, each["loc"][1:])) or str(each["loc"][0]), message=str(each["msg"]))
            for each in error.errors()
        ]
        return problem(422, f"Cannot be read: {', '.join(each.field for each in wrong)}.", errors=wrong)

    async def store_away(_request: Request, _error: StoreError) -> JSONResponse:
        return problem(503, "The store does not answer.", headers={"Retry-After": "60"})

    async def broken(request: Request, error: Exception) -> JSONResponse:
        log.error("api.broken", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        return problem(500, "Something is broken on our side. It has been noted.")

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]
    app.add_exception_handler(_Misread, misread)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, store_away)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, broken)
