"""Page "Papers like these": a subscriber gives papers as examples, sees what became of each, and takes them back."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from digest.subscribers import (
    MAX_SEEDS,
    MAX_UPLOAD_BYTES,
    ReferenceFileError,
    SeedReport,
    SeedStatus,
    add_seeds,
    decode_upload,
    list_seeds,
    parse_references,
    remove_seeds,
)
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import subscription_ended_page
from digest.web.forms import FieldError, ParsedForm, TextForm

router = APIRouter(prefix="/preferences/{token}")
MAX_KEYS = 2000  # examples in one form
SHOWN_OUTCOMES = (SeedStatus.UNUSABLE, SeedStatus.FULL, SeedStatus.WAITING)  # what a person should look at first


class SeedForm(TextForm):
    """Form with papers to add, as text; or with the keys of examples to remove."""

    references: str = ""


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
    form = ParsedForm()
    content = file.file.read() if file else b""
    text = references.encode(errors="replace").decode()
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
