"""The front page: what you would get, and the form to ask for it. /preview is the live part of it, for the script."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from digest import subscribers
from digest.database import read_session
from digest.database.models import Paper
from digest.formatting import format_number, pluralize
from digest.matching import KeywordInput, parse_canonical
from digest.papers import latest_list_day, recent_papers
from digest.planning import preview_from_index
from digest.rendering import DigestContext, PaperCard, PaperView, PersonalFields, build_card, preview_context
from digest.subscribers import CONSENT_TEXT as CONSENT
from digest.subscribers import MAX_CAP, Preferences
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.forms import (
    MAX_KEYWORDS_LENGTH,
    FieldError,
    ParsedForm,
    SubscribeForm,
    default_values,
    entered_values,
    parse_preferences_fields,
    parse_subscribe_form,
    suggest_domain,
    timezones_including,
)
from digest.web.keywords import KeywordMeaning, describe_keywords, edit_keywords

router = APIRouter()


SubscribeBody = Annotated[SubscribeForm, Form()]


SIDEBAR_PAPERS = 6  # papers beside the form


PREVIEW_PAPERS = 10


MAX_PREVIEW_TERMS = 400  # phrases and fields of all keywords that one preview looks up


CONSENT_VERSION, _, CONSENT_TEXT = CONSENT.partition(": ")


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What the keywords would have brought. `matched` counts the papers, each once."""

    cards: tuple[PaperCard, ...]
    counts: tuple[int, ...]
    considered: int
    matched: int
    days: int


@dataclass(frozen=True, slots=True)
class KeywordFeedback:
    """What is said of the keywords: how they were understood, what could be added, and one sentence about it all."""

    understood: tuple[KeywordMeaning, ...]
    suggested: tuple[str, ...]
    status: str


@router.api_route("/", methods=SAFE_METHODS)
def front_page(web: WebDep, keywords: Annotated[str, Query()] = "") -> HTMLResponse:
    said = default_values(web.ctx.settings) | {"keywords": keywords[:MAX_KEYWORDS_LENGTH]}
    stamp = web.papers_version()
    if keywords:
        answer = _render_form(web, said, ParsedForm(), fresh=True)
    else:
        answer = web.cached_page("/", stamp, lambda: _render_form(web, said, ParsedForm(), fresh=True))
    if web.recent_papers.fingerprint != stamp:
        # Whoever reads this page will type soon: the papers for the preview are made ready meanwhile.
        answer.background = BackgroundTask(web.fill_caches)
    return answer


@router.post("/")
def preview_page(web: WebDep, form: SubscribeBody) -> HTMLResponse:
    """What the keywords would have brought, with what a button adds to them. Nothing is kept."""
    return _render_preview(web, form, _parse_keywords(web, form))


@router.post("/preview")
def preview_fragment(web: WebDep, form: SubscribeBody) -> Response:
    """The part of the page that changes while somebody types. 202: ask again in a moment, the papers are being read."""
    if web.recent_papers.is_loading:
        return Response(status_code=202, headers={"Retry-After": "2"})
    before = form.keywords
    read = _parse_keywords(web, form)
    seen = _preview(web, read)
    values = _template_values(web, entered_values(form, web.ctx.settings), read, seen)
    return web.render("preview.html", **values, live=True, changed=form.keywords if form.keywords != before else None)


@router.api_route("/meant", methods=SAFE_METHODS)
def domain_suggestion(domain: Annotated[str, Query(max_length=255)]) -> JSONResponse:
    """Whether a domain is probably a slip. Only the domain is sent here while somebody types, not the address."""
    return JSONResponse({"meant": suggest_domain(domain)})


@router.post("/subscribe")
async def subscribe(web: WebDep, form: SubscribeBody) -> Response:
    """Ask for letters. The answer, and how long it takes, are the same whatever the address's state."""
    began = time.monotonic()
    read = await run_in_threadpool(parse_subscribe_form, form, web.ctx.settings)
    if read.faults or read.mended:
        return await run_in_threadpool(_render_preview, web, form, read)
    await request_subscription(web, None if form.website else form.email, read.wish, read.saved, began)
    return RedirectResponse(f"{web.root}/sent", status_code=303)


async def request_subscription(
    web: WebContext, email: str | None, preferences: Preferences, keywords: Sequence[KeywordInput], started_at: float
) -> None:
    """Note a wish (none: pretend to) and take `at.pace` seconds for it since `began`, a monotonic instant.

    An address that was asked for too often gets nothing, and nobody is told. Raises HTTPException when too much was
    asked for at its domain, or in all.
    """
    if email is not None:
        await run_in_threadpool(_create_subscription, web, email, preferences, keywords)
    await asyncio.sleep(max(0.0, started_at + web.min_answer_seconds - time.monotonic()))


def _create_subscription(
    web: WebContext, email: str, preferences: Preferences, keywords: Sequence[KeywordInput]
) -> None:
    if seconds := web.limiter.check_domain(email):
        raise HTTPException(429, "Try again later.", headers={"Retry-After": str(seconds)})
    if web.limiter.hit_mailbox(email):
        subscribers.subscribe(web.ctx, email, preferences, keywords, web.clock())


