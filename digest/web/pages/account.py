"""Personal data behind the preferences link: history of e-mails, JSON export, erasure."""

import json
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response

from digest import subscribers
from digest.subscribers import PAGE_SIZE, export_personal_data, get_delivery_history, get_profile
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.errors import error_page
from digest.web.forms import ButtonForm
from digest.web.pages.paper_entries import parse_page_number

router = APIRouter(prefix="/preferences/{token}")


@router.api_route("/history", methods=SAFE_METHODS)
def history_page(web: WebDep, token: str, page: str = "1") -> HTMLResponse:
    number = parse_page_number(page)
    history = get_delivery_history(web.ctx, token, max(number, 1), web.clock())
    pages = max(1, -(-history.total // PAGE_SIZE))
    if not 1 <= number <= pages:
        return error_page(web, 404, links={f"/preferences/{token}/history": "The first page"})
    return web.render(
        "history.html",
        token=token,
        history=history,
        state_labels=messages.STATE_LABELS,
        kind_labels=messages.KIND_LABELS,
        page=number,
        pages=pages,
        is_running=history.profile.is_running,
        feed=web.ctx.absolute_url(f"/mine/{history.feed_token}"),
    )


@router.api_route("/export.json", methods=SAFE_METHODS)
def export_data(web: WebDep, token: str) -> Response:
    document = json.dumps(export_personal_data(web.ctx, token, web.clock()), ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="paper-digest.json"'}
    return Response(document, media_type="application/json", headers=headers)


@router.api_route("/erase", methods=SAFE_METHODS)
def erase_page(web: WebDep, token: str) -> HTMLResponse:
    profile = get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    return web.render("erase.html", profile=profile, token=token, is_running=profile.is_running)


@router.post("/erase")
def erase(web: WebDep, token: str, form: Annotated[ButtonForm, Form()]) -> HTMLResponse:
    if form.answer != "yes":
        return erase_page(web, token)
    subscribers.erase(web.ctx, token, web.clock())
    return web.render("erased.html")
