"""Whether this process can do its work: for load balancers and container engines."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from digest import db, deliveries
from digest.errors import StoreError
from digest.web.front import LOOK, At

router = APIRouter()


@router.api_route("/healthz", methods=LOOK)
def healthz(at: At) -> JSONResponse:
    """200 when the database answers and its schema fits, else 503 with the reason."""
    try:
        current, head = db.versions(at.house.engine)
    except StoreError:
        # Its message names the server; whoever may know that finds it with `digest doctor`.
        return JSONResponse({"status": "failing", "reason": "the database does not answer"}, status_code=503)
    if current != head:
        reason = f"the database is at schema {current or 'none'}, this program needs {head}; run: digest migrate"
        return JSONResponse({"status": "failing", "reason": reason}, status_code=503)
    return JSONResponse({"status": "ok", "schema": head, "relay": _relay(at)})


def _relay(at: At) -> str:
    # What it said is for `digest doctor`, not for everybody. The pages work all the same, so the status is 200.
    with db.reading(at.house.engine) as session:
        lane = deliveries.lane.closed(session, at.house.relay().name)
    return f"closed since {lane.closed_at:%Y-%m-%dT%H:%MZ}" if lane else "open"
