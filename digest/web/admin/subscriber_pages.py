"""Subscribers: the list, search, and one subscriber with what they had, what they get next and why.

Addresses are searched by a POST: they are in no URL, and so in no access log.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from digest.database import find_row_error, read_session
from digest.database.models import Delivery, ObjectKind, Subscriber, SubscriberStatus
from digest.errors import QueryError
from digest.matching import KeywordInput, can_parse, describe, is_exclusion, parse, parse_canonical
from digest.monitoring import (
    PAGE_ROWS,
    SubscriberFilter,
    SubscriberOrder,
    SubscriberSummary,
    find_subscribers,
    sum_counts,
    summarize_subscribers,
)
from digest.subscribers import RUNNING_STATUSES, KeywordLimits, keywords_by_subscriber
from digest.web import messages as web_messages
from digest.web.admin import messages
from digest.web.admin.action_offers import ActionOffer, find_done, subscriber_offers
from digest.web.admin.activity_rows import load_activity_of
from digest.web.admin.delivery_rows import load_delivery_rows
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.admin.next_digest import preview_next_digest
from digest.web.context import SAFE_METHODS, RowId, WebContext, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter()
MIN_SEARCH_LENGTH = 3  # characters of a part of an address
MAX_SEARCH_LENGTH = 300
MAX_DELIVERIES = 20  # deliveries shown of one subscriber

StatusChoice = Literal["", "active", "pending", "paused", "suppressed", "unsubscribed"]
FrequencyChoice = Literal["", "daily", "weekdays", "weekly", "monthly"]


class SubscriberListQuery(BaseModel):
    """What the list shows. `after`: id of the last row of the page before."""

    status: StatusChoice = ""
    frequency: FrequencyChoice = ""
    order: SubscriberOrder = SubscriberOrder.NEWEST
    after: RowId | None = None

    def address(self, **changes: object) -> str:
        """Return the path of this list with other values, without those that are the default."""
        values = {"status": self.status, "frequency": self.frequency, "order": self.order.value, **changes}
        query = urlencode({name: value for name, value in values.items() if value and value != SubscriberOrder.NEWEST})
        return f"/subscribers?{query}" if query else "/subscribers"


class SubscriberSearchForm(SubscriberListQuery):
    """The list, searched. An address stands in a form, never in a URL."""

    q: str = ""


@dataclass(frozen=True, slots=True)
class SubscriberRow:
    """Row of the list."""

    subscriber: Subscriber
    summary: SubscriberSummary
    status: str
    dot: str
    offers: Sequence[ActionOffer]


@dataclass(frozen=True, slots=True)
class SubscriberKeywordRow:
    """Keyword as entered, and its meaning."""

    text: str
    meaning: str
    is_exclusion: bool
    is_muted: bool


@router.api_route("/subscribers", methods=SAFE_METHODS)
def subscribers_page(
    web: WebDep, monitoring: MonitoringDep, query: Annotated[SubscriberListQuery, Query()], done: RowId | None = None
) -> HTMLResponse:
    return _list_page(web, query, done=done, counts=sum_counts(monitoring.subscribers(web.clock()), query.frequency))


@router.post("/subscribers")
@router.post("/readers")
def search_subscribers(
    web: WebDep, monitoring: MonitoringDep, form: Annotated[SubscriberSearchForm, Form()]
) -> Response:
    """Redirect to the one subscriber, or list those whose address contains the text or who have it as a keyword."""
    counts, text = sum_counts(monitoring.subscribers(web.clock()), form.frequency), form.q.strip()
    if not text:
        return redirect_to_admin(web, form.address())
    if len(text) < MIN_SEARCH_LENGTH or len(text) > MAX_SEARCH_LENGTH:
        error = web_messages.search_too_short(MIN_SEARCH_LENGTH)
        return _list_page(web, form, counts, q=form.q[:MAX_SEARCH_LENGTH], error=error)
    with read_session(web.ctx.engine) as session:
        exact = session.exec(select(Subscriber.id).where(Subscriber.email_key == text.casefold())).first()
    if exact is not None:
        return redirect_to_admin(web, f"/subscribers/{exact}")
    return _list_page(web, form, counts, q=text, canonical=_canonical(web, text))


def _list_page(
    web: WebContext,
    query: SubscriberListQuery,
    counts: Mapping[str, int],
    *,
    done: int | None = None,
    q: str = "",
    canonical: str = "",
    error: str = "",
) -> HTMLResponse:
    wanted = SubscriberFilter(
        status=query.status,
        frequency=query.frequency,
        order=query.order,
        text="" if error else q,
        canonical=canonical,
    )
    with read_session(web.ctx.engine) as session:
        found = find_subscribers(session, wanted, after=query.after, limit=PAGE_ROWS + 1)
        rows = _subscriber_rows(web, session, found[:PAGE_ROWS])
        note = find_done(session, done, ObjectKind.SUBSCRIBER)
    return admin_page(
        web,
        "subscribers.html",
        status=422 if error else 200,
        q=q,
        error=error,
        query=query,
        rows=rows,
        done=note,
        next_id=found[PAGE_ROWS - 1].id if len(found) > PAGE_ROWS else None,
        counts=counts,
        tabs=messages.STATUS_TABS,
        frequencies=messages.FREQUENCY_CHOICES,
        short_frequencies=messages.SHORT_FREQUENCIES,
        orders=messages.ORDER_CHOICES,
        today=web.clock().date(),
        nothing_found=messages.no_such_subscriber(q) if q and not error else "",
    )


def _subscriber_rows(web: WebContext, session: Session, found: Sequence[Subscriber]) -> list[SubscriberRow]:
    today = web.clock().date()
    summaries = summarize_subscribers(session, [int(row.id or 0) for row in found], today)
    return [
        SubscriberRow(
            row,
            summaries.get(int(row.id or 0), SubscriberSummary()),
            messages.subscriber_status(row, today),
            messages.DOTS.get(row.status, "off"),
            subscriber_offers(row),
        )
        for row in found
    ]


def _canonical(web: WebContext, text: str) -> str:
    try:
        limits = KeywordLimits.from_context(web.ctx)
        return KeywordInput.from_query(parse(text, limits.query_limits, limits.acronyms)).canonical
    except QueryError:
        return ""


@router.api_route("/subscribers/{number}", methods=SAFE_METHODS)
def subscriber_page(web: WebDep, number: RowId, done: RowId | None = None) -> HTMLResponse:
    now = web.clock()
    with read_session(web.ctx.engine) as session:
        subscriber = session.get(Subscriber, number)
        if subscriber is None:
            raise HTTPException(404)
        keywords = keywords_by_subscriber(session, [number]).get(number, [])
        readable = [keyword for keyword in keywords if can_parse(keyword.canonical)]
        is_plannable = subscriber.status == SubscriberStatus.ACTIVE and find_row_error(subscriber) is None
        latest = select(Delivery).where(Delivery.subscriber_id == number).order_by(col(Delivery.id).desc())
        deliveries = session.exec(latest.limit(MAX_DELIVERIES + 1)).all()
        return admin_page(
            web,
            "subscriber.html",
            subscriber=subscriber,
            status_text=messages.subscriber_status(subscriber, now.date()),
            dot=messages.DOTS.get(subscriber.status, "off"),
            is_running=subscriber.status in RUNNING_STATUSES,
            keywords=[
                SubscriberKeywordRow(
                    keyword.text, _describe(keyword), is_exclusion(keyword.canonical), keyword.is_muted
                )
                for keyword in keywords
            ],
            rows=load_delivery_rows(session, deliveries[:MAX_DELIVERIES], web.clock(), web.ctx.settings.web_copy_days),
            has_more=len(deliveries) > MAX_DELIVERIES,
            next_digest=preview_next_digest(session, subscriber, readable, now) if is_plannable else None,
            no_digest=messages.no_digest_reason(subscriber),
            offers=subscriber_offers(subscriber),
            done=find_done(session, done, ObjectKind.SUBSCRIBER, number),
            activity=load_activity_of(session, ObjectKind.SUBSCRIBER, number),
            today=now.date(),
        )


def _describe(keyword: KeywordInput) -> str:
    """Say what a keyword matches, in the words that the subscriber wrote if these still mean the same."""
    if not can_parse(keyword.canonical):
        return messages.INVALID_KEYWORD
    with suppress(QueryError):
        written = parse(keyword.text)
        if written.canonical == keyword.canonical:
            return describe(written)
    return describe(parse_canonical(keyword.canonical))
