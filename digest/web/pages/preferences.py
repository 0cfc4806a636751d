"""Pages to confirm, change and end a subscription. A GET changes nothing; a button acts."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from digest import subscribers
from digest.database.models import SubscriberStatus
from digest.formatting import WEEKDAYS
from digest.matching import MAX_LIMITS
from digest.schedule import load_zone
from digest.subscribers import (
    ENDED_STATUSES,
    MAX_CAP,
    KeywordLimits,
    SubscriberProfile,
    decline,
    get_pause_state,
    get_profile,
    get_unsubscribe_state,
    get_weekly_state,
    is_declined,
    parse_keywords,
    update_preferences,
)
from digest.tokens import TokenPurpose
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import subscription_ended_page
from digest.web.forms import (
    MAX_KEYWORDS_LENGTH,
    ButtonForm,
    ParsedForm,
    PreferencesForm,
    UnsubscribeForm,
    frequency_value,
    parse_preferences_form,
    submitted_values,
    timezones_including,
)
from digest.web.keywords import describe_keywords

router = APIRouter()


@router.api_route("/confirm/{token}", methods=SAFE_METHODS)
def confirm_page(web: WebDep, token: str) -> HTMLResponse:
    profile = get_profile(web.ctx, TokenPurpose.CONFIRM, token, web.clock())
    if profile.is_running:
        return web.render("confirmed.html", profile=profile, already=True)
    if profile.status != SubscriberStatus.PENDING and not is_declined(profile):
        return subscription_ended_page(web)
    return web.render("confirm.html", profile=profile, token=token)


@router.post("/confirm/{token}")
def confirm(web: WebDep, token: str, form: Annotated[ButtonForm, Form()]) -> HTMLResponse:
    now = web.clock()
    if form.answer == "no":
        profile = decline(web.ctx, token, now).profile
        if profile.is_running:
            return web.render("confirmed.html", profile=profile, already=True)
        return web.render("declined.html", profile=profile, token=token)
    result = subscribers.confirm(web.ctx, token, now)
    return web.render("confirmed.html", profile=result.profile, already=not result.changed)


@router.api_route("/preferences/{token}", methods=SAFE_METHODS)
def preferences_page(web: WebDep, token: str, saved: str = "") -> HTMLResponse:
    profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    if not profile.is_running:
        return subscription_ended_page(web, token)
    return _render_preferences(web, token, profile, _profile_values(profile), ParsedForm(), is_saved=bool(saved))


@router.post("/preferences/{token}")
def save_preferences(web: WebDep, token: str, form: Annotated[PreferencesForm, Form()]) -> Response:
    now = web.clock()
    parsed = parse_preferences_form(form, web.ctx.settings, now)
    profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, now)
    if not parsed.errors:
        keywords = [replace(keyword, is_muted=keyword.text in profile.muted) for keyword in parsed.keywords]
        profile = update_preferences(web.ctx, token, parsed.preferences, keywords, parsed.paused_until, now).profile
    if not profile.is_running:
        return subscription_ended_page(web, token)
    if parsed.errors:
        values = submitted_values(form, web.ctx.settings) | {"pause": form.pause}
        return _render_preferences(web, token, profile, values, parsed, is_saved=False)
    return RedirectResponse(f"{web.root}/preferences/{token}?saved=1", status_code=303)


@router.api_route("/unsubscribe/{token}", methods=SAFE_METHODS)
def unsubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    state = get_unsubscribe_state(web.ctx, token, web.clock())
    if state.profile.status in ENDED_STATUSES:
        return web.render("unsubscribed.html", already=True, undo_token=state.undo)
    now, nonce = web.clock(), state.profile.nonce
    # Who can end the subscription can also make it rest or come less often; each button has a token of its own.
    weekly_token, pause_token = web.ctx.token_signer.sign_many((TokenPurpose.WEEKLY, TokenPurpose.PAUSE), nonce, now)
    is_running = state.profile.is_running
    weekly = get_weekly_state(web.ctx, weekly_token, now) if is_running else None
    pause = get_pause_state(web.ctx, pause_token, now) if is_running else None
    return web.render(
        "unsubscribe.html",
        profile=state.profile,
        token=token,
        weekly=weekly if weekly and not weekly.is_set else None,
        pause=pause if pause and not pause.is_set else None,
        weekdays=WEEKDAYS,
        weekly_token=weekly_token,
        pause_token=pause_token,
    )


@router.post("/unsubscribe/{token}")
def unsubscribe(web: WebDep, token: str, form: Annotated[UnsubscribeForm, Form()]) -> Response:
    """Unsubscribe. Without our button it is a mail program (RFC 8058): no farewell e-mail, no page, no redirect."""
    by_button = form.answer == "yes" and not form.one_click
    result = subscribers.unsubscribe(web.ctx, token, web.clock(), send_goodbye=by_button)
    if not by_button:
        return PlainTextResponse("You are unsubscribed.\n")
    return web.render("unsubscribed.html", already=not result.changed, undo_token=result.undo)


def _profile_values(profile: SubscriberProfile) -> dict[str, str]:
    preferences = profile.preferences
    return {
        "keywords": "\n".join(profile.keywords),
        "frequency": frequency_value(preferences),
        "hour": str(preferences.send_hour),
        "timezone": preferences.timezone,
        "cap": str(preferences.cap),
        "trending": "yes" if preferences.trending else "",
        "summaries": "yes" if preferences.summaries else "",
        "pause": profile.paused_until.isoformat() if profile.paused_until else "",
    }


def _render_preferences(
    web: WebContext,
    token: str,
    profile: SubscriberProfile,
    values: dict[str, str],
    parsed: ParsedForm,
    *,
    is_saved: bool,
) -> HTMLResponse:
    now = web.clock()
    keywords = parsed.keywords
    if is_saved:  # they may exceed limits that the operator has lowered since
        keywords, _ = parse_keywords(profile.keywords, KeywordLimits(len(profile.keywords), MAX_LIMITS))
    return web.render(
        "preferences.html",
        status=422 if parsed.errors else 200,
        profile=profile,
        values=values,
        form=parsed,
        is_saved=is_saved and not parsed.errors,
        meanings=describe_keywords(web.suggestions.recent_corpus(web.ctx), keywords) if keywords else (),
        token=token,
        unsubscribe_token=web.ctx.token_signer.sign(TokenPurpose.UNSUBSCRIBE, profile.nonce, now),
        today=now.astimezone(load_zone(profile.preferences.timezone)).date(),
        guess_timezone=False,
        zones=timezones_including(values["timezone"]),
        max_length=MAX_KEYWORDS_LENGTH,
        max_cap=MAX_CAP,
    )
