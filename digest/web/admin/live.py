"""Today's run as server-sent events. Without JavaScript the page shows its state at the time of the request.

A stream ends with the process, with its session, and after ten minutes; the browser then reconnects.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.exceptions import HTTPException

from digest.database.models import DeliveryState
from digest.errors import StoreError
from digest.formatting import format_number
from digest.monitoring import CurrentRun, Monitoring
from digest.web import messages
from digest.web.admin.login import ADMIN_HEADERS, SESSION_COOKIE
from digest.web.auth import OperatorAuth
from digest.web.context import WebDep
from digest.web.metrics import MonitoringDep, OperatorAuthDep

router = APIRouter()
MAX_STREAMS = 8  # at a time
SHUTDOWN_POLL_SECONDS = 0.25
POLLS_PER_UPDATE = 8
MAX_STREAM_SECONDS = 600.0
RECONNECT_MILLISECONDS = 3000
MIN_PART_PERCENT = 0.8  # of the bar


@dataclass(slots=True)
class OpenStreams:
    """Number of open event streams."""

    count: int = 0


async def limit_streams(request: Request) -> AsyncIterator[None]:
    """Count the stream until its response ends. 503 if there are too many."""
    streams: OpenStreams = request.app.state.streams
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
    """Stream an event for each change, named "round": the texts of the page by the names of their elements."""
    session, is_stopping = request.cookies.get(SESSION_COOKIE, ""), request.app.state.is_stopping
    headers = {**ADMIN_HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(_run_events(web.clock, monitoring, auth, session, is_stopping), headers=headers)


async def _run_events(
    clock: Callable[[], datetime],
    monitoring: Monitoring,
    auth: OperatorAuth,
    session: str,
    is_stopping: Callable[[], bool],
) -> AsyncIterator[bytes]:
    started_at, last_data = time.monotonic(), ""
    while (
        not is_stopping()
        and time.monotonic() - started_at < MAX_STREAM_SECONDS
        and auth.is_valid_session(session, clock())
    ):
        try:
            run = await asyncio.to_thread(monitoring.today, clock())
        except StoreError:
            return  # the browser reconnects
        data = json.dumps(live_values(run))
        if data != last_data:
            yield format_sse_event(data_str=data, event="round", retry=RECONNECT_MILLISECONDS)
        else:
            yield b": \n\n"  # a comment: only writing shows that the client is gone
        last_data = data
        for _ in range(POLLS_PER_UPDATE):
            if not is_stopping():
                await asyncio.sleep(SHUTDOWN_POLL_SECONDS)


def live_values(run: CurrentRun) -> dict[str, str]:
    """Return the texts of the page by the names of their elements, and the parts of the bar in percent."""
    digests = run.digests
    leaving = digests[DeliveryState.SENDING] + digests[DeliveryState.ON_WIRE]
    parts = {
        "sent": digests[DeliveryState.SENT],
        "failed": digests[DeliveryState.FAILED],
        "uncertain": digests[DeliveryState.UNCERTAIN],
        "waiting": digests[DeliveryState.QUEUED] + leaving,
    }
    return {
        "state": run_status(run),
        "due": format_number(run.subscribers_due),
        **{name: format_number(count) for name, count in parts.items()},
        "withdrawn": format_number(digests[DeliveryState.CANCELLED] + digests[DeliveryState.EXPIRED]),
        "others": format_number(run.other_deliveries),
        "now": format_number(run.queue.due),
        "later": format_number(run.queue.scheduled),
        **_shares(parts),
    }


def _shares(parts: Mapping[str, int]) -> dict[str, str]:
    """Return where each part of the bar begins and how wide it is, in percent; one that is there can be seen."""
    total = max(sum(parts.values()), 1)
    widths = {name: max(100 * count / total, MIN_PART_PERCENT) if count else 0.0 for name, count in parts.items()}
    scale = 100 / max(sum(widths.values()), 1)
    shares, start = {}, 0.0
    for name, width in widths.items():
        shares[f"{name}_from"], shares[f"{name}_share"] = f"{start:.2f}", f"{width * scale:.2f}"
        start += width * scale
    return shares


def run_status(run: CurrentRun) -> str:
    """Return a sentence on the progress of today's run."""
    if run.subscribers_due:
        return messages.planning_pending(run.subscribers_due)
    if run.open_count:
        return messages.digests_in_progress(run.open_count)
    if run.settled_count:
        return messages.ALL_SENT
    return messages.NOTHING_DUE
