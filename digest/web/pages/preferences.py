"""Pages to confirm, change and end a subscription. A GET changes nothing; a button acts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from digest import subscribers
from digest.database import read_session
from digest.database.models import SubscriberStatus
from digest.formatting import REPEATED_WEEKDAYS
from digest.matching import MAX_LIMITS, is_exclusion
from digest.papers import latest_list_day
from digest.schedule import load_zone
from digest.subscribers import (
    ENDED_STATUSES,
    MAX_CAP,
    KeywordLimits,
    ProfileError,
    SubscriberProfile,
    decline,
    find_busiest_keyword,
    get_mute_state,
    get_pause_state,
    get_profile,
    get_profile_view,
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
    FieldError,
    ParsedForm,
    PreferencesForm,
    UnsubscribeForm,
    WordSection,
    describe_words,
    frequency_value,
    mute_keywords,
    parse_preferences_form,
    parse_profile_form,
    submitted_values,
    timezones_including,
)
from digest.web.previews import (
    KeywordDescription,
    KeywordRate,
    describe_form,
    parse_preview_keywords,
    preview_keywords,
    rate_keywords,
)

router = APIRouter()
MIN_SOURCES = 3  # with fewer there is no choice to make
MAX_SOURCES = 200  # that a preview looks at


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
    view = get_profile_view(web.ctx, token, web.clock())
    profile = view.profile
    if not profile.is_running:
        return subscription_ended_page(web, token)
    # They may exceed limits that the operator has lowered since.
    limits = web.keyword_limits
    query_limits = replace(MAX_LIMITS, describe_paper=limits.query_limits.describe_paper)
    keywords, _ = parse_keywords(profile.keywords, KeywordLimits(len(profile.keywords), query_limits, limits.acronyms))
    rows = [(text, text in profile.muted) for text in profile.keywords]
    parsed = ParsedForm(preferences=profile.preferences, keywords=mute_keywords(keywords, rows))
    values = _profile_values(profile)
    return _render_preferences(web, token, describe_words(view), values, parsed, rows, is_saved=bool(saved))


@router.post("/preferences/{token}")
def save_preferences(web: WebDep, token: str, form: Annotated[PreferencesForm, Form()]) -> Response:
    now = web.clock()
    view = get_profile_view(web.ctx, token, now)
    profile = view.profile
    parsed = parse_preferences_form(
        form, web.ctx.settings, now, profile.muted, profile.preferences.sources, web.keyword_limits
    )
    change = parse_profile_form(form, view, parsed)
    if not parsed.errors and not form.is_edit:
        try:
            profile = update_preferences(
                web.ctx, token, parsed.preferences, parsed.keywords, parsed.paused_until, now, change
            ).profile
        except ProfileError as error:
            parsed.errors.append(FieldError("new_words", str(error)))
    if not profile.is_running:
        return subscription_ended_page(web, token)
    if parsed.errors or form.is_edit:
        values = submitted_values(form, web.ctx.settings) | {"pause": form.pause}
        return _render_preferences(web, token, describe_words(view, form), values, parsed, form.rows())
    return RedirectResponse(f"{web.root}/preferences/{token}?saved=1", status_code=303)


@router.post("/preview/rows")
def preview_rows(web: WebDep, form: Annotated[PreferencesForm, Form()]) -> HTMLResponse:
    """Render what changes on the preferences page while keywords are typed. Nothing is stored."""
    rows = form.rows()
    form.keywords = "\n".join(text for text, _ in rows)
    parsed = parse_preview_keywords(form, web)
    parsed.keywords = mute_keywords(parsed.keywords, rows)
    parsed.preferences = replace(parsed.preferences, sources=tuple(form.sources[:MAX_SOURCES]))
    return _load_papers(web, web.render("preferences-live.html", form=parsed, **_row_variables(web, parsed, rows)))


def _load_papers(web: WebContext, response: HTMLResponse) -> HTMLResponse:
    """Load the recent papers after the response, for the rates of keywords: the script asks for them once more."""
    if not web.are_caches_filled:
        response.background = BackgroundTask(web.fill_caches)
    return response


@router.api_route("/unsubscribe/{token}", methods=SAFE_METHODS)
def unsubscribe_page(web: WebDep, token: str) -> HTMLResponse:
    state = get_unsubscribe_state(web.ctx, token, web.clock())
    if state.profile.status in ENDED_STATUSES:
        return web.render("unsubscribed.html", already=True, undo_token=state.undo)
    now, nonce = web.clock(), state.profile.nonce
    # Who can end the subscription can also make it rest, come less often or have fewer papers; each button has a token
    # of its own.
    purposes = (TokenPurpose.WEEKLY, TokenPurpose.PAUSE, TokenPurpose.MUTE)
    weekly_token, pause_token, mute_token = web.ctx.token_signer.sign_many(purposes, nonce, now)
    is_running = state.profile.is_running
    weekly = get_weekly_state(web.ctx, weekly_token, now) if is_running else None
    pause = get_pause_state(web.ctx, pause_token, now) if is_running else None
    busiest = find_busiest_keyword(web.ctx, state.profile.id) if is_running else None
    mute = get_mute_state(web.ctx, mute_token, busiest.keyword_id, now) if busiest else None
    return web.render(
        "unsubscribe.html",
        profile=state.profile,
        token=token,
        weekly=weekly if weekly and not weekly.is_set else None,
        pause=pause if pause and not pause.is_set else None,
        repeated_weekdays=REPEATED_WEEKDAYS,
        weekly_token=weekly_token,
        pause_token=pause_token,
        busiest=busiest if mute and mute.keyword and not mute.is_only else None,
        mute=mute,
        mute_token=mute_token,
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
        "frequency": frequency_value(preferences),
        "hour": str(preferences.send_hour),
        "timezone": preferences.timezone,
        "cap": str(preferences.cap),
        "about_only": "yes" if preferences.about_only else "",
        "trending": "yes" if preferences.trending else "",
        "summaries": "yes" if preferences.summaries else "",
        "thumbnails": "yes" if preferences.thumbnails else "",
        "pause": profile.paused_until.isoformat() if profile.paused_until else "",
    }


def _render_preferences(
    web: WebContext,
    token: str,
    words: WordSection,
    values: dict[str, str],
    parsed: ParsedForm,
    rows: Sequence[tuple[str, bool]],
    *,
    is_saved: bool = False,
) -> HTMLResponse:
    now, profile = web.clock(), words.view.profile
    purposes = (TokenPurpose.UNSUBSCRIBE, TokenPurpose.SAVED)
    unsubscribe_token, saved_token = web.ctx.token_signer.sign_many(purposes, profile.nonce, now)
    response = web.render(
        "preferences.html",
        status=422 if parsed.errors else 200,
        profile=profile,
        words=words,
        values=values,
        form=parsed,
        is_saved=is_saved,
        token=token,
        unsubscribe_token=unsubscribe_token,
        saved_token=saved_token,
        today=now.astimezone(load_zone(profile.preferences.timezone)).date(),
        guess_timezone=False,
        zones=timezones_including(values["timezone"]),
        max_length=MAX_KEYWORDS_LENGTH,
        max_cap=MAX_CAP,
        source_choices=_source_choices(web, parsed.preferences.sources, profile.preferences.sources),
        **_row_variables(web, parsed, rows),
    )
    return _load_papers(web, response)


def _source_choices(web: WebContext, chosen: Sequence[str], stored: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Return names and titles of the sources, and whether each is chosen; nothing where there is no choice to make."""
    titles = web.known_sources
    if len(titles) < MIN_SOURCES and not stored:
        return []
    return [(name, title, name in chosen or not chosen) for name, title in sorted(titles.items(), key=_by_title)]


