"""JSON API below /api/v1, described by /api/v1/openapi.json: papers, keywords, subscriptions.

Errors are problem details (RFC 9457).
"""

import time
from collections.abc import Iterable
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from digest.database import read_session
from digest.database.models import Paper
from digest.errors import AddressError, StoreError, SubscriberError, TokenError
from digest.formatting import safe_url
from digest.matching import KeywordInput, Matcher, describe
from digest.papers import SearchRequest, build_documents, papers_on_day
from digest.subscribers import (
    CONSENT_TEXT,
    MAX_CAP,
    KeywordLimits,
    Preferences,
    check_sources,
    known_sources,
    normalize_address,
    parse_keywords,
    parse_weekday,
)
from digest.web import messages
from digest.web.address_suggestions import suggest_address
from digest.web.context import WebContext, WebDep
from digest.web.errors import PROBLEM_MEDIA_TYPE, FieldProblem, Problem, problem_response
from digest.web.marks_api import add_mark_routes
from digest.web.pages.paper_entries import find_paper
from digest.web.pages.search_results import parse_search, parse_trail, run_search
from digest.web.pages.subscribe import request_subscription
from digest.web.subscriber_api import add_subscriber_routes

log = structlog.get_logger()
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


class SubscriptionIn(BaseModel):
    """Subscription to request. Without keywords: the most upvoted papers."""

    # Strict: neither 0 for false nor "8" for 8, but exactly what the description says.
    model_config = ConfigDict(strict=True)

    email: str = Field(max_length=508, examples=["ada@example.org"])
    keywords: list[Annotated[str, Field(max_length=20_000)]] = Field(default=[], max_length=1000)
    frequency: Literal["daily", "weekdays", "weekly", "monthly"] = "daily"
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        default="monday", description="Day of a weekly digest."
    )
    hour: int = Field(default=8, ge=0, le=23, description="Hour of the digest in that time zone, 0 to 23.")
    timezone: str = Field(default="UTC", max_length=100, examples=["Europe/Berlin"])
    cap: int = Field(default=20, ge=1, le=MAX_CAP, description="Maximum papers per e-mail.")
    trending: bool = Field(default=False, description="Include the day's 3 most upvoted papers.")
    sources: list[Annotated[str, Field(max_length=100)]] = Field(
        default=[], max_length=1000, description="Sources whose papers are wanted. Default: all.", examples=[["arxiv"]]
    )
    about_only: bool = Field(default=False, description="Leave out papers that only mention a keyword in passing.")
    close_papers: bool | None = Field(
        default=None,
        description="Add papers close to the keywords that none of them found. Null: once a paper was marked.",
    )
    summaries: bool = Field(default=False, description="Show AI summaries from Hugging Face where available.")
    agreed: Literal[True] = Field(description=f"The owner of the address agrees to version {CONSENT_TEXT}.")


class SubscriptionOut(BaseModel):
    """Response to every request for a subscription, whatever the state of the address."""

    detail: str = "If the address can be subscribed, a confirmation link has been sent to it."
    probably_meant: str | None = Field(default=None, description="Another address, if this one looks mistyped.")


class InvalidInputError(Exception):
    """Invalid keyword or form field."""

    def __init__(self, detail: str, position: int | None = None, errors: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(detail)
        self.position, self.errors = position, errors


def create_api(web: WebContext) -> FastAPI:
    """Create the API as an application of its own, so that its errors are problem details and not pages."""
    responses = {code: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for code in (400, 404, 422, 429, 503)}
    app = FastAPI(
        title=f"{web.ctx.product_name}: papers",
        version="1",
        description="Papers by day or keyword, newest first; the meaning of keywords; subscriptions; learned words.",
        docs_url=None,
        redoc_url=None,
        responses=responses,  # type: ignore[arg-type]
    )
    app.state.web = web
    app.get("/papers", summary="List papers by keyword, day or both")(list_papers)
    app.get("/papers/{number}", summary="Get one paper")(get_paper)
    app.get("/keywords/explain", summary="Explain a keyword")(explain_keyword)
    more_responses: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 413), responses[404])
    app.post("/subscriptions", status_code=202, summary="Request a subscription", responses=more_responses)(
        create_subscription
    )
    subscriber_responses: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 409, 413), responses[404])
    add_subscriber_routes(app, subscriber_responses)
    add_mark_routes(app, subscriber_responses)
    install_api_error_handlers(app)
    return app


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


