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

from digest import planning
from digest.database import read_session
from digest.database.models import UNDELIVERED, Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.matching import KeywordInput, describe, is_exclusion, parse_canonical
from digest.papers import PaperSnapshot, delivered_paper_ids, papers_by_id, papers_listed_after
from digest.rendering import PaperView
from digest.schedule import latest_due_day, next_due_day
from digest.subscribers import RUNNING_STATUSES, keywords_by_subscriber
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.context import SAFE_METHODS, WebDep

router = APIRouter()


MAX_RESULTS = 20  # readers named for a part of an address


MIN_SEARCH_LENGTH = 3  # characters of that part


MAX_DELIVERIES = 40  # letters shown


MAX_CANDIDATES = 5000  # papers that a next letter is chosen from: a week's


class SubscriberSearchForm(BaseModel):
    q: str = ""


@dataclass(frozen=True, slots=True)
class SubscriberKeywordRow:
    """A keyword as it is written, and how it was understood."""

    written: str
    meaning: str
    exclusion: bool


@dataclass(frozen=True, slots=True)
class ChosenPaper:
    """A paper of the next letter, and why it is in it: the keyword's place, the keyword, where it was found."""

    paper: PaperSnapshot
    why: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class NextDigest:
    """What the next letter would be if nothing more were listed. `day` is its due day, `now` that it has come."""

    day: date
    now: bool
    papers: Sequence[ChosenPaper]
    left_out: int
    considered: int


@router.api_route("/readers", methods=SAFE_METHODS)
def search_page(web: WebDep) -> HTMLResponse:
    return admin_page(web, "readers.html", q="", found=None, fault="")


@router.post("/readers")
def search_subscribers(web: WebDep, form: Annotated[SubscriberSearchForm, Form()]) -> Response:
    """On to the one reader, or a list of those whose address has this in it."""
    part = form.q.strip().casefold()
    if len(part) < MIN_SEARCH_LENGTH:
        fault = f"Enter an address, or at least {MIN_SEARCH_LENGTH} characters of it."
        return admin_page(web, "readers.html", status=422, q=form.q, found=None, fault=fault)
    with read_session(web.ctx.engine) as session:
        key = col(Subscriber.email_key)
        one = session.exec(select(Subscriber.id).where(key == part)).first()
        if one is not None:
            return redirect_to_admin(web, f"/readers/{one}")
        some = select(Subscriber).where(key.contains(part, autoescape=True)).order_by(key).limit(MAX_RESULTS)
        return admin_page(web, "readers.html", q=form.q, found=session.exec(some).all(), fault="")


@router.api_route("/readers/{number}", methods=SAFE_METHODS)
def subscriber_page(web: WebDep, number: int, queued: int = 0) -> HTMLResponse:
    now = web.clock()
    with read_session(web.ctx.engine) as session:
        found = session.get(Subscriber, number)
        if found is None:
            raise HTTPException(404)
        saved = keywords_by_subscriber(session, [number]).get(number, [])
        letters = select(Delivery).where(Delivery.subscriber_id == number).order_by(col(Delivery.id).desc())
        return admin_page(
            web,
            "reader.html",
            reader=found,
            running=found.status in RUNNING_STATUSES,
            keywords=[_keyword_row(each) for each in saved],
            letters=session.exec(letters.limit(MAX_DELIVERIES)).all(),
            next=next_digest(session, found, saved, now) if found.status == SubscriberStatus.ACTIVE else None,
            queued=queued,
            digest=DeliveryKind.DIGEST,
        )


def _keyword_row(keyword: KeywordInput) -> SubscriberKeywordRow:
    query = parse_canonical(keyword.canonical)
    return SubscriberKeywordRow(keyword.text, describe(query), is_exclusion(keyword.canonical))


def next_digest(
    session: Session, subscriber: Subscriber, keywords: Sequence[KeywordInput], now: datetime
) -> NextDigest:
    """Chosen by the code that chooses letters, from what was listed since the last one and from what is owed."""
    number = int(subscriber.id or 0)
    rhythm = subscriber.timezone, subscriber.send_hour, subscriber.frequency
    last = latest_due_day(now, *rhythm)
    is_due = subscriber.last_due_day is None or subscriber.last_due_day < last
    day = last if is_due else next_due_day(now, *rhythm)
    owed = session.exec(
        select(Delivery.papers).where(
            Delivery.subscriber_id == number, Delivery.kind == DeliveryKind.DIGEST, text(UNDELIVERED)
        )
    ).all()
    had = delivered_paper_ids(session, [number]).get(number, set())
    back = papers_by_id(session, {each for some in owed for each in some})
    fresh = {
        int(each.id or 0): each for each in papers_listed_after(session, subscriber.covered_listing_id, MAX_CANDIDATES)
    }
    pool = [each for each in (back | fresh).values() if each.id in back or each.id not in had]
    seen = planning.preview(session, keywords, pool, day, now, cap=subscriber.cap)
    written = [each.text for each in keywords]
    return NextDigest(
        day,
        is_due,
        [ChosenPaper(each.paper, _match_reasons(each, written)) for each in seen.papers],
        seen.omitted_count,
        seen.considered_count,
    )


def _match_reasons(paper: PaperView, keywords: Sequence[str]) -> Sequence[tuple[int, str, str]]:
    return [(place, keywords[place], where) for place, where in paper.matched_in]