def _by_title(source: tuple[str, str]) -> str:
    return source[1].casefold()


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """Row of one keyword. `color` is the one that it has in e-mails; None where it brings no papers.

    `rate` is None where its matches cannot be counted, `error` empty where it can be read.
    """

    text: str
    is_muted: bool
    is_exclusion: bool
    color: int | None
    rate: KeywordRate | None
    meaning: KeywordDescription | None
    error: str


def _row_variables(web: WebContext, parsed: ParsedForm, rows: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """Return the template variables that the page and its live part share."""
    keywords = {keyword.text: keyword for keyword in parsed.keywords}
    # In the order of the e-mail: exclusions have no color there.
    active = sorted(
        (keyword for keyword in parsed.keywords if not keyword.is_muted), key=lambda k: is_exclusion(k.canonical)
    )
    colors = {keyword.text: place for place, keyword in enumerate(active) if not is_exclusion(keyword.canonical)}
    sources = parsed.preferences.sources
    previewed = replace(parsed, keywords=active)
    preview = preview_keywords(web, previewed) if parsed.keywords or not rows else None
    feedback = describe_form(web, "\n".join(text for text, _ in rows), previewed, preview)
    meanings = {meaning.keyword: meaning for meaning in feedback.meanings}
    rates = rate_keywords(web, parsed.keywords, sources)
    errors = {error.text: error.message for error in parsed.errors_in("keywords") if error.text}
    with read_session(web.ctx.engine) as session:
        has_papers = latest_list_day(session) is not None
    shown = []
    for text, is_muted in rows:
        keyword = keywords.get(text)
        shown.append(
            KeywordRow(
                text=text,
                is_muted=is_muted,
                is_exclusion=keyword is not None and is_exclusion(keyword.canonical),
                color=colors.get(text),
                rate=rates.get(keyword.canonical) if keyword else None,
                meaning=meanings.get(text),
                error=errors.get(text, ""),
            )
        )
    return {
        "rows": shown,
        "feedback": feedback,
        "preview": preview if active else None,
        "email": preview.email if preview else None,
        "has_papers": has_papers,
        "source_notices": (),
        "live": True,
    }
