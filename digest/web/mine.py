"""What is held of a reader, behind the link to their preferences: the letters so far, all as JSON, and its end."""

import json
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response

from digest import desk
from digest.desk import held
from digest.models import DeliveryKind, DeliveryState
from digest.subscribers import RUNNING, Purpose
from digest.web import entries
from digest.web.errors import error_page
from digest.web.forms import Answer
from digest.web.front import LOOK, At

router = APIRouter(prefix="/preferences/{token}")
SAID = {
    DeliveryState.QUEUED: "waiting to be sent",
    DeliveryState.SENDING: "being sent",
    DeliveryState.ON_WIRE: "being sent",
    DeliveryState.SENT: "sent",
    DeliveryState.FAILED: "not delivered",
    DeliveryState.UNCERTAIN: "perhaps delivered",
    DeliveryState.CANCELLED: "withdrawn",
    DeliveryState.EXPIRED: "too late, not sent",
}
LETTERS = {
    DeliveryKind.CONFIRM: "Link to confirm",
    DeliveryKind.WELCOME: "Welcome",
    DeliveryKind.ALREADY_SUBSCRIBED: "You are subscribed already",
    DeliveryKind.GOODBYE: "Goodbye",
}


@router.api_route("/history", methods=LOOK)
def history(at: At, token: str, page: str = "1") -> HTMLResponse:
    number = entries.page_of(page)
    found = held.look_history(at.house, token, max(number, 1), at.clock())
    pages = max(1, -(-found.total // held.A_PAGE))
    if not 1 <= number <= pages:
        return error_page(at, 404, links={f"/preferences/{token}/history": "The first page"})
    return at.page(
        "history.html",
        token=token,
        found=found,
        said=SAID,
        names=LETTERS,
        page=number,
        pages=pages,
        running=found.card.status in RUNNING,
        feed=at.house.page(f"/mine/{found.feed}"),
    )


@router.api_route("/export.json", methods=LOOK)
def export(at: At, token: str) -> Response:
    told = json.dumps(held.export(at.house, token, at.clock()), ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="paper-digest.json"'}
    return Response(told, media_type="application/json", headers=headers)


@router.api_route("/erase", methods=LOOK)
def erase_page(at: At, token: str) -> HTMLResponse:
    card = desk.look(at.house, Purpose.PREFERENCES, token, at.clock())
    return at.page("erase.html", card=card, token=token, running=card.status in RUNNING)


@router.post("/erase")
def erase(at: At, token: str, form: Annotated[Answer, Form()]) -> HTMLResponse:
    if form.answer != "yes":
        return erase_page(at, token)
    held.erase(at.house, token, at.clock())
    return at.page("erased.html")
