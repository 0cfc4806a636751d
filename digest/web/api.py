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

from digest.database import read_session
from digest.database.models import Paper
from digest.errors import AddressError, StoreError, SubscriberError
from digest.formatting import safe_url
from digest.matching import KeywordInput, Matcher, describe
from digest.papers import SearchPage, build_documents, papers_on_day
from digest.subscribers import CONSENT_TEXT, MAX_CAP, KeywordLimits, Preferences, normalize_address, parse_keywords
from digest.web.context import WebContext, WebDep
from digest.web.errors import PROBLEM_MEDIA_TYPE, FieldProblem, Problem, problem_response
from digest.web.forms import correct_address
from digest.web.pages import papers as papers_
from digest.web.pages.paper_entries import parse_search, parse_trail, run_search
from digest.web.pages.subscribe import request_subscription

log = structlog.get_logger()


SEARCH_PAGE_PAPERS = 25


MAX_DAY_PAPERS = 2000


KeywordParameter = Annotated[str, Query(max_length=20_000, description="A keyword, as /help/keywords explains it.")]


def _require_iso_date(value: object) -> object:
    """Days are written 2026-01-31 and in no other way; the library would take seconds since 1970 too."""
    if isinstance(value, str):
        date.fromisoformat(value)
        if "-" not in value or "W" in value:
            raise ValueError("write the day like 2026-01-31")
    return value


DayParameter = Annotated[date, BeforeValidator(_require_iso_date)]


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


class KeywordExplanation(BaseModel):
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
    cap: int = Field(default=20, ge=1, le=MAX_CAP, description="Papers in one letter, at most.")
    trending: bool = Field(default=False, description="Also the 3 most upvoted papers of the day.")
    summaries: bool = Field(default=False, description="With Hugging Face's AI summary, where there is one.")
    agreed: Literal[True] = Field(description=f"The owner of the address agrees, version {CONSENT_TEXT}.")


class SubscriptionAnswer(BaseModel):
    """Whatever the state of the address, the answer is this one; what follows is in its mailbox."""

    detail: str = "If the address can be subscribed, a letter with a link to confirm it is on its way."
    probably_meant: str | None = Field(default=None, description="Another address, where this one looks like a slip.")


class InvalidInputError(Exception):
    """A keyword, or a field of a form."""

    def __init__(self, detail: str, position: int | None = None, errors: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(detail)
        self.position, self.errors = position, errors


def create_api(web: WebContext) -> FastAPI:
    """An app of its own, so that its errors are problems and not pages."""
    responses = {code: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for code in (404, 422, 429, 503)}
    app = FastAPI(
        title=f"{web.ctx.product_name}: papers",
        version="1",
        description="Papers by day or by keywords, the newest first; how keywords are understood; subscribing.",
        docs_url=None,
        redoc_url=None,
        responses=responses,  # type: ignore[arg-type]
    )
    app.state.front = web
    app.get("/papers", summary="Papers by a keyword, of a day, or both")(list_papers)
    app.get("/papers/{number}", summary="One paper")(get_paper)
    app.get("/keywords/explain", summary="How a keyword is understood")(explain_keyword)
    also: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 413), responses[404])
    app.post("/subscriptions", status_code=202, summary="Ask for letters", responses=also)(request_subscription_by_api)
    _install_error_handlers(app)
    return app


def list_papers(
    web: WebDep,
    q: KeywordParameter = "",
    day: DayParameter | None = None,
    page: Annotated[str, Query(max_length=400)] = "",
) -> PapersOut:
    way = parse_trail(page)
    if way is None or (day and page):
        raise HTTPException(404, "There is no such page.")
    asked = parse_search(web, q) if q.strip() else None
    if asked and asked.query is None:
        raise InvalidInputError(asked.wrong, asked.position)
    if day:
        with read_session(web.ctx.engine) as session:
            found = papers_on_day(session, day)[:MAX_DAY_PAPERS]
            texts = build_documents(session, found)
        looked = len(found)
        if asked and asked.query:
            hits = {hit.document for hit in Matcher([asked.query]).match(texts)[0]}
            found = [each for place, each in enumerate(found) if (place in hits) != asked.query.exclude]
        return PapersOut(papers=[_to_paper_out(each) for each in found], next=None, looked=looked)
    if not asked or not asked.query:
        raise HTTPException(422, "Say what to look for: q, day, or both.")
    some: SearchPage = run_search(web, asked.query, way, SEARCH_PAGE_PAPERS)
    return PapersOut(
        papers=[_to_paper_out(each) for each in some.papers],
        next=str(some.next_before_id) if some.next_before_id else None,
        looked=some.scanned_count,
    )


