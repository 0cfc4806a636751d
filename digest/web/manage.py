"""The pages behind the links in letters: confirm, change, leave. Looking changes nothing; a button acts."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from digest import desk
from digest.desk import Card
from digest.desk.returning import way_back
from digest.matching.query import WIDEST
from digest.models import SubscriberStatus
from digest.subscribers import ENDED, LARGEST_CAP, RUNNING, Purpose
from digest.web.forms import (
    LONGEST_KEYWORDS,
    Answer,
    PreferencesForm,
    Read,
    Unsubscribing,
    read_preferences,
    typed,
    zones_with,
)
from digest.web.front import LOOK, At, Front
from digest.web.gone import ended
from digest.web.keywords import understood

router = APIRouter()


@router.api_route("/confirm/{token}", methods=LOOK)
def confirm_page(at: At, token: str) -> HTMLResponse:
    card = desk.look(at.house, Purpose.CONFIRM, token, at.clock())
    if card.status in RUNNING:
        return at.page("confirmed.html", card=card, again=True)
    if card.status != SubscriberStatus.PENDING:
        return ended(at)
    return at.page("confirm.html", card=card, token=token)


@router.post("/confirm/{token}")
def confirm(at: At, token: str, form: Annotated[Answer, Form()]) -> HTMLResponse:
    now = at.clock()
    if form.answer == "no":
        desk.decline(at.house, token, now)
        card = desk.look(at.house, Purpose.CONFIRM, token, now)
        if card.status in RUNNING:
            return at.page("confirmed.html", card=card, again=True)
        return at.page("declined.html")
    again = desk.look(at.house, Purpose.CONFIRM, token, now).status in RUNNING
    card = desk.confirm(at.house, token, now)
    return at.page("confirmed.html", card=card, again=again)


@router.api_route("/preferences/{token}", methods=LOOK)
def preferences_page(at: At, token: str, saved: str = "") -> HTMLResponse:
    card = desk.look(at.house, Purpose.PREFERENCES, token, at.clock())
    if card.status not in RUNNING:
        return ended(at, token)
    return _preferences(at, token, card, _said(card), Read(), saved=bool(saved))


@router.post("/preferences/{token}")
def preferences(at: At, token: str, form: Annotated[PreferencesForm, Form()]) -> Response:
    now = at.clock()
    card = desk.look(at.house, Purpose.PREFERENCES, token, now)
    if card.status not in RUNNING:
        return ended(at, token)
    read = read_preferences(form, at.house.settings, now)
    if read.faults:
        said = typed(form, at.house.settings) | {"pause": form.pause}
        return _preferences(at, token, card, said, read, saved=False)
    desk.change(at.house, token, read.wish, read.saved, read.pause, now)
    return RedirectResponse(f"{at.root}/preferences/{token}?saved=1", status_code=303)


@router.api_route("/unsubscribe/{token}", methods=LOOK)
def unsubscribe_page(at: At, token: str) -> HTMLResponse:
    card = desk.look(at.house, Purpose.UNSUBSCRIBE, token, at.clock())
    if card.status in ENDED:
        return _left(at, token, again=True)
    return at.page("unsubscribe.html", card=card, token=token)


@router.post("/unsubscribe/{token}")
def unsubscribe(at: At, token: str, form: Annotated[Unsubscribing, Form()]) -> Response:
    """Leave. Without our own button it is a mail program that asks (RFC 8058): no farewell, no page, no redirect."""
    by_button = form.answer == "yes" and not form.one_click
    now = at.clock()
    before = desk.look(at.house, Purpose.UNSUBSCRIBE, token, now)
    desk.unsubscribe(at.house, token, now, farewell=by_button)
    if not by_button:
        return PlainTextResponse("You are unsubscribed.\n")
    return _left(at, token, again=before.status in ENDED)


def _left(at: Front, token: str, *, again: bool) -> HTMLResponse:
    return at.page("left.html", again=again, undo=way_back(at.house, token, at.clock()))


def _said(card: Card) -> dict[str, str]:
    wish = card.wish
    return {
        "keywords": "\n".join(card.keywords),
        "frequency": wish.frequency,
        "hour": str(wish.send_hour),
        "timezone": wish.timezone,
        "cap": str(wish.cap),
        "trending": "yes" if wish.trending else "",
        "summaries": "yes" if wish.summaries else "",
        "pause": card.paused_until.isoformat() if card.paused_until else "",
    }


def _preferences(at: Front, token: str, card: Card, said: dict[str, str], read: Read, *, saved: bool) -> HTMLResponse:
    now = at.clock()
    shown = desk.understand(card.keywords, desk.Rules(len(card.keywords), WIDEST))[0] if saved else read.saved
    nonce = at.house.links.read(Purpose.PREFERENCES, token, now)
    return at.page(
        "preferences.html",
        status=422 if read.faults else 200,
        card=card,
        said=said,
        read=read,
        saved=saved and not read.faults,
        understood=understood(at.shelf.lately(at.house), shown) if shown else (),
        token=token,
        leave=at.house.links.token(Purpose.UNSUBSCRIBE, nonce, now),
        today=now.astimezone(ZoneInfo(card.wish.timezone)).date(),
        fresh=False,
        zones=zones_with(said["timezone"]),
        longest=LONGEST_KEYWORDS,
        largest_cap=LARGEST_CAP,
    )
