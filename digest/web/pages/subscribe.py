"""Front page: the form to subscribe, beside the e-mail that its keywords would have brought.

The script posts to /preview for the part that changes while somebody types. GET /preview is a whole e-mail.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from digest import subscribers
from digest.database import read_session
from digest.formatting import join_words
from digest.matching import ConvertedAlerts, KeywordInput, convert_alerts
from digest.papers import lasting_notices, latest_list_day, load_source_problems, recent_papers
from digest.subscribers import CONSENT_TEXT, MAX_CAP, Preferences
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.forms import (
    MAX_KEYWORDS_LENGTH,
    ParsedForm,
    SubscribeForm,
    append_keywords,
    default_values,
    edit_keywords,
    parse_subscribe_form,
    submitted_values,
    suggest_domain,
    timezones_including,
)
from digest.web.headers import EMAIL_SECURITY_POLICY
from digest.web.previews import (
    KeywordPreview,
    describe_form,
    parse_preview_keywords,
    preview_example,
    preview_keywords,
    render_preview_email,
)

router = APIRouter()
MAX_NAMED_SOURCES = 4
SubscribeBody = Annotated[SubscribeForm, Form()]
TOP_PAPERS = 6  # of the latest list day, at the end of the page
CONSENT_VERSION, _, CONSENT_SENTENCE = CONSENT_TEXT.partition(": ")
# Only our own front page may frame the e-mail, and search engines have nothing to find in it.
EMAIL_HEADERS = {
    "Content-Security-Policy": f"{EMAIL_SECURITY_POLICY}; frame-ancestors 'self'",
    "X-Robots-Tag": "noindex, nofollow",
}


@router.api_route("/", methods=SAFE_METHODS)
def front_page(web: WebDep, keywords: Annotated[str, Query()] = "") -> HTMLResponse:
    values = default_values(web.ctx.settings) | {"keywords": keywords[:MAX_KEYWORDS_LENGTH]}
    version = web.papers_version()
    if keywords:
        parsed = parse_preview_keywords(SubscribeForm(keywords=values["keywords"]), web)
        preview = preview_keywords(web, parsed) if parsed.keywords and not parsed.errors else None
        # Errors of a link are shown when the form is sent, or by the script.
        response = _render_form(web, values, parsed if preview else ParsedForm(), preview, guess_timezone=True)
    else:
        response = web.cached_page("/", version, lambda: _render_form(web, values, ParsedForm(), guess_timezone=True))
    if web.recent_papers.fingerprint != version or not web.are_caches_filled:
        # Visitors of this page type soon: load the papers for the preview meanwhile.
        response.background = BackgroundTask(web.fill_caches)
    return response


@router.post("/")
def preview_page(web: WebDep, form: SubscribeBody) -> HTMLResponse:
    """Preview the keywords, with what a button adds to them. Nothing is stored."""
    form.keywords = edit_keywords(form.keywords, form.add, form.replace, form.convert)
    alerts = convert_alerts(form.alerts, web.keyword_limits.query_limits) if form.alerts.strip() else None
    if alerts:
        form.keywords = append_keywords(form.keywords, alerts.keywords)
    return _render_preview(web, form, parse_preview_keywords(form, web), alerts)


@router.post("/preview")
def preview_fragment(web: WebDep, form: SubscribeBody) -> HTMLResponse:
    """Render the part of the page that changes while the visitor types. Nothing of it is for a field."""
    parsed = parse_preview_keywords(form, web)
    variables = _preview_variables(web, form.keywords, parsed, preview_keywords(web, parsed))
    response = web.render("preview.html", **variables, form=parsed)
    if not web.are_caches_filled:
        response.background = BackgroundTask(web.fill_caches)
    return response


@router.api_route("/preview", methods=SAFE_METHODS)
def preview_email(
    web: WebDep, keywords: Annotated[str, Query()] = "", day: Annotated[str, Query(max_length=10)] = ""
) -> HTMLResponse:
    """Show the whole e-mail that the keywords would have got on a list day, the latest one unless given."""
    form = SubscribeForm(keywords=keywords)
    parsed = parse_preview_keywords(form, web)
    try:
        list_day = date.fromisoformat(day) if day else None
    except ValueError:
        list_day = None
    html = render_preview_email(web, parsed.keywords, list_day)
    if not html:
        return error_page(web, 404, title=messages.NO_PAPERS_TITLE, text=messages.NO_PAPERS_YET)
    return HTMLResponse(html, headers=EMAIL_HEADERS)


@router.api_route("/meant", methods=SAFE_METHODS)
def domain_suggestion(domain: Annotated[str, Query(max_length=255)]) -> JSONResponse:
    """Suggest a domain for a probable typo. The script sends only the domain, not the address."""
    return JSONResponse({"meant": suggest_domain(domain)})


@router.post("/subscribe")
async def subscribe(web: WebDep, form: SubscribeBody) -> Response:
    """Subscribe. Response and duration are the same whatever the state of the address."""
    started_at = time.monotonic()
    parsed = await run_in_threadpool(lambda: parse_subscribe_form(form, web.ctx.settings, web.keyword_limits))
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
            raise HTTPException(429, messages.TRY_LATER, headers={"Retry-After": str(seconds)})
        if web.limiter.hit_mailbox(email):
            subscribers.subscribe(web.ctx, email, preferences, keywords, web.clock())

    if email is not None:
        await run_in_threadpool(store, email)
    await asyncio.sleep(max(0.0, started_at + web.min_answer_seconds - time.monotonic()))


@router.api_route("/sent", methods=SAFE_METHODS)
def sent_page(web: WebDep) -> HTMLResponse:
    return web.render("sent.html")


def _render_preview(
    web: WebContext, form: SubscribeForm, parsed: ParsedForm, alerts: ConvertedAlerts | None = None
) -> HTMLResponse:
    """Render the form with a preview of the valid keywords, and what became of pasted alerts."""
    values = submitted_values(form, web.ctx.settings)
    return _render_form(web, values, parsed, preview_keywords(web, parsed), alerts=alerts)


def _render_form(
    web: WebContext,
    values: dict[str, str],
    parsed: ParsedForm,
    preview: KeywordPreview | None = None,
    *,
    guess_timezone: bool = False,
    alerts: ConvertedAlerts | None = None,
) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        day, top_papers = latest_list_day(session), recent_papers(session, days=1, limit=TOP_PAPERS)
        notices = lasting_notices(load_source_problems(session, web.clock()))
    return web.render(
        "subscribe.html",
        status=422 if parsed.errors else 200,
        **_preview_variables(web, values["keywords"], parsed, preview),
        form=parsed,
        values=values,
        alerts=alerts,
        day=day,
        top_papers=top_papers,
        source_notices=notices,
        sources=name_sources(web),
        guess_timezone=guess_timezone,
        zones=timezones_including(values["timezone"]),
        max_length=MAX_KEYWORDS_LENGTH,
        max_cap=MAX_CAP,
        consent_text=CONSENT_SENTENCE,
        consent_version=CONSENT_VERSION,
    )


def _preview_variables(
    web: WebContext, entered: str, parsed: ParsedForm, preview: KeywordPreview | None
) -> dict[str, Any]:
    """Return the template variables that the page and its live part share."""
    feedback = describe_form(web, entered, parsed, preview)
    is_example = not parsed.keywords and not parsed.errors_in("keywords")
    email = preview_example(web, feedback.related) if is_example else preview.email if preview else None
    has_papers = email is not None or preview is not None
    if not has_papers:
        with read_session(web.ctx.engine) as session:
            has_papers = latest_list_day(session) is not None
    return {
        "feedback": feedback,
        "preview": preview if parsed.keywords else None,
        "email": email,
        "has_papers": has_papers,
    }


def name_sources(web: WebContext) -> str:
    """Name the sources in a sentence; of many, the first few."""
    titles = list(web.known_sources.values())
    return join_words(titles[:MAX_NAMED_SOURCES], max(0, len(titles) - MAX_NAMED_SOURCES), "source")
