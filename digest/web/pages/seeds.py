"""Page "Papers like these": a subscriber gives papers as examples, sees what became of each, and takes them back."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from digest.subscribers import (
    MAX_SEEDS,
    MAX_UPLOAD_BYTES,
    ReferenceFileError,
    SeedReport,
    add_seeds,
    decode_upload,
    get_profile,
    list_seeds,
    parse_references,
    remove_seeds,
)
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import subscription_ended_page
from digest.web.forms import FieldError, ParsedForm

router = APIRouter(prefix="/preferences/{token}")
MAX_KEYS = 2000  # examples in one form


@router.api_route("/papers", methods=SAFE_METHODS)
def seeds_page(web: WebDep, token: str, removed: str = "") -> HTMLResponse:
    count = int(removed) if removed.isascii() and removed.isdecimal() and len(removed) < 5 else 0  # noqa: PLR2004
    return _render(web, token, removed=count)


@router.post("/papers")
def add_or_remove_seeds(
    web: WebDep,
    token: str,
    references: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
    remove: Annotated[list[str], Form(max_length=MAX_KEYS)] = [],  # noqa: B006  - never changed
) -> Response:
    if remove:
        count = remove_seeds(web.ctx, token, remove, web.clock())
        return RedirectResponse(f"{web.root}/preferences/{token}/papers?removed={count}", status_code=303)
    get_profile(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())  # nothing is parsed for strangers
    form = ParsedForm()
    content = file.file.read() if file else b""
    text = references.encode(errors="replace").decode()
    if content and text.strip():
        form.errors.append(FieldError("file", messages.TEXT_AND_FILE))
        return _render(web, token, form=form, references=text)
    try:
        parsed = parse_references(decode_upload(content) if content else text)
    except ReferenceFileError as error:
        form.errors.append(FieldError("file" if content else "references", str(error)))
        return _render(web, token, form=form, references=text)
    report = add_seeds(web.ctx, token, parsed, web.clock())
    return _render(web, token, report=report)


def _render(
    web: WebContext,
    token: str,
    *,
    form: ParsedForm | None = None,
    report: SeedReport | None = None,
    references: str = "",
    removed: int = 0,
) -> HTMLResponse:
    listed = list_seeds(web.ctx, token, web.clock())
    if not listed.profile.is_running:
        return subscription_ended_page(web, token)
    form = form or ParsedForm()
    return web.render(
        "seeds.html",
        status=422 if form.errors else 200,
        profile=listed.profile,
        token=token,
        seeds=listed.seeds,
        form=form,
        report=report,
        references=references,
        removed=removed,
        max_seeds=MAX_SEEDS,
        max_megabytes=MAX_UPLOAD_BYTES // 2**20,
    )
