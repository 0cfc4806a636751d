"""The web copy of a digest, behind the link at the top of each letter.

It is the letter with all its papers and without its reader: a letter is forwarded, its copy is shown to colleagues.
So the copy has neither the address nor any link that could change, mute or end a subscription.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from digest import db, letters, papers, writing
from digest.deliveries import Claimed
from digest.errors import TokenError
from digest.house import House
from digest.letters import Links, say
from digest.models import Delivery, DeliveryKind
from digest.subscribers import Purpose
from digest.web import cite
from digest.web.front import LOOK, At
from digest.web.headers import LETTER_POLICY

router = APIRouter()

# The letter is the same HTML as in the mail, with its styles inside.
HEADERS = {"Content-Security-Policy": f"{LETTER_POLICY}; frame-ancestors 'none'"}
# In a mail program the letter is an article among others, here it is the page.
AS_MAIL, AS_PAGE = 'role="article" aria-roledescription="email"', 'role="main"'
NO_POWER = Links(view="", preferences="", unsubscribe="")


@router.api_route("/letters/{token}", methods=LOOK)
def letter(at: At, token: str) -> HTMLResponse:
    page = web_copy(at.house, token, at.clock())
    return HTMLResponse(page.replace(AS_MAIL, AS_PAGE, 1), headers=HEADERS)


@router.api_route("/letters/{token}/papers.{kind}", methods=LOOK)
def cited(at: At, token: str, kind: cite.Kind) -> Response:
    """All papers of the copy as a list of references."""
    with db.reading(at.house.engine) as session:
        kept = _kept(at.house, session, token, at.clock())
        numbers = [*kept.papers, *kept.omitted_papers]
        known = papers.by_ids(session, numbers)
    return cite.answer(kept.edition, kind, [known[number] for number in numbers if number in known])


def web_copy(house: House, token: str, now: datetime) -> str:
    """The HTML of a digest, with all the papers that the letter had no room for.

    Raises TokenError when the link is damaged or too old.
    """
    with db.reading(house.engine) as session:
        kept = _kept(house, session, token, now)
        claimed = replace(Claimed.of(kept), papers=[*kept.papers, *kept.omitted_papers], omitted_papers=[])
        desk = writing.lay_out(session, [claimed], kept.created_at)
        words = writing.digest_words(house, desk, claimed, desk.subscribers[kept.subscriber_id])
    return letters.digest(words._replace(links=NO_POWER, address=""), whole=True).html


def _kept(house: House, session: Session, token: str, now: datetime) -> Delivery:
    """The digest that a link speaks of, while its copy can be looked at. Raises TokenError."""
    number = house.links.read(Purpose.VIEW, token, now)
    kept = session.get(Delivery, int(number)) if number.isdecimal() else None
    if kept is None or kept.kind != DeliveryKind.DIGEST:
        raise TokenError("This letter is no longer kept.")
    if now - kept.created_at > timedelta(days=house.settings.web_copy_days):
        raise TokenError(
            f"Copies of letters can be looked at for {say.count(house.settings.web_copy_days, 'day')}. The mail "
            "itself stays with you, and so does the link at its foot to change your keywords; if no letter is at "
            "hand, enter your address on the front page, and that link is mailed to you."
        )
    return kept
