"""One delivery: its history, and what the operator can do about it."""

from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState
from digest.delivery import bounces_of, delivery_history
from digest.delivery import resolve_delivery as record_resolution
from digest.errors import DigestError, SubscriberError
from digest.subscribers import send_copy_link
from digest.web import messages
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.auth import OPERATOR
from digest.web.context import SAFE_METHODS, RowId, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.metrics import MonitoringDep

log = structlog.get_logger()
router = APIRouter()


class ResolveForm(BaseModel):
    """Outcome of an uncertain delivery. `back`: page that the button was on (`letter` on pages of earlier releases)."""

    answer: Literal["sent", "lost"]
    back: Literal["", "delivery", "letter"] = ""


@router.api_route("/deliveries/{number}", methods=SAFE_METHODS)
def delivery_page(web: WebDep, number: RowId) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise HTTPException(404)
        events = delivery_history(delivery, bounces_of(session, number))
    return admin_page(
        web,
        "delivery.html",
        delivery=delivery,
        events=events,
        is_uncertain=delivery.state == DeliveryState.UNCERTAIN,
    )


@router.post("/deliveries/{number}/resolve")
@router.post("/letters/{number}/resolve")
def resolve_delivery(
    web: WebDep, monitoring: MonitoringDep, number: RowId, form: Annotated[ResolveForm, Form()]
) -> Response:
    """Resolve an uncertain delivery: it was sent, or it is lost and its papers go into the next digest."""
    try:
        with write_session(web.ctx.engine) as session:
            record_resolution(session, OPERATOR, number, web.clock(), sent=form.answer == "sent")
    except DigestError as error:
        return _conflict_page(web, messages.nothing_changed(error), f"/operator/deliveries/{number}")
    log.info("operator.delivery_resolved", delivery=number, outcome=form.answer)
    monitoring.invalidate()
    return redirect_to_admin(web, f"/deliveries/{number}" if form.back else "")


@router.post("/deliveries/{number}/copy")
@router.post("/letters/{number}/copy")
def send_web_copy(web: WebDep, number: RowId) -> Response:
    """Mail the link to the web copy to the subscriber."""
    try:
        send_copy_link(web.ctx, OPERATOR, number, web.clock())
    except SubscriberError as error:
        return _conflict_page(web, str(error), f"/operator/deliveries/{number}")
    log.info("operator.copy_queued", delivery=number)
    with read_session(web.ctx.engine) as session:
        subscriber_id = session.get_one(Delivery, number).subscriber_id
    return redirect_to_admin(web, f"/subscribers/{subscriber_id}?queued={number}")


def _conflict_page(web: WebContext, text: str, return_path: str) -> HTMLResponse:
    links = {return_path: messages.BACK_TO_DELIVERY_LABEL, "/operator": messages.OVERVIEW_LABEL}
    return error_page(web, 409, title=messages.NOT_POSSIBLE_TITLE, text=text, links=links)
