"""The pages behind the links in letters: confirm, change, leave. Looking changes nothing; a button acts."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from digest import subscribers
from digest.database.models import SubscriberStatus
from digest.matching import MAX_LIMITS
from digest.subscribers import (
    ENDED_STATUSES,
    MAX_CAP,
    RUNNING_STATUSES,
    KeywordLimits,
    SubscriberProfile,
    decline,
    get_profile,
    parse_keywords,
    resubscribe_token,
    update_preferences,
)
from digest.tokens import TokenPurpose
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import subscription_ended_page
from digest.web.forms import (
    MAX_KEYWORDS_LENGTH,
    AnswerForm,
    ParsedForm,
    PreferencesForm,
    UnsubscribeForm,
    entered_values,
    parse_preferences_form,
    timezones_including,
)
from digest.web.keywords import describe_keywords

router = APIRouter()


@router.api_route("/confirm/{token}", methods=SAFE_METHODS)
def confirm_page(web: WebDep, token: str) -> HTMLResponse:
    card = get_profile(web.ctx, TokenPurpose.CONFIRM, token, web.clock())
    if card.status in RUNNING_STATUSES:
        return web.render("confirmed.html", card=card, again=True)
    if card.status != SubscriberStatus.PENDING:
        return subscription_ended_page(web)
    return web.render("confirm.html", card=card, token=token)


@router.post("/confirm/{token}")
def confirm(web: WebDep, token: str, form: Annotated[AnswerForm, Form()]) -> HTMLResponse:
    now = web.clock()
    if form.answer == "no":
        decline(web.ctx, token, now)
        card = get_profile(web.ctx, TokenPurpose.CONFIRM, token, now)
        if card.status in RUNNING_STATUSES:
            return web.render("confirmed.html", card=card, again=True)
        return web.render("declined.html")
    again = get_profile(web.ctx, TokenPurpose.CONFIRM, token, now).status in RUNNING_STATUSES
    card = subscribers.confirm(web.ctx, token, now)
    return web.render("confirmed.html", card=card, again=again)


@router.api_route("/preferences/{token}", methods=SAFE_METHODS)
def preferences_page(web: WebDep, token: str, saved: str = "") -> HTMLResponse:
    card = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    if card.status not in RUNNING_STATUSES:
        return subscription_ended_page(web, token)
    return _render_preferences(web, token, card, _profile_values(card), ParsedForm(), saved=bool(saved))


@router.post("/preferences/{token}")
def save_preferences(web: WebDep, token: str, form: Annotated[PreferencesForm, Form()]) -> Response:
    now = web.clock()
    card = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, now)
    if card.status not in RUNNING_STATUSES:
        return subscription_ended_page(web, token)
    read = parse_preferences_form(form, web.ctx.settings, now)
    if read.faults:
        said = entered_values(form, web.ctx.settings) | {"pause": form.pause}
        return _render_preferences(web, token, card, said, read, saved=False)
    update_preferences(web.ctx, token, read.wish, read.saved, read.pause, now)
    return RedirectResponse(f"{web.root}/preferences/{token}?saved=1", status_code=303)


@router.api_route("/unsubscribe/{token}", methods=SAFE_METHODS)
def unsubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    card = get_profile(web.ctx, TokenPurpose.UNSUBSCRIBE, token, web.clock())
    if card.status in ENDED_STATUSES:
        return _unsubscribed_page(web, token, again=True)
    return web.render("unsubscribe.html", card=card, token=token)


@router.post("/unsubscribe/{token}")
def unsubscribe(web: WebDep, token: str, form: Annotated[UnsubscribeForm, Form()]) -> Response:
    """Leave. Without our own button it is a mail program that asks (RFC 8058): no farewell, no page, no redirect."""
    by_button = form.answer == "yes" and not form.one_click
    now = web.clock()
    before = get_profile(web.ctx, TokenPurpose.UNSUBSCRIBE, token, now)
    subscribers.unsubscribe(web.ctx, token, now, send_goodbye=by_button)
    if not by_button:
        return PlainTextResponse("You are unsubscribed.\n")
    return _unsubscribed_page(web, token, again=before.status in ENDED_STATUSES)


def _unsubscribed_page(web: WebContext, token: str, *, again: bool) -> HTMLResponse:
    return web.render("left.html", again=again, undo=resubscribe_token(web.ctx, token, web.clock()))


def _profile_values(profile: SubscriberProfile) -> dict[str, str]:
    wish = profile.wish
    return {
        "keywords": "\n".join(profile.keywords),
        "frequency": wish.frequency,
        "hour": str(wish.send_hour),
        "timezone": wish.timezone,
        "cap": str(wish.cap),
        "trending": "yes" if wish.trending else "",
        "summaries": "yes" if wish.summaries else "",
        "pause": profile.paused_until.isoformat() if profile.paused_until else "",
    }


def _render_preferences(
    web: WebContext, token: str, profile: SubscriberProfile, values: dict[str, str], parsed: ParsedForm, *, saved: bool
) -> HTMLResponse:
    now = web.clock()
    shown = (
        parse_keywords(profile.keywords, KeywordLimits(len(profile.keywords), MAX_LIMITS))[0] if saved else parsed.saved
    )
    nonce = web.ctx.token_signer.unsign(TokenPurpose.PREFERENCES, token, now)
    return web.render(
        "preferences.html",
        status=422 if parsed.faults else 200,
        card=profile,
        said=values,
        read=parsed,
        saved=saved and not parsed.faults,
        understood=describe_keywords(web.suggestions.recent_corpus(web.ctx), shown) if shown else (),
        token=token,
        leave=web.ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, nonce, now),
        today=now.astimezone(ZoneInfo(profile.wish.timezone)).date(),
        fresh=False,
        zones=timezones_including(values["timezone"]),
        longest=MAX_KEYWORDS_LENGTH,
        largest_cap=MAX_CAP,
    )
