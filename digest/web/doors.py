"""The pages behind the small links of a letter, each with one button, and on the answer one to take it back.

A page changes nothing until its button is pressed. The button carries a signed note of how things were (`before`), so
that a second press, which finds everything done, can still offer the way back.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse

from digest.desk import Card, doors, returning
from digest.desk import never as authors
from digest.desk.doors import Muting, Pausing, Weekly
from digest.desk.never import Never
from digest.errors import TokenError
from digest.house import House
from digest.matching import describe, is_exclusion, recall
from digest.models import SubscriberStatus
from digest.subscribers import Purpose
from digest.web.forms import DoorForm
from digest.web.front import LOOK, At, Front

router = APIRouter()
Pressed = Annotated[DoorForm, Form()]
Found = TypeVar("Found", Weekly, Pausing)

NAMED = 12  # authors in sight; the others unfold
IN_SIGHT = 8


@router.api_route("/mute/{token}/{keyword}", methods=LOOK)
def mute_page(at: At, token: str, keyword: str) -> HTMLResponse:
    found = doors.look_mute(at.house, token, _number(keyword), at.clock())
    return _mute(at, token, keyword, found, "ask")


@router.post("/mute/{token}/{keyword}")
def mute(at: At, token: str, keyword: str, form: Pressed) -> HTMLResponse:
    now = at.clock()
    if form.undo:
        back = doors.unmute(at.house, token, form.undo, now)
        return at.page("mute.html", state="undone", keyword=back.written)
    found = doors.mute(at.house, token, _number(keyword), now)
    return _mute(at, token, keyword, found, "done", form.before)


def _mute(at: Front, token: str, number: str, found: Muting, state: str, before: str = "") -> HTMLResponse:
    action = f"{at.root}/mute/{token}/{number}"
    if found.keyword is None:
        return at.page("mute.html", state="again", action=action, undo=before)
    query = recall(found.keyword.canonical)
    ways = {}
    if found.only:
        now, nonce = at.clock(), at.house.links.read(Purpose.MUTE, token, at.clock())
        ways = {each: at.house.links.token(each, nonce, now) for each in (Purpose.PAUSE, Purpose.UNSUBSCRIBE)}
    return at.page(
        "mute.html",
        state="only" if found.only else state,
        action=action,
        undo=found.undo,
        keyword=found.keyword.written,
        meaning=describe(query),
        exclusion=is_exclusion(query.canonical),
        found=found,
        others=len(found.card.keywords) - 1,
        ways=ways,
    )


@router.api_route("/never/{token}/{paper}", methods=LOOK)
def never_page(at: At, token: str, paper: str) -> HTMLResponse:
    found = authors.look_never(at.house, token, _number(paper), at.clock())
    return _never(at, token, paper, found, "ask")


@router.post("/never/{token}/{paper}")
def never(at: At, token: str, paper: str, form: Pressed) -> HTMLResponse:
    now = at.clock()
    if form.undo:
        meaning = describe(recall(authors.allow(at.house, token, form.undo, now)))
        return at.page("never.html", state="undone", meaning=meaning)
    if not form.author:
        return _never(at, token, paper, authors.look_never(at.house, token, _number(paper), now), "ask")
    found = authors.never(at.house, token, _number(paper), form.author, now)
    return _never(at, token, paper, found, "done")


def _never(at: Front, token: str, number: str, found: Never, state: str) -> HTMLResponse:
    split = len(found.authors) if len(found.authors) <= NAMED else IN_SIGHT
    return at.page(
        "never.html",
        state=state,
        action=f"{at.root}/never/{token}/{number}",
        undo=found.undo,
        found=found,
        shown=found.authors[:split],
        others=found.authors[split:],
        first=next((each for each in found.authors if each.line and not each.kept_away), None),
    )


def _one_button(
    page: str,
    look: Callable[[House, str, datetime], Found],
    act: Callable[[House, str, datetime], Found],
    undo: Callable[[House, str, str, datetime], Card],
) -> None:
    """The page /PAGE/TOKEN, whose button asks nothing more."""

    def shown(at: Front, token: str, found: Found, state: str, before: str = "") -> HTMLResponse:
        state = "again" if found.already else state
        action, note = f"{at.root}/{page}/{token}", found.undo or before
        return at.page(f"{page}.html", state=state, action=action, undo=note, card=found.card, found=found)

    @router.api_route(f"/{page}/{{token}}", methods=LOOK)
    def asked(at: At, token: str) -> HTMLResponse:
        return shown(at, token, look(at.house, token, at.clock()), "ask")

    @router.post(f"/{page}/{{token}}")
    def pressed(at: At, token: str, form: Pressed) -> HTMLResponse:
        now = at.clock()
        if form.undo:
            return at.page(f"{page}.html", state="undone", card=undo(at.house, token, form.undo, now))
        return shown(at, token, act(at.house, token, now), "done", form.before)


_one_button("fewer", doors.look_fewer, doors.fewer, doors.as_often)
_one_button("pause", doors.look_pause, doors.pause, doors.unpause)


@router.api_route("/return/{token}", methods=LOOK)
def return_page(at: At, token: str) -> HTMLResponse:
    card = returning.look_return(at.house, token, at.clock())
    return at.page(
        "return.html", state="ask" if card.status == SubscriberStatus.UNSUBSCRIBED else "again", card=card, token=token
    )


@router.post("/return/{token}")
def come_back(at: At, token: str) -> HTMLResponse:
    card = returning.come_back(at.house, token, at.clock())
    return at.page("return.html", state="done", card=card, token=token)


def _number(written: str) -> int:
    """The number at the end of an address. Raises TokenError for what can be none of ours."""
    if not re.fullmatch(r"[0-9]{1,15}", written):
        raise TokenError("This link is damaged. Copy it whole from the mail, or use one of a newer letter.")
    return int(written)
