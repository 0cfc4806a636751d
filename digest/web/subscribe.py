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

from digest import db, desk, papers, preview
from digest.letters import DigestWords, LetterPaper, say
from digest.letters.cards import Card, card
from digest.matching import recall
from digest.models import Paper
from digest.subscribers import CONSENT, LARGEST_CAP, Saved, Wish
from digest.web import typos
from digest.web.forms import (
    LONGEST_KEYWORDS,
    Fault,
    Read,
    SubscribeForm,
    read_subscription,
    read_wish,
    typed,
    usual,
    zones_with,
)
from digest.web.front import LOOK, At, Front
from digest.web.keywords import Understood, changed, understood

router = APIRouter()
Typed = Annotated[SubscribeForm, Form()]

BESIDE = 6  # papers beside the form
PREVIEW_PAPERS = 10
MOST_PARTS = 400  # phrases and fields of all keywords that one preview looks up
VERSION, _, AGREED = CONSENT.partition(": ")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the keywords would have brought. `matched` counts the papers, each once."""

    cards: tuple[Card, ...]
    counts: tuple[int, ...]
    considered: int
    matched: int
    days: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of the keywords: how they were understood, what could be added, and one sentence about it all."""

    understood: tuple[Understood, ...]
    suggested: tuple[str, ...]
    status: str


@router.api_route("/", methods=LOOK)
def front_page(at: At, keywords: Annotated[str, Query()] = "") -> HTMLResponse:
    said = usual(at.house.settings) | {"keywords": keywords[:LONGEST_KEYWORDS]}
    stamp = at.stamp()
    if keywords:
        answer = _page(at, said, Read(), fresh=True)
    else:
        answer = at.keep("/", stamp, lambda: _page(at, said, Read(), fresh=True))
    if at.recent.stamp != stamp:
        # Whoever reads this page will type soon: the papers for the preview are made ready meanwhile.
        answer.background = BackgroundTask(at.warm)
    return answer


@router.post("/")
def previewed(at: At, form: Typed) -> HTMLResponse:
    """What the keywords would have brought, with what a button adds to them. Nothing is kept."""
    return _looked(at, form, _read_keywords(at, form))


@router.post("/preview")
def live(at: At, form: Typed) -> Response:
    """The part of the page that changes while somebody types. 202: ask again in a moment, the papers are being read."""
    if at.recent.busy:
        return Response(status_code=202, headers={"Retry-After": "2"})
    before = form.keywords
    read = _read_keywords(at, form)
    seen = _seen(at, read)
    values = _values(at, typed(form, at.house.settings), read, seen)
    return at.page("preview.html", **values, live=True, changed=form.keywords if form.keywords != before else None)


@router.api_route("/meant", methods=LOOK)
def meant(domain: Annotated[str, Query(max_length=255)]) -> JSONResponse:
    """Whether a domain is probably a slip. Only the domain is sent here while somebody types, not the address."""
    return JSONResponse({"meant": typos.meant(domain)})


@router.post("/subscribe")
async def subscribe(at: At, form: Typed) -> Response:
    """Ask for letters. The answer, and how long it takes, are the same whatever the address's state."""
    began = time.monotonic()
    read = await run_in_threadpool(read_subscription, form, at.house.settings)
    if read.faults or read.mended:
        return await run_in_threadpool(_looked, at, form, read)
    await ask(at, None if form.website else form.email, read.wish, read.saved, began)
    return RedirectResponse(f"{at.root}/sent", status_code=303)


async def ask(at: Front, email: str | None, wish: Wish, saved: Sequence[Saved], began: float) -> None:
    """Note a wish (none: pretend to) and take `at.pace` seconds for it since `began`, a monotonic instant.

    An address that was asked for too often gets nothing, and nobody is told. Raises HTTPException when too much was
    asked for at its domain, or in all.
    """
    if email is not None:
        await run_in_threadpool(_note, at, email, wish, saved)
    await asyncio.sleep(max(0.0, began + at.pace - time.monotonic()))


def _note(at: Front, email: str, wish: Wish, saved: Sequence[Saved]) -> None:
    if seconds := at.rations.domain(email):
        raise HTTPException(429, "Try again later.", headers={"Retry-After": str(seconds)})
    if at.rations.mailbox(email):
        desk.subscribe(at.house, email, wish, saved, at.clock())


