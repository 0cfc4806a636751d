"""Deliveries: list, retry, cancel, release, resolve; bounces; and rows that were set aside."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from digest import delivery, subscribers
from digest.database import latest_rows, quarantined_rows, read_session, resolve_row, retry_row
from digest.database.models import BounceClass, BounceRecord, Delivery, DeliveryKind
from digest.errors import ObjectNotFoundError
from digest.matching import find_keyword_error
from digest.monitoring import DeliveryFilter, DeliveryTab, find_deliveries
from digest.web import messages
from digest.web.admin_api.authorize import ForDeliveries, Reading
from digest.web.admin_api.changes import change_row
from digest.web.admin_api.inputs import Cursor, Limit, ResolutionIn, RowNumber
from digest.web.admin_api.objects import (
    ActionOut,
    BounceOut,
    BouncePage,
    DeliveryDetail,
    DeliveryOut,
    DeliveryPage,
    RowOut,
    RowPage,
    next_cursor,
)
from digest.web.api import DayParameter
from digest.web.context import MAX_ROW_ID, WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter(tags=["deliveries"])


@router.get("/deliveries", summary="List deliveries")
def list_deliveries(
    web: WebDep,
    _caller: Reading,
    state: Annotated[DeliveryTab, Query(description="What became of them.")] = DeliveryTab.ALL,
    kind: DeliveryKind | None = None,
    day: Annotated[DayParameter | None, Query(description="The day (UTC) on which they were queued.")] = None,
    subscriber: Annotated[int | None, Query(ge=1, le=MAX_ROW_ID)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeliveryPage:
    """List deliveries, the newest first."""
    wanted = DeliveryFilter(tab=state, kind=kind or "", day=day, subscriber_id=subscriber)
    with read_session(web.ctx.engine) as session:
        rows = find_deliveries(session, wanted, before=cursor, limit=limit)
        shown = [DeliveryOut.from_row(row) for row in rows]
    return DeliveryPage(deliveries=shown, next=next_cursor(rows, limit))


@router.get("/deliveries/{number:int}", summary="Get one delivery")
def get_delivery(web: WebDep, _caller: Reading, number: RowNumber) -> DeliveryDetail:
    """Get a delivery with its history and the bounces that it caused."""
    with read_session(web.ctx.engine) as session:
        row = session.get(Delivery, number)
        if row is None:
            raise ObjectNotFoundError(messages.object_not_found("delivery", number))
        bounces = delivery.bounces_of(session, number)
        return DeliveryDetail.from_history(row, delivery.delivery_history(row, bounces), bounces)


@router.post("/deliveries/{number:int}/retry", summary="Send a failed delivery again")
def retry(web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Make a failed or deferred delivery due now. What was or may have been sent is refused."""
    return change_row(web, monitoring, caller, number, delivery.retry_delivery)


@router.post("/deliveries/{number:int}/cancel", summary="Cancel a queued delivery")
def cancel(web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Cancel a delivery that waits in the queue. The papers of a digest go into the next one."""
    return change_row(web, monitoring, caller, number, delivery.cancel_delivery)


@router.post("/deliveries/{number:int}/release", summary="Take a delivery from a sender that hangs")
def release(web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Queue a delivery again that a sender has claimed and not begun to send. Harmless at any time."""
    return change_row(web, monitoring, caller, number, delivery.release_delivery)


@router.post("/deliveries/{number:int}/resolve", summary="Resolve an uncertain delivery")
def resolve(
    web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber, resolution: ResolutionIn
) -> ActionOut:
    """Say by the relay's log what became of a delivery: it was sent, or is lost and its papers come again."""
    resolve_as = partial(delivery.resolve_delivery, sent=resolution.outcome == "sent")
    return change_row(web, monitoring, caller, number, resolve_as)


@router.post("/deliveries/{number:int}/send-copy", summary="Mail the link to a web copy")
def send_copy(web: WebDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Mail the link to the web copy of a digest to its subscriber, at most three times a day."""
    with read_session(web.ctx.engine) as session:
        if session.get(Delivery, number) is None:
            raise ObjectNotFoundError(messages.object_not_found("delivery", number))
    return ActionOut.from_row(subscribers.send_copy_link(web.ctx, caller.actor, number, web.clock()))


@router.get("/bounces", summary="List bounces")
def list_bounces(
    web: WebDep,
    _caller: Reading,
    bounce_class: BounceClass | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> BouncePage:
    """List what came back about deliveries, the newest first."""
    with read_session(web.ctx.engine) as session:
        rows = latest_rows(session, BounceRecord, {"bounce_class": bounce_class}, before_id=cursor, limit=limit)
    return BouncePage(bounces=[BounceOut.model_validate(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/quarantine", summary="List rows that cannot be read")
def list_rows(web: WebDep, _caller: Reading, cursor: Cursor = None, limit: Limit = 50) -> RowPage:
    """List database rows that were set aside because they cannot be read, those of longest standing first."""
    with read_session(web.ctx.engine) as session:
        rows = quarantined_rows(session, after=cursor, limit=limit)
    return RowPage(rows=[RowOut.model_validate(row) for row in rows], next=next_cursor(rows, limit))


@router.post("/quarantine/{number:int}/retry", summary="Look at a row again")
def retry_quarantined(web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Release a row that can be read by now. One that still cannot be is refused with the reason."""
    return change_row(web, monitoring, caller, number, partial(retry_row, find_keyword_error=find_keyword_error))


@router.post("/quarantine/{number:int}/resolve", summary="Release a row")
def resolve_quarantined(web: WebDep, monitoring: MonitoringDep, caller: ForDeliveries, number: RowNumber) -> ActionOut:
    """Release a row without a look at it. If it still cannot be read, the next run sets it aside again."""
    return change_row(web, monitoring, caller, number, resolve_row)
