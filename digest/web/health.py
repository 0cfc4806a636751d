"""Whether this process can do its work, and does it: for load balancers, container engines and whoever is woken up."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from digest.models import RelayCircuit
from digest.web.front import LOOK, At
from digest.web.watching import Seen

router = APIRouter()


@router.api_route("/healthz", methods=LOOK)
def healthz(at: At, watch: Seen) -> JSONResponse:
    """200 while the database answers, its schema fits and no round is overdue; else 503 with the reason."""
    found = watch.health(at.clock())
    if found.reason:
        return JSONResponse({"status": "failing", "reason": found.reason}, status_code=503)
    return JSONResponse({"status": "ok", "schema": found.needed, "relay": _relay(found.lane)})


def _relay(lane: RelayCircuit | None) -> str:
    # What it said is for `digest doctor`, not for everybody. The pages work all the same, so the status is 200.
    return f"closed since {lane.opened_at:%Y-%m-%dT%H:%MZ}" if lane else "open"
