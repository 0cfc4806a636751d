"""Whether this process can do its work, and does it: for load balancers, container engines and whoever is woken up."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from digest.models import RelayCircuit
from digest.web.front import SAFE_METHODS, WebDep
from digest.web.watching import MonitoringDep

health_router = APIRouter()


@health_router.api_route("/healthz", methods=SAFE_METHODS)
def health_status(web: WebDep, monitoring: MonitoringDep) -> JSONResponse:
    """200 while the database answers, its schema fits and no round is overdue; else 503 with the reason."""
    found = monitoring.health(web.clock())
    if found.reason:
        return JSONResponse({"status": "failing", "reason": found.reason}, status_code=503)
    return JSONResponse({"status": "ok", "schema": found.required_schema, "relay": _relay_state(found.circuit)})


def _relay_state(lane: RelayCircuit | None) -> str:
    # What it said is for `digest doctor`, not for everybody. The pages work all the same, so the status is 200.
    return f"closed since {lane.opened_at:%Y-%m-%dT%H:%MZ}" if lane else "open"
