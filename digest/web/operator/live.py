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

from digest.errors import StoreError
from digest.letters import say
from digest.models import DeliveryState
from digest.watch import Today, Watch
from digest.web.front import At
from digest.web.keeper import Keeper
from digest.web.operator.door import COOKIE, HEADERS
from digest.web.watching import Keeping, Seen

router = APIRouter()

MOST = 8  # streams at a time
PAUSE = 0.25  # seconds until the end of the process is noticed
PAUSES = 8  # between two looks
LONGEST = 600.0
AGAIN = 3000  # milliseconds after which a browser asks again


@dataclass(slots=True)
class Seats:
    """How many are watching."""

    taken: int = 0


async def seat(request: Request) -> AsyncIterator[None]:
    """A place among those who watch, until the answer is over. All are taken: 503."""
    seats: Seats = request.app.state.seats
    if seats.taken >= MOST:
        raise HTTPException(503, headers={"Retry-After": "60"})
    seats.taken += 1
    try:
        yield
    finally:
        seats.taken -= 1


@router.get("/live")
async def live(
    at: At, watch: Seen, keeper: Keeping, request: Request, _seat: Annotated[None, Depends(seat)]
) -> EventSourceResponse:
    """An event a change, named "round": what the page shows by the names of its places."""
    session, ending = request.cookies.get(COOKIE, ""), request.app.state.ending
    headers = {**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(_events(at.clock, watch, keeper, session, ending), headers=headers)


async def _events(
    clock: Callable[[], datetime], watch: Watch, keeper: Keeper, session: str, ending: Callable[[], bool]
) -> AsyncIterator[bytes]:
    begun, before = time.monotonic(), ""
    while not ending() and time.monotonic() - begun < LONGEST and keeper.inside(session, clock()):
        try:
            found = await asyncio.to_thread(watch.today, clock())
        except StoreError:
            return  # the browser asks again, and is told by then
        now = json.dumps(told(found))
        # Sent though nothing has changed too, as a remark: how else is it noticed that nobody listens?
        yield format_sse_event(data_str=now, event="round", retry=AGAIN) if now != before else b": \n\n"
        before = now
        for _ in range(PAUSES):
            if not ending():
                await asyncio.sleep(PAUSE)


def told(found: Today) -> dict[str, str]:
    """What the page shows in its places, by their names."""
    digests = found.digests
    left_out = digests[DeliveryState.CANCELLED] + digests[DeliveryState.EXPIRED]
    return {
        "state": _state(found),
        "due": say.number(found.readers_due),
        "queued": say.number(digests[DeliveryState.QUEUED]),
        "leaving": say.number(digests[DeliveryState.SENDING] + digests[DeliveryState.ON_WIRE]),
        "sent": say.number(digests[DeliveryState.SENT]),
        "failed": say.number(digests[DeliveryState.FAILED]),
        "uncertain": say.number(digests[DeliveryState.UNCERTAIN]),
        "withdrawn": say.number(left_out),
        "others": say.number(found.others),
        "now": say.number(found.queue.now),
        "later": say.number(found.queue.later),
        "done": str(found.done),
        "all": str(max(found.done + found.open, 1)),
    }


def _state(found: Today) -> str:
    if found.readers_due:
        return f"{say.count(found.readers_due, 'reader')} due, no plan made for them yet."
    if found.open:
        return f"{say.count(found.open, 'digest')} on the way."
    if found.done:
        return "Today's digests are through."
    return "No digest was due today so far."
