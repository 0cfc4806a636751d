"""Subscribers: search, preferences, deliveries, and the next digest with reasons.

Addresses are searched by a POST: they are in no URL, and so in no access log.
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
from digest.database import find_fault, read_session
from digest.database.models import UNDELIVERED, Delivery, DeliveryKind, Subscriber, SubscriberStatus
from digest.matching import KeywordInput, can_parse, describe, is_exclusion, parse_canonical
from digest.papers import PaperSnapshot, delivered_paper_ids, papers_by_id, papers_listed_after, sources_by_paper
from digest.schedule import latest_due_day, next_due_day
from digest.subscribers import RUNNING_STATUSES, keywords_by_subscriber
from digest.web import messages
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.context import SAFE_METHODS, RowId, WebDep

router = APIRouter()
MAX_RESULTS = 20  # subscribers listed for a part of an address
MIN_SEARCH_LENGTH = 3  # characters of that part
MAX_DELIVERIES = 40  # deliveries shown
MAX_CANDIDATES = 5000  # papers that the next digest is chosen from: about a week's


class SubscriberSearchForm(BaseModel):
    q: str = ""


@dataclass(frozen=True, slots=True)
class SubscriberKeywordRow:
    """Keyword as entered, and its meaning."""

    text: str
    meaning: str
    is_exclusion: bool


@dataclass(frozen=True, slots=True)
class ChosenPaper:
    """Paper of the next digest. `reasons`: position of the keyword, the keyword, where it matched."""

    paper: PaperSnapshot
    reasons: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class NextDigest:
    """Next digest if nothing more were listed. `day` is its due day; `is_due`: that day has come."""

    day: date
    is_due: bool
    papers: Sequence[ChosenPaper]
    omitted_count: int
    considered_count: int


@router.api_route("/subscribers", methods=SAFE_METHODS)
def search_page(web: WebDep) -> HTMLResponse:
    return admin_page(web, "subscribers.html", q="", subscribers=None, error="")


@router.post("/subscribers")
@router.post("/readers")
def search_subscribers(web: WebDep, form: Annotated[SubscriberSearchForm, Form()]) -> Response:
    """Redirect to the one subscriber, or list those whose address contains the text."""
    part = form.q.strip().casefold()
    if len(part) < MIN_SEARCH_LENGTH:
        error = messages.search_too_short(MIN_SEARCH_LENGTH)
        return admin_page(web, "subscribers.html", status=422, q=form.q, subscribers=None, error=error)
    with read_session(web.ctx.engine) as session:
        key = col(Subscriber.email_key)
        subscriber_id = session.exec(select(Subscriber.id).where(key == part)).first()
        if subscriber_id is not None:
            return redirect_to_admin(web, f"/subscribers/{subscriber_id}")
        matching = select(Subscriber).where(key.contains(part, autoescape=True)).order_by(key).limit(MAX_RESULTS)
        return admin_page(web, "subscribers.html", q=form.q, subscribers=session.exec(matching).all(), error="")


@router.api_route("/subscribers/{number}", methods=SAFE_METHODS)
def subscriber_page(web: WebDep, number: RowId, queued: int = 0) -> HTMLResponse:
    now = web.clock()
    with read_session(web.ctx.engine) as session:
        subscriber = session.get(Subscriber, number)
        if subscriber is None:
            raise HTTPException(404)
        keywords = keywords_by_subscriber(session, [number]).get(number, [])
        readable = [keyword for keyword in keywords if not keyword.is_muted and can_parse(keyword.canonical)]
        is_plannable = subscriber.status == SubscriberStatus.ACTIVE and find_fault(subscriber) is None
        deliveries = select(Delivery).where(Delivery.subscriber_id == number).order_by(col(Delivery.id).desc())
        return admin_page(
            web,
            "subscriber.html",
            subscriber=subscriber,
            is_running=subscriber.status in RUNNING_STATUSES,
            keywords=[
                SubscriberKeywordRow(keyword.text, _describe(keyword.canonical), is_exclusion(keyword.canonical))
                for keyword in keywords
            ],
            deliveries=session.exec(deliveries.limit(MAX_DELIVERIES)).all(),
            next_digest=preview_next_digest(session, subscriber, readable, now) if is_plannable else None,
            queued=queued,
            digest_kind=DeliveryKind.DIGEST,
        )


def _describe(canonical: str) -> str:
    return describe(parse_canonical(canonical)) if can_parse(canonical) else messages.INVALID_KEYWORD


def preview_next_digest(
    session: Session, subscriber: Subscriber, keywords: Sequence[KeywordInput], now: datetime
) -> NextDigest:
    """Choose papers as planning does, from what was listed since the last digest and from undelivered papers."""
    subscriber_id = int(subscriber.id or 0)
    schedule = subscriber.timezone, subscriber.send_hour, subscriber.frequency, subscriber.weekday
    last_day = latest_due_day(now, *schedule)
    is_due = subscriber.last_due_day is None or subscriber.last_due_day < last_day
    day = last_day if is_due else next_due_day(now, *schedule)
    undelivered = session.exec(
        select(Delivery.papers).where(
            Delivery.subscriber_id == subscriber_id, Delivery.kind == DeliveryKind.DIGEST, text(UNDELIVERED)
        )
    ).all()
    candidates = papers_by_id(session, {paper_id for paper_ids in undelivered for paper_id in paper_ids})
    delivered = delivered_paper_ids(session, [subscriber_id]).get(subscriber_id, set()) - candidates.keys()
    for paper in papers_listed_after(session, subscriber.covered_listing_id, MAX_CANDIDATES):
        candidates[int(paper.id or 0)] = paper
    sources, chosen = sources_by_paper(session, candidates.keys()), set(subscriber.sources)
    pool = [
        paper
        for paper_id, paper in candidates.items()
        if paper_id not in delivered and not (chosen and chosen.isdisjoint(sources.get(paper_id, ())))
    ]
    preview = planning.preview(session, keywords, pool, day, now, cap=subscriber.cap)
    return NextDigest(
        day,
        is_due,
        [
            ChosenPaper(view.paper, [(position, keywords[position].text, field) for position, field in view.matched_in])
            for view in preview.papers
        ],
        preview.omitted_count,
        preview.considered_count,
    )
