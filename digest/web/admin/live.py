"""Today's round as it goes, by server-sent events. Without JavaScript the page shows how it was when it was asked for.

A stream ends when the process does, when its session does, and after ten minutes: the browser then asks again.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.exceptions import HTTPException

from digest.database.models import DeliveryState
from digest.errors import StoreError
from digest.formatting import format_number, pluralize
from digest.monitoring import Monitoring, TodayRun
from digest.web.admin.login import ADMIN_HEADERS, SESSION_COOKIE
from digest.web.auth import OperatorAuth
from digest.web.context import WebDep
from digest.web.metrics import MonitoringDep, OperatorAuthDep

router = APIRouter()


MAX_STREAMS = 8  # streams at a time


SHUTDOWN_POLL_SECONDS = 0.25  # seconds until the end of the process is noticed


POLLS_PER_UPDATE = 8  # between two looks


MAX_STREAM_SECONDS = 600.0


RECONNECT_MILLISECONDS = 3000  # milliseconds after which a browser asks again


@dataclass(slots=True)
class OpenStreams:
    """How many are watching."""

    count: int = 0


async def limit_streams(request: Request) -> AsyncIterator[None]:
    """A place among those who watch, until the answer is over. All are taken: 503."""
    streams: OpenStreams = request.app.state.seats
    if streams.count >= MAX_STREAMS:
        raise HTTPException(503, headers={"Retry-After": "60"})
    streams.count += 1
    try:
        yield
    finally:
        streams.count -= 1


@router.get("/live")
async def stream_run(
    web: WebDep,
    monitoring: MonitoringDep,
    auth: OperatorAuthDep,
    request: Request,
    _stream: Annotated[None, Depends(limit_streams)],
) -> EventSourceResponse:
    """An event a change, named "round": what the page shows by the names of its places."""
    session, is_stopping = request.cookies.get(SESSION_COOKIE, ""), request.app.state.ending
    headers = {**ADMIN_HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(_run_events(web.clock, monitoring, auth, session, is_stopping), headers=headers)


async def _run_events(
    clock: Callable[[], datetime],
    monitoring: Monitoring,
    auth: OperatorAuth,
    session: str,
    is_stopping: Callable[[], bool],
) -> AsyncIterator[bytes]:
    started_at, before = time.monotonic(), ""
    while (
        not is_stopping()
        and time.monotonic() - started_at < MAX_STREAM_SECONDS
        and auth.is_valid_session(session, clock())
    ):
        try:
            found = await asyncio.to_thread(monitoring.today, clock())
        except StoreError:
            return  # the browser asks again, and is told by then
        now = json.dumps(live_values(found))
        # Sent though nothing has changed too, as a remark: how else is it noticed that nobody listens?
        yield (
            format_sse_event(data_str=now, event="round", retry=RECONNECT_MILLISECONDS) if now != before else b": \n\n"
        )
        before = now
        for _ in range(POLLS_PER_UPDATE):
            if not is_stopping():
                await asyncio.sleep(SHUTDOWN_POLL_SECONDS)


def live_values(run: TodayRun) -> dict[str, str]:
    """What the page shows in its places, by their names."""
    digests = run.digests
    left_out = digests[DeliveryState.CANCELLED] + digests[DeliveryState.EXPIRED]
    return {
        "state": _run_state_text(run),
        "due": format_number(run.subscribers_due),
        "queued": format_number(digests[DeliveryState.QUEUED]),
        "leaving": format_number(digests[DeliveryState.SENDING] + digests[DeliveryState.ON_WIRE]),
        "sent": format_number(digests[DeliveryState.SENT]),
        "failed": format_number(digests[DeliveryState.FAILED]),
        "uncertain": format_number(digests[DeliveryState.UNCERTAIN]),
        "withdrawn": format_number(left_out),
        "others": format_number(run.other_deliveries),
        "now": format_number(run.queue.due),
        "later": format_number(run.queue.scheduled),
        "done": str(run.settled_count),
        "all": str(max(run.settled_count + run.open_count, 1)),
    }


def _run_state_text(run: TodayRun) -> str:
    if run.subscribers_due:
        return f"{pluralize(run.subscribers_due, 'reader')} due, no plan made for them yet."
    if run.open_count:
        return f"{pluralize(run.open_count, 'digest')} on the way."
    if run.settled_count:
        return "Today's digests are through."
    return "No digest was due today so far."
