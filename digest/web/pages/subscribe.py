"""Front page: preview of matching papers and the form to subscribe. The script calls /preview for the live part."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from digest import subscribers
from digest.database import read_session
from digest.formatting import format_number, pluralize
from digest.matching import KeywordInput, parse_canonical
from digest.papers import lasting_notices, latest_list_day, load_source_problems, recent_papers
from digest.planning import preview_from_index
from digest.rendering import DigestContext, PaperCard, PaperView, PersonalFields, build_card, preview_context
from digest.subscribers import CONSENT_TEXT, MAX_CAP, Preferences
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.forms import (
    MAX_KEYWORDS_LENGTH,
    FieldError,
    ParsedForm,
    SubscribeForm,
    default_values,
    parse_preferences_fields,
    parse_subscribe_form,
    submitted_values,
    suggest_domain,
    timezones_including,
)
from digest.web.keywords import KeywordDescription, describe_keywords, edit_keywords

router = APIRouter()
SubscribeBody = Annotated[SubscribeForm, Form()]
SIDEBAR_PAPERS = 6  # latest papers beside the form
PREVIEW_PAPERS = 10
MAX_PREVIEW_TERMS = 400  # terms of all keywords that one preview looks up
CONSENT_VERSION, _, CONSENT_SENTENCE = CONSENT_TEXT.partition(": ")


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """Papers that the keywords would have brought. `matched` counts each paper once, `counts` those of each keyword."""

    papers: tuple[PaperCard, ...]
    counts: tuple[int, ...]
    considered: int
    matched: int
    days: int


@dataclass(frozen=True, slots=True)
class KeywordFeedback:
    """Text below the keywords: how they are understood, suggestions, and a status sentence."""

    meanings: tuple[KeywordDescription, ...]
    suggestions: tuple[str, ...]
    status: str


@router.api_route("/", methods=SAFE_METHODS)
def front_page(web: WebDep, keywords: Annotated[str, Query()] = "") -> HTMLResponse:
    values = default_values(web.ctx.settings) | {"keywords": keywords[:MAX_KEYWORDS_LENGTH]}
    version = web.papers_version()
    if keywords:
        response = _render_form(web, values, ParsedForm(), guess_timezone=True)
    else:
        response = web.cached_page("/", version, lambda: _render_form(web, values, ParsedForm(), guess_timezone=True))
    if web.recent_papers.fingerprint != version:
        # Visitors of this page type soon: load the papers for the preview meanwhile.
        response.background = BackgroundTask(web.fill_caches)
    return response


@router.post("/")
def preview_page(web: WebDep, form: SubscribeBody) -> HTMLResponse:
    """Preview the keywords, with what a button adds to them. Nothing is stored."""
    return _render_preview(web, form, parse_preview_keywords(web, form))


@router.post("/preview")
def preview_fragment(web: WebDep, form: SubscribeBody) -> Response:
    """Render the part of the page that changes while the visitor types.

    202: try again in a moment, the papers are being loaded.
    """
    if web.recent_papers.is_loading:
        return Response(status_code=202, headers={"Retry-After": "2"})
    parsed = parse_preview_keywords(web, form)
    variables = _template_variables(web, submitted_values(form, web.ctx.settings), parsed, run_preview(web, parsed))
    edited = form.keywords if form.add or form.narrow else None  # what is typed is never changed
    return web.render("preview.html", **variables, live=True, edited_keywords=edited)


@router.api_route("/meant", methods=SAFE_METHODS)
def domain_suggestion(domain: Annotated[str, Query(max_length=255)]) -> JSONResponse:
    """Suggest a domain for a probable typo. The script sends only the domain, not the address."""
    return JSONResponse({"meant": suggest_domain(domain)})


@router.post("/subscribe")
async def subscribe(web: WebDep, form: SubscribeBody) -> Response:
    """Subscribe. Response and duration are the same whatever the state of the address."""
    started_at = time.monotonic()
    parsed = await run_in_threadpool(parse_subscribe_form, form, web.ctx.settings)
    if parsed.errors or parsed.suggested_email:
        return await run_in_threadpool(_render_preview, web, form, parsed)
    email = None if form.website else form.email
    await request_subscription(web, email, parsed.preferences, parsed.keywords, started_at)
    return RedirectResponse(f"{web.root}/sent", status_code=303)


async def request_subscription(
    web: WebContext, email: str | None, preferences: Preferences, keywords: Sequence[KeywordInput], started_at: float
) -> None:
    """Request a subscription (without `email`: pretend to), at least `web.min_answer_seconds` after `started_at`.

    An address that was requested too often silently gets nothing. Raises HTTPException when too much was requested at
    its domain, or in all. `started_at` is a monotonic instant.
    """

    def store(email: str) -> None:
        if seconds := web.limiter.check_domain(email):
            raise HTTPException(429, "Try again later.", headers={"Retry-After": str(seconds)})
        if web.limiter.hit_mailbox(email):
            subscribers.subscribe(web.ctx, email, preferences, keywords, web.clock())

    if email is not None:
        await run_in_threadpool(store, email)
    await asyncio.sleep(max(0.0, started_at + web.min_answer_seconds - time.monotonic()))


@router.api_route("/sent", methods=SAFE_METHODS)
def sent_page(web: WebDep) -> HTMLResponse:
    return web.render("sent.html")


def parse_preview_keywords(web: WebContext, form: SubscribeForm) -> ParsedForm:
    """Parse the keywords alone, after a button has edited them, within the limits of a preview."""
    form.keywords = edit_keywords(form.keywords, form.add, form.narrow)
    parsed = parse_preferences_fields(form, web.ctx.settings)
    parsed.errors = parsed.errors_in("keywords")
    queries = [parse_canonical(keyword.canonical) for keyword in parsed.keywords]
    if len({term.canonical for query in queries for term in query.terms}) > MAX_PREVIEW_TERMS:
        message = (
            f"A preview looks up at most {MAX_PREVIEW_TERMS} words and phrases. You can subscribe to all of these."
        )
        parsed.keywords, parsed.errors = [], [*parsed.errors, FieldError("keywords", message)]
    return parsed


def run_preview(web: WebContext, parsed: ParsedForm) -> PreviewResult | None:
    """Preview the keywords; None if none can be parsed or there are no papers."""
    if parsed.errors_in("keywords") and not parsed.keywords:
        return None
    with read_session(web.ctx.engine) as session:
        web.recent_papers.refresh(session)
        day = web.recent_papers.day
        if day is None:
            return None
        preview = preview_from_index(
            session, parsed.keywords, web.recent_papers, day, web.clock(), cap=PREVIEW_PAPERS, is_current=True
        )
    context = preview_context(web.ctx, parsed.keywords, preview.papers, preview.omitted_count, preview.day)
    return PreviewResult(
        papers=tuple(_impersonal_card(web, paper, context) for paper in preview.papers),
        counts=preview.match_counts,
        considered=preview.considered_count,
        matched=len(preview.papers) + preview.omitted_count,
        days=web.recent_papers.days,
    )


def _impersonal_card(web: WebContext, paper: PaperView, context: DigestContext) -> PaperCard:
    """Return the paper without personal reasons, cached by paper and day."""
    cache = web.recent_papers.cache
    card: PaperCard | None = cache.get((paper, context.day))
    if card is None:
        card = build_card(paper, context.day, PersonalFields.for_subscriber(paper, context))
        card = cache[paper, context.day] = replace(card, reasons=(), reason_text="")
    return card


def _render_preview(web: WebContext, form: SubscribeForm, parsed: ParsedForm) -> HTMLResponse:
    """Render the form with a preview of the valid keywords."""
    return _render_form(web, submitted_values(form, web.ctx.settings), parsed, run_preview(web, parsed))


def _render_form(
    web: WebContext,
    values: dict[str, str],
    parsed: ParsedForm,
    preview: PreviewResult | None = None,
    *,
    guess_timezone: bool = False,
) -> HTMLResponse:
    return web.render(
        "subscribe.html",
        status=422 if parsed.errors else 200,
        **_template_variables(web, values, parsed, preview),
        live=False,
        guess_timezone=guess_timezone,
        zones=timezones_including(values["timezone"]),
        max_length=MAX_KEYWORDS_LENGTH,
        max_cap=MAX_CAP,
        consent_text=CONSENT_SENTENCE,
        consent_version=CONSENT_VERSION,
    )


def _template_variables(
    web: WebContext, values: dict[str, str], parsed: ParsedForm, preview: PreviewResult | None
) -> dict[str, Any]:
    """Return the template variables that the page and its live part share."""
    day, latest_papers = None, []
    notices: tuple[str, ...] = ()
    if preview is None:
        with read_session(web.ctx.engine) as session:
            day, latest_papers = latest_list_day(session), recent_papers(session, days=1, limit=SIDEBAR_PAPERS)
            notices = lasting_notices(load_source_problems(session, web.clock()))
    return {
        "values": values,
        "form": parsed,
        "preview": preview,
        "feedback": keyword_feedback(web, values["keywords"], parsed, preview),
        "day": day,
        "latest_papers": latest_papers,
        "source_notices": notices,
    }


def keyword_feedback(
    web: WebContext, entered: str, parsed: ParsedForm, preview: PreviewResult | None
) -> KeywordFeedback:
    """Describe the keywords and suggest others, unless all of the entered ones are invalid."""
    status = status_text(parsed, preview)
    if entered.strip() and not parsed.keywords:
        return KeywordFeedback((), (), status)
    fingerprint = web.recent_papers.fingerprint
    corpus = web.suggestions.recent_corpus(web.ctx, fingerprint[0] if preview and fingerprint else None)
    meanings = describe_keywords(corpus, parsed.keywords, preview.counts if preview else None)
    return KeywordFeedback(meanings, web.suggestions.suggest(corpus, parsed.keywords), status)


def status_text(parsed: ParsedForm, preview: PreviewResult | None) -> str:
    """Return a status sentence, which screen readers announce when it changes."""
    error_count = len(parsed.errors_in("keywords"))
    errors = f"{pluralize(error_count, 'line')} cannot be read." if error_count else ""
    if preview is None:
        return errors
    if not parsed.keywords:
        return errors or "Without keywords these would have come."
    matched = pluralize(preview.matched, "paper") if preview.matched else "None"
    return f"{matched} of the last {format_number(preview.considered)} would have come. {errors}".strip()
