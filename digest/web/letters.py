"""The web copy of a digest, behind the link at the top of each letter."""

from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from digest import db, letters, writing
from digest.deliveries import Claimed
from digest.errors import TokenError
from digest.house import House
from digest.models import Delivery, Kind
from digest.subscribers import Purpose
from digest.web.errors import error_page
from digest.web.front import LOOK, At
from digest.web.headers import LETTER_POLICY

router = APIRouter()

# The letter is the same HTML as in the mail, with its styles inside.
HEADERS = {"Content-Security-Policy": f"{LETTER_POLICY}; frame-ancestors 'none'"}


@router.api_route("/letters/{token}", methods=LOOK)
def letter(at: At, token: str) -> HTMLResponse:
    try:
        return HTMLResponse(web_copy(at.house, token, at.clock()), headers=HEADERS)
    except TokenError as error:
        links = {"/papers": "The latest papers", "/": "Subscribe"}
        return error_page(at, 404, title="This letter cannot be shown", text=str(error), links=links)


def web_copy(house: House, token: str, now: datetime) -> str:
    """The HTML of a digest, with all the papers that the letter had no room for.

    Raises TokenError when the link is damaged or the letter is no longer kept.
    """
    number = house.links.read(Purpose.VIEW, token, now)
    with db.reading(house.engine) as session:
        kept = session.get(Delivery, int(number)) if number.isdecimal() else None
        if kept is None or kept.kind != Kind.DIGEST:
            raise TokenError("This letter is no longer kept.")
        claimed = replace(Claimed.of(kept), papers=[*kept.papers, *kept.left_out], left_out=[])
        desk = writing.lay_out(session, [claimed], kept.created_at)
        words = writing.digest_words(house, desk, claimed, desk.subscribers[kept.subscriber_id])
    return letters.digest(words, whole=True).html
