"""One reader: found by address, who they are, what they got and what comes next, and why.

An address is searched by a form that is posted: it stands in no address of ours, and so in no log of a proxy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from digest import db, deliveries, papers, preview, subscribers
from digest.editions import next_slot, slot
from digest.letters import LetterPaper
from digest.matching import describe, is_exclusion, recall
from digest.models import Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.models.record import UNDELIVERED
from digest.subscribers import RUNNING, Saved
from digest.web.front import LOOK, At
from digest.web.operator.door import page, to

router = APIRouter()

FOUND = 20  # readers named for a part of an address
SHORTEST = 3  # characters of that part
HISTORY = 40  # letters shown
LOOKED_AT = 5000  # papers that a next letter is chosen from: a week's


class SearchForm(BaseModel):
    q: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A keyword as it is written, and how it was understood."""

    written: str
    meaning: str
    exclusion: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """A paper of the next letter, and why it is in it: the keyword's place, the keyword, where it was found."""

    paper: LetterPaper
    why: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Next:
    """What the next letter would be if nothing more were listed. `day` is its due day, `now` that it has come."""

    day: date
    now: bool
    papers: Sequence[Chosen]
    left_out: int
    considered: int


@router.api_route("/readers", methods=LOOK)
def search_page(at: At) -> HTMLResponse:
    return page(at, "readers.html", q="", found=None, fault="")


@router.post("/readers")
def search(at: At, form: Annotated[SearchForm, Form()]) -> Response:
    """On to the one reader, or a list of those whose address has this in it."""
    part = form.q.strip().casefold()
    if len(part) < SHORTEST:
        fault = f"Enter an address, or at least {SHORTEST} characters of it."
        return page(at, "readers.html", status=422, q=form.q, found=None, fault=fault)
    with db.reading(at.house.engine) as session:
        key = col(Subscriber.email_key)
        one = session.exec(select(Subscriber.id).where(key == part)).first()
        if one is not None:
            return to(at, f"/readers/{one}")
        some = select(Subscriber).where(key.contains(part, autoescape=True)).order_by(key).limit(FOUND)
        return page(at, "readers.html", q=form.q, found=session.exec(some).all(), fault="")


@router.api_route("/readers/{number}", methods=LOOK)
def reader(at: At, number: int, queued: int = 0) -> HTMLResponse:
    now = at.clock()
    with db.reading(at.house.engine) as session:
        found = session.get(Subscriber, number)
        if found is None:
            raise HTTPException(404)
        saved = subscribers.keywords_of(session, [number]).get(number, [])
        letters = select(Delivery).where(Delivery.subscriber_id == number).order_by(col(Delivery.id).desc())
        return page(
            at,
            "reader.html",
            reader=found,
            running=found.status in RUNNING,
            keywords=[_wanted(each) for each in saved],
            letters=session.exec(letters.limit(HISTORY)).all(),
            next=next_letter(session, found, saved, now) if found.status == SubscriberStatus.ACTIVE else None,
            queued=queued,
            digest=DeliveryKind.DIGEST,
        )


def _wanted(each: Saved) -> Wanted:
    query = recall(each.canonical)
    return Wanted(each.written, describe(query), is_exclusion(each.canonical))


def next_letter(session: Session, found: Subscriber, saved: Sequence[Saved], now: datetime) -> Next:
    """Chosen by the code that chooses letters, from what was listed since the last one and from what is owed."""
    number = int(found.id or 0)
    rhythm = found.timezone, found.send_hour, found.frequency
    last = slot(now, *rhythm)
    is_due = found.last_due_day is None or found.last_due_day < last
    day = last if is_due else next_slot(now, *rhythm)
    owed = session.exec(
        select(Delivery.papers).where(
            Delivery.subscriber_id == number, Delivery.kind == DeliveryKind.DIGEST, text(UNDELIVERED)
        )
    ).all()
    had = deliveries.had(session, [number]).get(number, set())
    back = papers.by_ids(session, {each for some in owed for each in some})
    fresh = {int(each.id or 0): each for each in papers.entered_after(session, found.covered_listing_id, LOOKED_AT)}
    pool = [each for each in (back | fresh).values() if each.id in back or each.id not in had]
    seen = preview.look(session, saved, pool, day, now, cap=found.cap)
    written = [each.written for each in saved]
    return Next(
        day, is_due, [Chosen(each, _why(each, written)) for each in seen.papers], seen.left_out, seen.considered
    )


def _why(paper: LetterPaper, written: Sequence[str]) -> Sequence[tuple[int, str, str]]:
    return [(place, written[place], where) for place, where in paper.where]
