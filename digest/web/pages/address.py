"""Change of address: the form behind the preferences link, and the pages behind the two links that are sent."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from digest.errors import SubscriberError, TokenError
from digest.subscribers import (
    SubscriberProfile,
    change_address,
    decline_address_change,
    get_address_change,
    get_address_undo,
    get_profile,
    request_address_change,
    undo_address_change,
)
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import subscription_ended_page
from digest.web.forms import AddressForm, ButtonForm, FieldError, ParsedForm, suggest_address

router = APIRouter()


@router.api_route("/preferences/{token}/address", methods=SAFE_METHODS)
def address_page(web: WebDep, token: str) -> HTMLResponse:
    profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    if not profile.is_running:
        return subscription_ended_page(web, token)
    return _render_form(web, token, profile, AddressForm(), ParsedForm())


@router.post("/preferences/{token}/address")
async def request_change(web: WebDep, token: str, form: Annotated[AddressForm, Form()]) -> HTMLResponse:
    """Send a link. Response and duration are the same whatever the state of the new address."""
    started_at = time.monotonic()
    response = await run_in_threadpool(_request_change, web, token, form)
    await asyncio.sleep(max(0.0, started_at + web.min_answer_seconds - time.monotonic()))
    return response


def _request_change(web: WebContext, token: str, form: AddressForm) -> HTMLResponse:
    now, email, parsed = web.clock(), (form.mended or form.email).strip(), ParsedForm()
    profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, now)
    if not profile.is_running:
        return subscription_ended_page(web, token)
    suggestion = suggest_address(email) if email != form.sure.strip() else ""
    if suggestion:
        message = messages.address_suggestion(suggestion)
        parsed.errors.append(FieldError("email", message))
        return _render_form(web, token, profile, form, parsed, suggestion)
    try:
        if seconds := web.limiter.hit_address_change(profile.id, email):
            raise HTTPException(429, messages.TRY_LATER, headers={"Retry-After": str(seconds)})
        if web.limiter.hit_mailbox(email):
            request_address_change(web.ctx, token, email, now)
    except TokenError:
        raise
    except SubscriberError as error:
        parsed.errors.append(FieldError("email", str(error)))
        return _render_form(web, token, profile, form, parsed)
    return web.render("address-sent.html", profile=profile, token=token, email=email)


def _render_form(
    web: WebContext,
    token: str,
    profile: SubscriberProfile,
    form: AddressForm,
    parsed: ParsedForm,
    suggestion: str = "",
) -> HTMLResponse:
    return web.render(
        "address-form.html",
        status=422 if parsed.errors else 200,
        profile=profile,
        token=token,
        email=form.email,
        form=parsed,
        suggestion=suggestion,
    )


@router.api_route("/address/{token}", methods=SAFE_METHODS)
def change_page(web: WebDep, token: str) -> HTMLResponse:
    email, is_done = get_address_change(web.ctx, token, web.clock())
    return web.render("address-change.html", step="done" if is_done else "ask", email=email, token=token)


@router.post("/address/{token}")
def change(web: WebDep, token: str, form: Annotated[ButtonForm, Form()]) -> HTMLResponse:
    now = web.clock()
    email, is_done = get_address_change(web.ctx, token, now)
    if form.answer == "no" and not is_done:
        decline_address_change(web.ctx, token, now)
        return web.render("address-change.html", step="declined", email=email, token=token)
    if form.answer != "yes" or is_done:
        return change_page(web, token)
    profile = change_address(web.ctx, token, now).profile
    return web.render("address-change.html", step="done", email=profile.email, token=token)


@router.api_route("/address-undo/{token}", methods=SAFE_METHODS)
def undo_page(web: WebDep, token: str) -> HTMLResponse:
    email, is_done = get_address_undo(web.ctx, token, web.clock())
    return web.render("address-undo.html", step="done" if is_done else "ask", email=email, token=token)


@router.post("/address-undo/{token}")
def undo(web: WebDep, token: str, form: Annotated[ButtonForm, Form()]) -> HTMLResponse:
    if form.answer != "yes":
        return undo_page(web, token)
    profile = undo_address_change(web.ctx, token, web.clock()).profile
    return web.render("address-undo.html", step="done", email=profile.email, token=token)
