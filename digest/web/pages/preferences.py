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
    get_unsubscribe_state,
    parse_keywords,
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
        declined = decline(web.ctx, token, now)
        if declined.profile.is_running:
            return web.render("confirmed.html", card=declined.profile, again=True)
        return web.render("declined.html")
    confirmed = subscribers.confirm(web.ctx, token, now)
    return web.render("confirmed.html", card=confirmed.profile, again=not confirmed.changed)


@router.api_route("/preferences/{token}", methods=SAFE_METHODS)
def preferences_page(web: WebDep, token: str, saved: str = "") -> HTMLResponse:
    card = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    if card.status not in RUNNING_STATUSES:
        return subscription_ended_page(web, token)
    return _render_preferences(web, token, card, _profile_values(card), ParsedForm(), saved=bool(saved))


@router.post("/preferences/{token}")
def save_preferences(web: WebDep, token: str, form: Annotated[PreferencesForm, Form()]) -> Response:
    now = web.clock()
    read = parse_preferences_form(form, web.ctx.settings, now)
    if read.faults:
        profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, now)
    else:
        profile = update_preferences(web.ctx, token, read.wish, read.saved, read.pause, now).profile
    if not profile.is_running:
        return subscription_ended_page(web, token)
    if read.faults:
        said = entered_values(form, web.ctx.settings) | {"pause": form.pause}
        return _render_preferences(web, token, profile, said, read, saved=False)
    return RedirectResponse(f"{web.root}/preferences/{token}?saved=1", status_code=303)


@router.api_route("/unsubscribe/{token}", methods=SAFE_METHODS)
def unsubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    state = get_unsubscribe_state(web.ctx, token, web.clock())
    if state.profile.status in ENDED_STATUSES:
        return web.render("left.html", again=True, undo=state.undo)
    return web.render("unsubscribe.html", card=state.profile, token=token)


@router.post("/unsubscribe/{token}")
def unsubscribe(web: WebDep, token: str, form: Annotated[UnsubscribeForm, Form()]) -> Response:
    """Leave. Without our own button it is a mail program that asks (RFC 8058): no farewell, no page, no redirect."""
    by_button = form.answer == "yes" and not form.one_click
    result = subscribers.unsubscribe(web.ctx, token, web.clock(), send_goodbye=by_button)
    if not by_button:
        return PlainTextResponse("You are unsubscribed.\n")
    return web.render("left.html", again=not result.changed, undo=result.undo)


def _profile_values(profile: SubscriberProfile) -> dict[str, str]:
    preferences = profile.preferences
    return {
        "keywords": "\n".join(profile.keywords),
        "frequency": preferences.frequency,
        "hour": str(preferences.send_hour),
        "timezone": preferences.timezone,
        "cap": str(preferences.cap),
        "trending": "yes" if preferences.trending else "",
        "summaries": "yes" if preferences.summaries else "",
        "pause": profile.paused_until.isoformat() if profile.paused_until else "",
    }


def _render_preferences(
    web: WebContext, token: str, profile: SubscriberProfile, values: dict[str, str], parsed: ParsedForm, *, saved: bool
) -> HTMLResponse:
    now = web.clock()
    shown = (
        parse_keywords(profile.keywords, KeywordLimits(len(profile.keywords), MAX_LIMITS))[0] if saved else parsed.saved
    )
    return web.render(
        "preferences.html",
        status=422 if parsed.faults else 200,
        card=profile,
        said=values,
        read=parsed,
        saved=saved and not parsed.faults,
        understood=describe_keywords(web.suggestions.recent_corpus(web.ctx), shown) if shown else (),
        token=token,
        leave=web.ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, profile.nonce, now),
        today=now.astimezone(ZoneInfo(profile.preferences.timezone)).date(),
        fresh=False,
        zones=timezones_including(values["timezone"]),
        longest=MAX_KEYWORDS_LENGTH,
        largest_cap=MAX_CAP,
    )
