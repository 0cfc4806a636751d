"""Pages behind the quick action links of an e-mail: one button each, and a button to undo.

A GET changes nothing. The button carries a signed note of how things were (`before`), so that a second press, which
finds everything done, can still offer to undo it.
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
from digest.matching import is_exclusion
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
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.forms import QuickActionForm

router = APIRouter()
QuickActionBody = Annotated[QuickActionForm, Form()]
State = TypeVar("State", WeeklyState, PauseState)

MAX_AUTHORS = 12  # shown at once; of longer lists only the first are shown
FIRST_AUTHORS = 8


@router.api_route("/mute/{token}/{keyword}", methods=SAFE_METHODS)
def mute_page(web: WebDep, token: str, keyword: str) -> HTMLResponse:
    state = get_mute_state(web.ctx, token, parse_number(keyword), web.clock())
    return _render_mute(web, token, keyword, state, "ask")


@router.post("/mute/{token}/{keyword}")
def mute(web: WebDep, token: str, keyword: str, form: QuickActionBody) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        restored = unmute_keyword(web.ctx, token, form.undo, now).keyword
        return web.render("mute.html", step="undone", keyword=restored.text if restored else "")
    state = mute_keyword(web.ctx, token, parse_number(keyword), now)
    return _render_mute(web, token, keyword, state, "done", form.before)


def _render_mute(
    web: WebContext, token: str, number: str, state: MuteState, step: str, before: str = ""
) -> HTMLResponse:
    action = f"{web.root}/mute/{token}/{number}"
    if state.keyword is None:
        return web.render("mute.html", step="again", action=action, undo_token=before)
    links = {}
    if state.is_only:
        links = {
            purpose: web.ctx.token_signer.sign(purpose, state.profile.nonce, web.clock())
            for purpose in (TokenPurpose.PAUSE, TokenPurpose.UNSUBSCRIBE)
        }
    return web.render(
        "mute.html",
        step="only" if state.is_only else step,
        state=state,
        action=action,
        undo_token=state.undo,
        keyword=state.keyword.text,
        exclusion=is_exclusion(state.keyword.canonical),
        other_keywords=len(state.profile.keywords) - 1,
        links=links,
    )


@router.api_route("/never/{token}/{paper}", methods=SAFE_METHODS)
def mute_author_page(web: WebDep, token: str, paper: str) -> HTMLResponse:
    state = get_mute_author_state(web.ctx, token, parse_number(paper), web.clock())
    return _render_mute_author(web, token, paper, state, "ask")


@router.post("/never/{token}/{paper}")
def mute_author(web: WebDep, token: str, paper: str, form: QuickActionBody) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        unmute_author(web.ctx, token, form.undo, now)
        return web.render("mute-author.html", step="undone")
    if not form.author:
        return mute_author_page(web, token, paper)
    state = subscribers.mute_author(web.ctx, token, parse_number(paper), form.author, now)
    return _render_mute_author(web, token, paper, state, "done")


def _render_mute_author(web: WebContext, token: str, number: str, state: MuteAuthorState, step: str) -> HTMLResponse:
    visible = len(state.authors) if len(state.authors) <= MAX_AUTHORS else FIRST_AUTHORS
    return web.render(
        "mute-author.html",
        step=step,
        state=state,
        action=f"{web.root}/never/{token}/{number}",
        undo_token=state.undo,
        visible_authors=state.authors[:visible],
        folded_authors=state.authors[visible:],
        default_author=next((author for author in state.authors if author.exclusion and not author.is_muted), None),
    )


def add_button_page(
    path: str,
    template: str,
    get_state: Callable[[AppContext, str, datetime], State],
    act: Callable[[AppContext, str, datetime], State],
    undo: Callable[[AppContext, str, str, datetime], ActionResult],
) -> None:
    """Add the page /PATH/TOKEN with a single button."""

    def render(web: WebContext, token: str, state: State, step: str, before: str = "") -> HTMLResponse:
        return web.render(
            template,
            step="again" if state.is_set else step,
            state=state,
            profile=state.profile,
            action=f"{web.root}/{path}/{token}",
            undo_token=state.undo or before,
        )

    @router.api_route(f"/{path}/{{token}}", methods=SAFE_METHODS)
    def show_page(web: WebDep, token: str) -> HTMLResponse:
        return render(web, token, get_state(web.ctx, token, web.clock()), "ask")

    @router.post(f"/{path}/{{token}}")
    def submit(web: WebDep, token: str, form: QuickActionBody) -> HTMLResponse:
        now = web.clock()
        if form.undo:
            return web.render(template, step="undone", profile=undo(web.ctx, token, form.undo, now).profile)
        return render(web, token, act(web.ctx, token, now), "done", form.before)


add_button_page("fewer", "weekly.html", get_weekly_state, set_weekly, undo_weekly)
add_button_page("pause", "pause.html", get_pause_state, start_pause, undo_pause)


@router.api_route("/return/{token}", methods=SAFE_METHODS)
def resubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    profile = get_resubscribe_profile(web.ctx, token, web.clock())
    step = "ask" if profile.status == SubscriberStatus.UNSUBSCRIBED else "again"
    return web.render("resubscribe.html", step=step, profile=profile, token=token)


@router.post("/return/{token}")
def resubscribe(web: WebDep, token: str) -> HTMLResponse:
    profile = subscribers.resubscribe(web.ctx, token, web.clock()).profile
    return web.render("resubscribe.html", step="done", profile=profile, token=token)


def parse_number(text: str) -> int:
    """Parse the number at the end of a URL. Raises TokenError for anything else."""
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise TokenError(messages.DAMAGED_LINK)
    return int(text)