async def create_subscription(web: WebDep, subscription: SubscriptionIn) -> SubscriptionOut:
    """Send a confirmation link to the address. No digest is sent before its owner confirms."""
    started_at = time.monotonic()
    preferences, keywords = await run_in_threadpool(_parse_subscription, web, subscription)
    await request_subscription(web, subscription.email, preferences, keywords, started_at)
    return SubscriptionOut(probably_meant=suggest_address(subscription.email) or None)


def _parse_subscription(web: WebContext, subscription: SubscriptionIn) -> tuple[Preferences, list[KeywordInput]]:
    keywords, invalid = parse_keywords(subscription.keywords, KeywordLimits.from_context(web.ctx))
    errors = [FieldProblem(field=f"keywords.{error.line - 1}", message=error.message) for error in invalid]
    preferences, sources = Preferences(), tuple[str, ...]()
    if subscription.sources:
        try:
            sources = check_sources(subscription.sources, known_sources(web.ctx.settings))
        except SubscriberError as error:
            errors.append(FieldProblem(field="sources", message=str(error)))
    try:
        normalize_address(subscription.email)
    except AddressError as error:
        errors.append(FieldProblem(field="email", message=str(error)))
    try:
        preferences = Preferences(
            send_hour=subscription.hour,
            weekday=parse_weekday(subscription.weekday),
            sources=sources,
            **subscription.model_dump(exclude={"email", "keywords", "hour", "weekday", "agreed", "sources"}),
        )
    except SubscriberError as error:
        errors.append(FieldProblem(field="timezone", message=str(error)))
    if errors:
        position = invalid[0].position or None if invalid else None
        raise InvalidInputError(messages.INVALID_SUBSCRIPTION, position, tuple(errors))
    return preferences, keywords


def _to_paper_out(paper: Paper) -> PaperOut:
    fields = {name: getattr(paper, name) for name in PaperOut.model_fields if name not in {"id", "url", "code_url"}}
    links = {name: safe_url(getattr(paper, name)) for name in ("url", "code_url")}
    return PaperOut(id=int(paper.id or 0), **fields, **links)


def allowed_methods(routes: Iterable[BaseRoute], request: Request) -> set[str]:
    """Return the methods of all routes that match the path of a request."""
    matching = (route for route in routes if route.matches(request.scope)[0] != Match.NONE)
    return {method for route in matching for method in getattr(route, "methods", None) or ()}


def install_api_error_handlers(app: FastAPI) -> None:
    """Handle every error of the API with problem details."""

    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the framework names those of the first route alone
            headers["Allow"] = ", ".join(sorted(allowed_methods(request.app.routes, request)))
        return problem_response(error.status_code, str(error.detail), headers=headers)

    async def on_invalid_input(_request: Request, error: InvalidInputError) -> JSONResponse:
        return problem_response(422, str(error), position=error.position, errors=error.errors)

    async def on_validation_error(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            FieldProblem(field=".".join(map(str, item["loc"][1:])) or str(item["loc"][0]), message=str(item["msg"]))
            for item in error.errors()
        ]
        fields = ", ".join(problem.field for problem in problems)
        return problem_response(422, messages.invalid_fields(fields), errors=problems)

    async def on_subscriber_error(_request: Request, error: SubscriberError) -> JSONResponse:
        return problem_response(409 if isinstance(error, TokenError) else 422, str(error))

    async def on_store_error(_request: Request, _error: StoreError) -> JSONResponse:
        return problem_response(503, messages.API_UNAVAILABLE, headers={"Retry-After": "60"})

    async def on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
        log.error("api.failed", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        return problem_response(500, messages.API_FAILED)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(InvalidInputError, on_invalid_input)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(SubscriberError, on_subscriber_error)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, on_store_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, on_unexpected_error)
