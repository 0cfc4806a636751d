"""The front page: what you would get, and the form to ask for it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from digest import db, desk, papers, preview
from digest.letters.cards import Card, card
from digest.models import Paper
from digest.subscribers import LARGEST_CAP
from digest.web.forms import (
    LONGEST_KEYWORDS,
    Read,
    SubscribeForm,
    read_subscription,
    read_wish,
    typed,
    usual,
    zones_with,
)
from digest.web.front import LOOK, PREVIEW_DAYS, At, Front
from digest.web.keywords import Understood, changed, suggested, understood

router = APIRouter()

BESIDE = 6  # papers beside the form
PREVIEW_PAPERS = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """What the keywords would have brought. `matched` counts the papers, each once."""

    cards: tuple[Card, ...]
    counts: tuple[int, ...]
    considered: int
    matched: int
    days: int


@router.api_route("/", methods=LOOK)
def front_page(at: At, keywords: Annotated[str, Query()] = "") -> HTMLResponse:
    said = usual(at.house.settings) | {"keywords": keywords[:LONGEST_KEYWORDS]}
    return _page(at, said, Read(), fresh=True)


@router.post("/")
def previewed(at: At, form: Annotated[SubscribeForm, Form()]) -> HTMLResponse:
    """What the keywords would have brought, with what a button adds to them. Nothing is kept."""
    form.keywords = changed(form.keywords, form.add, form.narrow)
    read = read_wish(form, at.house.settings)
    read.faults = [fault for fault in read.faults if fault.field == "keywords"]
    return _looked(at, form, read)


@router.post("/subscribe")
async def subscribe(at: At, form: Annotated[SubscribeForm, Form()]) -> Response:
    """Ask for letters. The answer, and how long it takes, are the same whatever the address's state."""
    began = time.monotonic()
    read = await run_in_threadpool(read_subscription, form, at.house.settings)
    if read.faults:
        return await run_in_threadpool(_looked, at, form, read)
    if not form.website:
        await run_in_threadpool(desk.subscribe, at.house, form.email, read.wish, read.saved, at.clock())
    await asyncio.sleep(max(0.0, began + at.pace - time.monotonic()))
    return RedirectResponse(f"{at.root}/sent", status_code=303)


def _looked(at: Front, form: SubscribeForm, read: Read) -> HTMLResponse:
    """The form with what the keywords would have brought, as far as they could be read."""
    seen = _look(at, read) if read.saved or not read.of("keywords") else None
    return _page(at, typed(form, at.house.settings), read, seen)


@router.api_route("/sent", methods=LOOK)
def sent(at: At) -> HTMLResponse:
    return at.page("sent.html")


def _page(
    at: Front, said: dict[str, str], read: Read, seen: Seen | None = None, *, fresh: bool = False
) -> HTMLResponse:
    day, beside = _beside(at) if seen is None else (None, [])
    known, phrases = _told(at, said, read, seen)
    return at.page(
        "subscribe.html",
        status=422 if read.faults else 200,
        said=said,
        read=read,
        seen=seen,
        understood=known,
        suggested=phrases,
        day=day,
        beside=beside,
        fresh=fresh,
        zones=zones_with(said["timezone"]),
        longest=LONGEST_KEYWORDS,
        largest_cap=LARGEST_CAP,
    )


def _told(
    at: Front, said: dict[str, str], read: Read, seen: Seen | None
) -> tuple[tuple[Understood, ...], tuple[str, ...]]:
    """How the keywords were understood, and what could be added to them."""
    if said["keywords"].strip() and not read.saved:
        return (), ()
    lately = at.shelf.lately(at.house)
    return understood(lately, read.saved, seen.counts if seen else None), suggested(lately, read.saved)


def _beside(at: Front) -> tuple[date | None, list[Paper]]:
    with db.reading(at.house.engine) as session:
        return papers.latest_day(session), papers.recent(session, days=1, limit=BESIDE)


def _look(at: Front, read: Read) -> Seen | None:
    now = at.clock()
    with db.reading(at.house.engine) as session:
        day = papers.latest_day(session)
        if day is None:
            return None
        days = len(papers.days(session, limit=PREVIEW_DAYS))
        looked = preview.glance(session, read.saved, at.recent, day, now, cap=PREVIEW_PAPERS)
    words = preview.letter_words(at.house, read.saved, looked)
    return Seen(
        cards=tuple(card(paper, words) for paper in looked.papers),
        counts=looked.counts,
        considered=looked.considered,
        matched=len(looked.papers) + looked.left_out,
        days=days,
    )