def get_paper(web: WebDep, number: Annotated[str, Path(max_length=20)]) -> PaperOut:
    paper = papers_.get_paper(web, number)
    if paper is None:
        raise HTTPException(404, "There is no such paper.")
    return _to_paper_out(paper)


def explain_keyword(web: WebDep, q: KeywordParameter) -> KeywordExplanation:
    asked = parse_search(web, q)
    if asked.query is None:
        raise InvalidInputError(asked.wrong, asked.position)
    return KeywordExplanation(keyword=asked.written, canonical=asked.query.canonical, meaning=describe(asked.query))


async def request_subscription_by_api(web: WebDep, subscription: SubscriptionIn) -> SubscriptionAnswer:
    """A letter with a link goes to the address; nothing more is mailed before its owner has pressed a button there."""
    began = time.monotonic()
    wish, saved = await run_in_threadpool(_parse_subscription, web, subscription)
    await request_subscription(web, subscription.email, wish, saved, began)
    return SubscriptionAnswer(probably_meant=correct_address(subscription.email) or None)


def _parse_subscription(web: WebContext, subscription: SubscriptionIn) -> tuple[Preferences, list[KeywordInput]]:
    saved, misread = parse_keywords(subscription.keywords, KeywordLimits.from_settings(web.ctx.settings))
    wrong = [FieldProblem(field=f"keywords.{each.line - 1}", message=each.message) for each in misread]
    wish = Preferences()
    try:
        normalize_address(subscription.email)
    except AddressError as error:
        wrong.append(FieldProblem(field="email", message=str(error)))
    try:
        wish = Preferences(
            send_hour=subscription.hour, **subscription.model_dump(exclude={"email", "keywords", "hour", "agreed"})
        )
    except SubscriberError as error:
        wrong.append(FieldProblem(field="timezone", message=str(error)))
    if wrong:
        position = misread[0].position or None if misread else None
        raise InvalidInputError("Nothing was changed: something cannot be read.", position, tuple(wrong))
    return wish, saved


def _to_paper_out(paper: Paper) -> PaperOut:
    plain = {name: getattr(paper, name) for name in PaperOut.model_fields if name not in {"id", "url", "code_url"}}
    links = {name: safe_url(getattr(paper, name)) for name in ("url", "code_url")}
    return PaperOut(id=int(paper.id or 0), **plain, **links)


def _install_error_handlers(app: FastAPI) -> None:
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return problem_response(error.status_code, str(error.detail), headers=error.headers)

    async def misread(_request: Request, error: InvalidInputError) -> JSONResponse:
        return problem_response(422, str(error), position=error.position, errors=error.errors)

    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = [
            FieldProblem(field=".".join(map(str, each["loc"][1:])) or str(each["loc"][0]), message=str(each["msg"]))
            for each in error.errors()
        ]
        return problem_response(422, f"Cannot be read: {', '.join(each.field for each in wrong)}.", errors=wrong)

    async def store_away(_request: Request, _error: StoreError) -> JSONResponse:
        return problem_response(503, "The store does not answer.", headers={"Retry-After": "60"})

    async def broken(request: Request, error: Exception) -> JSONResponse:
        log.error("api.failed", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        return problem_response(500, "Something is broken on our side. It has been noted.")

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]
    app.add_exception_handler(InvalidInputError, misread)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, store_away)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, broken)
