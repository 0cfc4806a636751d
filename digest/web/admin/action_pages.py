"""Actions of the operator: a page that says what will happen, the form on it, and how to undo what was done.

A GET changes nothing. What is done, and its record, stand in the packages that own the rows.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digest.config import source_title
from digest.database import read_session, resolve_row, retry_row, write_session
from digest.database.models import Delivery, OperatorAction, QuarantinedRow, Subscriber
from digest.delivery import cancel_delivery, release_delivery, resolve_delivery, retry_delivery
from digest.errors import DigestError, ObjectNotFoundError, SubscriberNotFoundError
from digest.jobs import can_undo, request_fetch, undo_action
from digest.matching import find_keyword_error
from digest.subscribers import (
    erase_subscriber,
    pause_subscription,
    remove_subscription,
    resend_confirmation,
    restore_subscription,
    resume_subscription,
    send_copy_link,
)
from digest.web import messages as web_messages
from digest.web.admin import messages
from digest.web.admin.action_texts import DELIVERY_TEXTS, ROW_TEXTS, SOURCE_TEXTS, SUBSCRIBER_TEXTS, ActionText
from digest.web.admin.activity_rows import load_activity_rows
from digest.web.admin.delivery_rows import load_delivery_rows
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.auth import OPERATOR
from digest.web.context import SAFE_METHODS, RowId, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.metrics import MonitoringDep

log = structlog.get_logger()
router = APIRouter()
PAUSE_DAYS = 14  # that the form begins with
Action = Callable[..., OperatorAction]


class SubscriberActionName(StrEnum):
    """Action on a subscription, as its path says it."""

    PAUSE = "pause"
    RESUME = "resume"
    REMOVE = "remove"
    RESTORE = "restore"
    RESEND_CONFIRMATION = "resend-confirmation"
    ERASE = "erase"


class DeliveryActionName(StrEnum):
    """Action on a delivery, as its path says it."""

    RETRY = "retry"
    CANCEL = "cancel"
    RELEASE = "release"
    SEND_COPY = "send-copy"


class RowActionName(StrEnum):
    """Action on a row that cannot be read, as its path says it."""

    RETRY = "retry"
    RESOLVE = "resolve"


class ActionForm(BaseModel):
    """Form of an action; only a pause has a field."""

    until: date | None = None


class ResolveForm(BaseModel):
    """Outcome of an uncertain delivery."""

    answer: Literal["sent", "lost"]


SUBSCRIBER_CHANGES: Mapping[SubscriberActionName, Action] = {
    SubscriberActionName.RESUME: resume_subscription,
    SubscriberActionName.REMOVE: remove_subscription,
    SubscriberActionName.RESTORE: restore_subscription,
    SubscriberActionName.RESEND_CONFIRMATION: resend_confirmation,
    SubscriberActionName.ERASE: erase_subscriber,
}
DELIVERY_CHANGES: Mapping[DeliveryActionName, Action] = {
    DeliveryActionName.RETRY: retry_delivery,
    DeliveryActionName.CANCEL: cancel_delivery,
    DeliveryActionName.RELEASE: release_delivery,
}


@router.api_route("/subscribers/{number}/{action}", methods=SAFE_METHODS)
def confirm_subscriber_action(web: WebDep, number: RowId, action: SubscriberActionName) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        subscriber = session.get(Subscriber, number)
        if subscriber is None:
            raise HTTPException(404)
        return _confirm_page(web, SUBSCRIBER_TEXTS[action], subscriber.email, f"/subscribers/{number}", action)


@router.post("/subscribers/{number}/{action}")
def change_subscriber(
    web: WebDep,
    monitoring: MonitoringDep,
    number: RowId,
    action: SubscriberActionName,
    form: Annotated[ActionForm, Form()],
) -> Response:
    """Do it, and show the subscriber; after an erasure the list."""
    now = web.clock()

    def act() -> OperatorAction:
        if action == SubscriberActionName.PAUSE:
            until = form.until or (now + timedelta(days=PAUSE_DAYS)).date()
            return pause_subscription(web.ctx, OPERATOR, number, now, until=until)
        return SUBSCRIBER_CHANGES[action](web.ctx, OPERATOR, number, now)

    page = "/subscribers" if action == SubscriberActionName.ERASE else f"/subscribers/{number}"
    return _act(web, monitoring, act, page, f"/subscribers/{number}")


@router.api_route("/deliveries/{number}/{action}", methods=SAFE_METHODS)
def confirm_delivery_action(web: WebDep, number: RowId, action: DeliveryActionName) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        delivery = session.get(Delivery, number)
        if delivery is None:
            raise HTTPException(404)
        (row,) = load_delivery_rows(session, [delivery], web.clock(), web.ctx.settings.web_copy_days)
    name = messages.delivery_name(row.title, row.address)
    return _confirm_page(web, DELIVERY_TEXTS[action], name, f"/deliveries/{number}", action)


@router.post("/deliveries/{number}/resolve")
@router.post("/letters/{number}/resolve")
def resolve_uncertain(
    web: WebDep, monitoring: MonitoringDep, number: RowId, form: Annotated[ResolveForm, Form()]
) -> Response:
    """Resolve an uncertain delivery: it was sent, or it is lost and its papers go into the next digest."""

    def act() -> OperatorAction:
        with write_session(web.ctx.engine) as session:
            return resolve_delivery(session, OPERATOR, number, web.clock(), sent=form.answer == "sent")

    return _act(web, monitoring, act, f"/deliveries/{number}")


@router.post("/deliveries/{number}/copy")  # as pages of before have it
@router.post("/letters/{number}/copy")
def send_copy(web: WebDep, monitoring: MonitoringDep, number: RowId) -> Response:
    return change_delivery(web, monitoring, number, DeliveryActionName.SEND_COPY)


@router.post("/deliveries/{number}/{action}")
def change_delivery(web: WebDep, monitoring: MonitoringDep, number: RowId, action: DeliveryActionName) -> Response:
    """Do it, and show the delivery."""

    def act() -> OperatorAction:
        if action == DeliveryActionName.SEND_COPY:
            return send_copy_link(web.ctx, OPERATOR, number, web.clock())
        with write_session(web.ctx.engine) as session:
            return DELIVERY_CHANGES[action](session, OPERATOR, number, web.clock())

    return _act(web, monitoring, act, f"/deliveries/{number}")


@router.api_route("/sources/{name}/fetch", methods=SAFE_METHODS)
def confirm_fetch(web: WebDep, name: str) -> HTMLResponse:
    if name not in web.ctx.settings.sources:
        raise HTTPException(404)
    return _confirm_page(web, SOURCE_TEXTS["fetch"], source_title(name), f"/sources/{name}", "fetch", back="/sources")


@router.post("/sources/{name}/fetch")
def fetch_source(web: WebDep, monitoring: MonitoringDep, name: str) -> Response:
    """Ask the scheduler to fetch a source."""
    return _act(web, monitoring, partial(request_fetch, web.ctx, OPERATOR, name, web.clock()), "/sources")


@router.api_route("/quarantine/{number}/{action}", methods=SAFE_METHODS)
def confirm_row_action(web: WebDep, number: RowId, action: RowActionName) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        row = session.get(QuarantinedRow, number)
        if row is None:
            raise HTTPException(404)
        name = messages.row_name(row.table_name, row.row_id)
    return _confirm_page(web, ROW_TEXTS[action], name, f"/quarantine/{number}", action, back="/quarantine")


@router.post("/quarantine/{number}/{action}")
def change_row(web: WebDep, monitoring: MonitoringDep, number: RowId, action: RowActionName) -> Response:
    """Read a row again, or release it."""

    def act() -> OperatorAction:
        with write_session(web.ctx.engine) as session:
            if action == RowActionName.RETRY:
                return retry_row(session, OPERATOR, number, web.clock(), find_keyword_error)
            return resolve_row(session, OPERATOR, number, web.clock())

    return _act(web, monitoring, act, "/quarantine")


@router.api_route("/activity/{number}/undo", methods=SAFE_METHODS)
def confirm_undo(web: WebDep, number: RowId) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        record = session.get(OperatorAction, number)
        if record is None or not can_undo(record):
            raise HTTPException(404)
        (row,) = load_activity_rows(session, [record])
    return _confirm_page(
        web, messages.undo_text(row.sentence), row.name, f"/activity/{number}", "undo", back="/activity"
    )


@router.post("/activity/{number}/undo")
def undo(web: WebDep, monitoring: MonitoringDep, number: RowId) -> Response:
    """Undo what was done, and show its object."""
    with read_session(web.ctx.engine) as session:
        record = session.get(OperatorAction, number)
        rows = load_activity_rows(session, [record]) if record else []
    path = rows[0].path.removeprefix("/operator") if rows else ""
    return _act(web, monitoring, partial(undo_action, web.ctx, OPERATOR, number, web.clock()), path or "/activity")


def _confirm_page(
    web: WebContext, text: ActionText, name: str, path: str, action: str, *, back: str = ""
) -> HTMLResponse:
    today = web.clock().date()
    return admin_page(
        web,
        "confirm.html",
        text=text,
        heading=text.title.format(name=name),
        action=f"/operator{path}/{action}",
        back=f"/operator{back or path}",
        has_until=action == SubscriberActionName.PAUSE,
        until=today + timedelta(days=PAUSE_DAYS),
        earliest=today + timedelta(days=1),
    )


def _act(
    web: WebContext, monitoring: MonitoringDep, act: Callable[[], OperatorAction], page: str, back: str = ""
) -> Response:
    """Do something and show a page that says so, or the page that says why not."""
    try:
        record = act()
    except (ObjectNotFoundError, SubscriberNotFoundError) as error:
        raise HTTPException(404) from error
    except DigestError as error:
        links = {f"/operator{back or page}": web_messages.BACK_LABEL, "/operator": web_messages.OVERVIEW_LABEL}
        text = web_messages.nothing_changed(error)
        return error_page(web, 409, title=web_messages.NOT_POSSIBLE_TITLE, text=text, links=links)
    log.info("operator.acted", action=record.action, kind=record.object_kind, object=record.object_id)
    monitoring.invalidate()
    path, _, anchor = page.partition("#")
    joint = "&" if "?" in path else "?"
    return redirect_to_admin(web, f"{path}{joint}done={record.id}{'#' + anchor if anchor else ''}")
