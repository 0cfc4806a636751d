"""Deliveries: the list, and one with its history and what the operator can do about it."""

from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, field_validator
from sqlmodel import select
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, ObjectKind, Subscriber
from digest.delivery import bounces_of, delivery_history
from digest.monitoring import MAX_COUNT, PAGE_ROWS, DeliveryFilter, DeliveryTab, count_tabs, find_deliveries
from digest.papers import papers_by_id
from digest.tokens import TokenPurpose, delivery_subject
from digest.web.admin import messages
from digest.web.admin.action_offers import find_done
from digest.web.admin.activity_rows import load_activity_of
from digest.web.admin.delivery_rows import load_delivery_rows
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.context import SAFE_METHODS, RowId, WebContext, WebDep

router = APIRouter()
MAX_SHOWN_PAPERS = 200


class DeliveryListQuery(BaseModel):
    """What the list shows. `before`: id of the last row of the page before."""

    state: DeliveryTab = DeliveryTab.ALL
    kind: Literal["", *tuple(kind.value for kind in DeliveryKind)] = ""  # type: ignore[valid-type]
    day: date | None = None
    subscriber: RowId | None = None
    before: RowId | None = None

    @field_validator("day", mode="before")
    @classmethod
    def read_day(cls, value: object) -> object:
        """Take an empty field of the form for none."""
        return None if value == "" else value

    def address(self, **changes: object) -> str:
        """Return the path of this list with other values, without those that are the default."""
        values = {
            "state": self.state.value,
            "kind": self.kind,
            "day": self.day,
            "subscriber": self.subscriber,
            **changes,
        }
        query = urlencode({name: value for name, value in values.items() if value and value != DeliveryTab.ALL})
        return f"/deliveries?{query}" if query else "/deliveries"

    def to_filter(self) -> DeliveryFilter:
        """Return the list."""
        return DeliveryFilter(tab=self.state, kind=self.kind, day=self.day, subscriber_id=self.subscriber)


class DeliverySearchForm(BaseModel):
    """An address or a Message-ID. It stands in a form, never in a URL."""

    q: str = ""


@router.api_route("/deliveries", methods=SAFE_METHODS)
def deliveries_page(web: WebDep, query: Annotated[DeliveryListQuery, Query()]) -> HTMLResponse:
    return _list_page(web, query)


@router.post("/deliveries")
def search_deliveries(web: WebDep, form: Annotated[DeliverySearchForm, Form()]) -> Response:
    """Redirect to the delivery with a Message-ID, or to the list of those to an address."""
    text = form.q.strip()
    if not text:
        return _list_page(web, DeliveryListQuery(), q=form.q, error=messages.SEARCH_DELIVERIES_EMPTY)
    with read_session(web.ctx.engine) as session:
        for message_id in {text, f"<{text}>"}:
            number = session.exec(select(Delivery.id).where(Delivery.message_id == message_id)).first()
            if number is not None:
                return redirect_to_admin(web, f"/deliveries/{number}")
        owner = session.exec(select(Subscriber.id).where(Subscriber.email_key == text.casefold())).first()
    if owner is not None:
        return redirect_to_admin(web, DeliveryListQuery(subscriber=str(owner)).address())
    return _list_page(web, DeliveryListQuery(), q=text[:300], error=messages.NO_SUCH_DELIVERY)


def _list_page(web: WebContext, query: DeliveryListQuery, *, q: str = "", error: str = "") -> HTMLResponse:
    today = web.clock().date()
    with read_session(web.ctx.engine) as session:
        found = find_deliveries(session, query.to_filter(), before=query.before, limit=PAGE_ROWS + 1)
        rows = load_delivery_rows(session, found[:PAGE_ROWS], web.clock(), web.ctx.settings.web_copy_days)
        counts = count_tabs(session, query.to_filter())
        owner = session.get(Subscriber, query.subscriber) if query.subscriber else None
    return admin_page(
        web,
        "deliveries.html",
        status=422 if error else 200,
        query=query,
        rows=rows,
        next_id=found[PAGE_ROWS - 1].id if len(found) > PAGE_ROWS else None,
        counts={tab: messages.count_at_most(count, MAX_COUNT) for tab, count in counts.items()},
        tabs=messages.DELIVERY_TABS,
        kinds=messages.KIND_CHOICES,
        owner=owner,
        q=q,
        error=error,
        today=today,
        day_before=(query.day or today) - timedelta(days=1),
        day_after=query.day + timedelta(days=1) if query.day and query.day < today else None,
    )


@router.api_route("/deliveries/{number}", methods=SAFE_METHODS)
def delivery_page(web: WebDep, number: RowId, done: RowId | None = None) -> HTMLResponse:
    now = web.clock()
    with read_session(web.ctx.engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise HTTPException(404)
        (row,) = load_delivery_rows(session, [delivery], web.clock(), web.ctx.settings.web_copy_days)
        papers = papers_by_id(session, delivery.papers[:MAX_SHOWN_PAPERS])
        return admin_page(
            web,
            "delivery.html",
            row=row,
            delivery=delivery,
            events=delivery_history(delivery, bounces_of(session, number)),
            is_uncertain=delivery.state == DeliveryState.UNCERTAIN,
            papers=[(paper_id, papers.get(paper_id)) for paper_id in delivery.papers[:MAX_SHOWN_PAPERS]],
            copy_url=_copy_url(web, delivery),
            done=find_done(session, done, ObjectKind.DELIVERY, number),
            activity=load_activity_of(session, ObjectKind.DELIVERY, number),
            today=now.date(),
        )


def _copy_url(web: WebContext, delivery: Delivery) -> str:
    """Return the address of the web copy of a digest; empty where there is none any more."""
    if delivery.kind != DeliveryKind.DIGEST:
        return ""
    if web.clock() - delivery.created_at > timedelta(days=web.ctx.settings.web_copy_days):
        return ""
    subject = delivery_subject(int(delivery.id or 0), delivery.message_id)
    token = web.ctx.token_signer.sign(TokenPurpose.VIEW, subject, delivery.created_at)
    return f"{web.root}/emails/{quote(token)}"