@router.api_route("/sent", methods=SAFE_METHODS)
def sent_page(web: WebDep) -> HTMLResponse:
    return web.render("sent.html")


def _parse_keywords(web: WebContext, form: SubscribeForm) -> ParsedForm:
    """The keywords alone, after what a button does to them, as far as one preview goes."""
    form.keywords = edit_keywords(form.keywords, form.add, form.narrow)
    read = parse_preferences_fields(form, web.ctx.settings)
    read.faults = read.at("keywords")
    if (
        len({leaf.canonical for each in read.saved for leaf in parse_canonical(each.canonical).terms})
        > MAX_PREVIEW_TERMS
    ):
        said = f"A preview looks up at most {MAX_PREVIEW_TERMS} words and phrases. You can subscribe to all of these."
        read.saved, read.faults = [], [*read.faults, FieldError("keywords", said)]
    return read


def _render_preview(web: WebContext, form: SubscribeForm, parsed: ParsedForm) -> HTMLResponse:
    """The form with what the keywords would have brought, as far as they could be read."""
    return _render_form(web, entered_values(form, web.ctx.settings), parsed, _preview(web, parsed))


def _render_form(
    web: WebContext,
    values: dict[str, str],
    parsed: ParsedForm,
    preview: PreviewResult | None = None,
    *,
    fresh: bool = False,
) -> HTMLResponse:
    return web.render(
        "subscribe.html",
        status=422 if parsed.faults else 200,
        **_template_values(web, values, parsed, preview),
        live=False,
        fresh=fresh,
        zones=timezones_including(values["timezone"]),
        longest=MAX_KEYWORDS_LENGTH,
        largest_cap=MAX_CAP,
        agreed=CONSENT_TEXT,
        version_agreed=CONSENT_VERSION,
    )


def _template_values(
    web: WebContext, values: dict[str, str], parsed: ParsedForm, seen: PreviewResult | None
) -> dict[str, Any]:
    """What the page and its live part have in common."""
    day, beside = _sidebar_papers(web) if seen is None else (None, [])
    told = _keyword_feedback(web, values, parsed, seen)
    return {"said": values, "read": parsed, "seen": seen, "told": told, "day": day, "beside": beside}


def _keyword_feedback(
    web: WebContext, values: dict[str, str], parsed: ParsedForm, seen: PreviewResult | None
) -> KeywordFeedback:
    if values["keywords"].strip() and not parsed.saved:
        return KeywordFeedback((), (), _status_text(parsed, seen))
    lately = web.suggestions.recent_corpus(
        web.ctx, web.recent_papers.fingerprint[0] if seen and web.recent_papers.fingerprint else None
    )
    known = describe_keywords(lately, parsed.saved, seen.counts if seen else None)
    return KeywordFeedback(known, web.suggestions.suggest(lately, parsed.saved), _status_text(parsed, seen))


def _status_text(parsed: ParsedForm, seen: PreviewResult | None) -> str:
    """One sentence, spoken by a screen reader when it changes."""
    wrong = len(parsed.at("keywords"))
    faults = f"{pluralize(wrong, 'line')} cannot be read." if wrong else ""
    if seen is None:
        return faults
    if not parsed.saved:
        return faults or "Without keywords these would have come."
    many = pluralize(seen.matched, "paper") if seen.matched else "None"
    found = f"{many} of the last {format_number(seen.considered)} would have come."
    return f"{found} {faults}".strip()


def _sidebar_papers(web: WebContext) -> tuple[date | None, list[Paper]]:
    with read_session(web.ctx.engine) as session:
        return latest_list_day(session), recent_papers(session, days=1, limit=SIDEBAR_PAPERS)


def _preview(web: WebContext, parsed: ParsedForm) -> PreviewResult | None:
    """What would have come; None where no keyword can be read, or nothing is on the shelf."""
    if parsed.at("keywords") and not parsed.saved:
        return None
    with read_session(web.ctx.engine) as session:
        web.recent_papers.refresh(session)
        day = web.recent_papers.day
        if day is None:
            return None
        looked = preview_from_index(
            session, parsed.saved, web.recent_papers, day, web.clock(), cap=PREVIEW_PAPERS, is_current=True
        )
    words = preview_context(web.ctx, parsed.saved, looked.papers, looked.omitted_count, looked.day)
    return PreviewResult(
        cards=tuple(_paper_entry(web, paper, words) for paper in looked.papers),
        counts=looked.match_counts,
        considered=looked.considered_count,
        matched=len(looked.papers) + looked.omitted_count,
        days=web.recent_papers.days,
    )


def _paper_entry(web: WebContext, paper: PaperView, digest: DigestContext) -> PaperCard:
    """The paper as a page shows it, without the reader's own words for why; worked out once."""
    kept = web.recent_papers.cache
    shown: PaperCard | None = kept.get((paper, digest.day))
    if shown is None:
        card = build_card(paper, digest.day, PersonalFields.for_subscriber(paper, digest))
        shown = kept[paper, digest.day] = replace(card, reasons=(), reason_text="")
    return shown