@router.api_route("/sent", methods=LOOK)
def sent(at: At) -> HTMLResponse:
    return at.page("sent.html")


def _read_keywords(at: Front, form: SubscribeForm) -> Read:
    """The keywords alone, after what a button does to them, as far as one preview goes."""
    form.keywords = changed(form.keywords, form.add, form.narrow)
    read = read_wish(form, at.house.settings)
    read.faults = read.at("keywords")
    if len({leaf.canonical for each in read.saved for leaf in recall(each.canonical).leaves}) > MOST_PARTS:
        said = f"A preview looks up at most {MOST_PARTS} words and phrases. You can subscribe to all of these."
        read.saved, read.faults = [], [*read.faults, Fault("keywords", said)]
    return read


def _looked(at: Front, form: SubscribeForm, read: Read) -> HTMLResponse:
    """The form with what the keywords would have brought, as far as they could be read."""
    return _page(at, typed(form, at.house.settings), read, _seen(at, read))


def _page(
    at: Front, said: dict[str, str], read: Read, seen: Seen | None = None, *, fresh: bool = False
) -> HTMLResponse:
    return at.page(
        "subscribe.html",
        status=422 if read.faults else 200,
        **_values(at, said, read, seen),
        live=False,
        fresh=fresh,
        zones=zones_with(said["timezone"]),
        longest=LONGEST_KEYWORDS,
        largest_cap=LARGEST_CAP,
        agreed=AGREED,
        version_agreed=VERSION,
    )


def _values(at: Front, said: dict[str, str], read: Read, seen: Seen | None) -> dict[str, Any]:
    """What the page and its live part have in common."""
    day, beside = _beside(at) if seen is None else (None, [])
    told = _told(at, said, read, seen)
    return {"said": said, "read": read, "seen": seen, "told": told, "day": day, "beside": beside}


def _told(at: Front, said: dict[str, str], read: Read, seen: Seen | None) -> Told:
    if said["keywords"].strip() and not read.saved:
        return Told((), (), _status(read, seen))
    lately = at.shelf.lately(at.house, at.recent.stamp[0] if seen and at.recent.stamp else None)
    known = understood(lately, read.saved, seen.counts if seen else None)
    return Told(known, at.shelf.suggested(lately, read.saved), _status(read, seen))


def _status(read: Read, seen: Seen | None) -> str:
    """One sentence, spoken by a screen reader when it changes."""
    wrong = len(read.at("keywords"))
    faults = f"{say.count(wrong, 'line')} cannot be read." if wrong else ""
    if seen is None:
        return faults
    if not read.saved:
        return faults or "Without keywords these would have come."
    many = say.count(seen.matched, "paper") if seen.matched else "None"
    found = f"{many} of the last {say.number(seen.considered)} would have come."
    return f"{found} {faults}".strip()


def _beside(at: Front) -> tuple[date | None, list[Paper]]:
    with db.reading(at.house.engine) as session:
        return papers.latest_day(session), papers.recent(session, days=1, limit=BESIDE)


def _seen(at: Front, read: Read) -> Seen | None:
    """What would have come; None where no keyword can be read, or nothing is on the shelf."""
    if read.at("keywords") and not read.saved:
        return None
    with db.reading(at.house.engine) as session:
        at.recent.refresh(session)
        day = at.recent.day
        if day is None:
            return None
        looked = preview.glance(session, read.saved, at.recent, day, at.clock(), cap=PREVIEW_PAPERS, fresh=True)
    words = preview.letter_words(at.house, read.saved, looked)
    return Seen(
        cards=tuple(_card(at, paper, words) for paper in looked.papers),
        counts=looked.counts,
        considered=looked.considered,
        matched=len(looked.papers) + looked.left_out,
        days=at.recent.days,
    )


def _card(at: Front, paper: LetterPaper, words: DigestWords) -> Card:
    """The paper as a page shows it, without the reader's own words for why; worked out once."""
    kept = at.recent.kept
    shown: Card | None = kept.get((paper, words.day))
    if shown is None:
        shown = kept[paper, words.day] = replace(card(paper, words), reasons=(), why="")
    return shown
