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

from digest import subscribers
from digest.context import AppContext
from digest.database.models import SubscriberStatus
from digest.errors import TokenError
from digest.matching import describe, is_exclusion, parse_canonical
from digest.subscribers import (
    ActionResult,
    MuteAuthorState,
    MuteState,
    PauseState,
    WeeklyState,
    get_mute_author_state,
    get_mute_state,
    get_pause_state,
    get_resubscribe_profile,
    get_weekly_state,
    mute_keyword,
    set_weekly,
    start_pause,
    undo_pause,
    undo_weekly,
    unmute_author,
    unmute_keyword,
)
from digest.tokens import TokenPurpose
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.forms import QuickActionForm

router = APIRouter()


QuickActionBody = Annotated[QuickActionForm, Form()]


Found = TypeVar("Found", WeeklyState, PauseState)


MAX_VISIBLE_AUTHORS = 12  # authors in sight; the others unfold


VISIBLE_AUTHORS = 8


@router.api_route("/mute/{token}/{keyword}", methods=SAFE_METHODS)
def mute_page(web: WebDep, token: str, keyword: str) -> HTMLResponse:
    found = get_mute_state(web.ctx, token, _parse_number(keyword), web.clock())
    return _render_mute(web, token, keyword, found, "ask")


@router.post("/mute/{token}/{keyword}")
def mute(web: WebDep, token: str, keyword: str, form: QuickActionBody) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        back = unmute_keyword(web.ctx, token, form.undo, now)
        return web.render("mute.html", state="undone", keyword=back.keyword.text if back.keyword else "")
    found = mute_keyword(web.ctx, token, _parse_number(keyword), now)
    return _render_mute(web, token, keyword, found, "done", form.before)


def _render_mute(
    web: WebContext, token: str, number: str, mute_state: MuteState, state: str, before: str = ""
) -> HTMLResponse:
    action = f"{web.root}/mute/{token}/{number}"
    if mute_state.keyword is None:
        return web.render("mute.html", state="again", action=action, undo=before)
    query = parse_canonical(mute_state.keyword.canonical)
    ways = {}
    if mute_state.is_only:
        now, nonce = web.clock(), mute_state.profile.nonce
        ways = {
            each: web.ctx.token_signer.sign(each, nonce, now) for each in (TokenPurpose.PAUSE, TokenPurpose.UNSUBSCRIBE)
        }
    return web.render(
        "mute.html",
        state="only" if mute_state.is_only else state,
        action=action,
        undo=mute_state.undo,
        keyword=mute_state.keyword.text,
        meaning=describe(query),
        exclusion=is_exclusion(query.canonical),
        found=mute_state,
        others=len(mute_state.profile.keywords) - 1,
        ways=ways,
    )


@router.api_route("/never/{token}/{paper}", methods=SAFE_METHODS)
def mute_author_page(web: WebDep, token: str, paper: str) -> HTMLResponse:
    found = get_mute_author_state(web.ctx, token, _parse_number(paper), web.clock())
    return _render_mute_author(web, token, paper, found, "ask")


@router.post("/never/{token}/{paper}")
def mute_author(web: WebDep, token: str, paper: str, form: QuickActionBody) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        unmute_author(web.ctx, token, form.undo, now)
        return web.render("never.html", state="undone")
    if not form.author:
        return _render_mute_author(
            web, token, paper, get_mute_author_state(web.ctx, token, _parse_number(paper), now), "ask"
        )
    found = subscribers.mute_author(web.ctx, token, _parse_number(paper), form.author, now)
    return _render_mute_author(web, token, paper, found, "done")


def _render_mute_author(
    web: WebContext, token: str, number: str, author_state: MuteAuthorState, state: str
) -> HTMLResponse:
    split = len(author_state.authors) if len(author_state.authors) <= MAX_VISIBLE_AUTHORS else VISIBLE_AUTHORS
    return web.render(
        "never.html",
        state=state,
        action=f"{web.root}/never/{token}/{number}",
        undo=author_state.undo,
        found=author_state,
        shown=author_state.authors[:split],
        others=author_state.authors[split:],
        first=next((each for each in author_state.authors if each.exclusion and not each.is_muted), None),
    )


def _add_button_page(
    name: str,
    get_state: Callable[[AppContext, str, datetime], Found],
    act: Callable[[AppContext, str, datetime], Found],
    undo: Callable[[AppContext, str, str, datetime], ActionResult],
) -> None:
    """The page /PAGE/TOKEN, whose button asks nothing more."""

    def shown(web: WebContext, token: str, button_state: Found, state: str, before: str = "") -> HTMLResponse:
        state = "again" if button_state.is_set else state
        action, note = f"{web.root}/{name}/{token}", button_state.undo or before
        return web.render(
            f"{name}.html", state=state, action=action, undo=note, card=button_state.profile, found=button_state
        )

    @router.api_route(f"/{name}/{{token}}", methods=SAFE_METHODS)
    def asked(web: WebDep, token: str) -> HTMLResponse:
        return shown(web, token, get_state(web.ctx, token, web.clock()), "ask")

    @router.post(f"/{name}/{{token}}")
    def pressed(web: WebDep, token: str, form: QuickActionBody) -> HTMLResponse:
        now = web.clock()
        if form.undo:
            return web.render(f"{name}.html", state="undone", card=undo(web.ctx, token, form.undo, now).profile)
        return shown(web, token, act(web.ctx, token, now), "done", form.before)


_add_button_page("fewer", get_weekly_state, set_weekly, undo_weekly)


_add_button_page("pause", get_pause_state, start_pause, undo_pause)


@router.api_route("/return/{token}", methods=SAFE_METHODS)
def resubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    card = get_resubscribe_profile(web.ctx, token, web.clock())
    return web.render(
        "return.html", state="ask" if card.status == SubscriberStatus.UNSUBSCRIBED else "again", card=card, token=token
    )


@router.post("/return/{token}")
def resubscribe(web: WebDep, token: str) -> HTMLResponse:
    result = subscribers.resubscribe(web.ctx, token, web.clock())
    return web.render("return.html", state="done", card=result.profile, token=token)


def _parse_number(text: str) -> int:
    """The number at the end of an address. Raises TokenError for what can be none of ours."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise TokenError("This link is damaged. Copy it whole from the mail, or use one of a newer letter.")
    return int(text)
