"""One letter: its story, and what may be decided about it."""

from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from digest import db, deliveries
from digest.deliveries.story import evidence, story
from digest.desk.copies import send_copy
from digest.errors import DigestError, SubscriberError
from digest.models import Delivery, DeliveryState
from digest.web.errors import error_page
from digest.web.front import LOOK, At, Front
from digest.web.operator.door import page, to
from digest.web.watching import Seen

log = structlog.get_logger()

router = APIRouter()


class ResolveForm(BaseModel):
    """`back`: where the button stood."""

    answer: Literal["sent", "lost"]
    back: Literal["", "letter"] = ""


@router.api_route("/letters/{number}", methods=LOOK)
def letter(at: At, number: int) -> HTMLResponse:
    with db.reading(at.house.engine) as session:
        found = session.get(Delivery, number)
        if found is None:
            raise HTTPException(404)
        events = story(found, evidence(session, number))
    return page(at, "letter.html", letter=found, events=events, uncertain=found.state == DeliveryState.UNCERTAIN)


@router.post("/letters/{number}/resolve")
def resolve(at: At, watch: Seen, number: int, form: Annotated[ResolveForm, Form()]) -> Response:
    """The relay's log has told: it was sent, or it is lost and its papers go into the next letter."""
    try:
        with db.writing(at.house.engine) as session:
            deliveries.resolve(session, number, sent=form.answer == "sent", now=at.clock())
    except DigestError as error:
        return _refused(at, f"Nothing was changed: {error}.", f"/operator/letters/{number}")
    log.info("operator.resolved", delivery=number, outcome=form.answer)
    watch.changed()
    return to(at, f"/letters/{number}" if form.back == "letter" else "")


@router.post("/letters/{number}/copy")
def copy(at: At, number: int) -> Response:
    """The link to its copy on the web goes to its reader, with the next letters."""
    try:
        send_copy(at.house, number, at.clock())
    except SubscriberError as error:
        return _refused(at, str(error), f"/operator/letters/{number}")
    log.info("operator.copy_queued", delivery=number)
    with db.reading(at.house.engine) as session:
        reader = session.get_one(Delivery, number).subscriber_id
    return to(at, f"/readers/{reader}?queued={number}")


def _refused(at: Front, text: str, back: str) -> HTMLResponse:
    links = {back: "Back to the letter", "/operator": "To the first page"}
    return error_page(at, 409, title="This cannot be done now", text=text, links=links)
