"""Pages where a subscriber marks papers: the link of one mark, the papers of a digest, saved papers.

A GET changes nothing. Every answer to a button has one that undoes it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import HTMLResponse, Response

from digest.database import read_session
from digest.database.models import MarkKind, Paper
from digest.subscribers import (
    MARK_KINDS_ON_PAGES,
    MarkedPaper,
    MarkResult,
    change_digest_mark,
    change_mark,
    find_keywords_of,
    get_digest_marks,
    get_mark,
    get_marked_paper,
    get_mute_author_state,
    get_mute_state,
    list_marked,
    mark_paper,
    undo_mark,
    undo_mark_change,
)
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.citations import CitationFormat, citation_response
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.forms import MarksForm, QuickActionForm
from digest.web.pages.paper import render_paper_page
from digest.web.pages.paper_entries import PAPERS_PER_PAGE, PaperEntry, paper_entries, parse_page_number

router = APIRouter()
BUTTON_PATTERN = re.compile(r"(more|less|saved):([1-9][0-9]{0,17})", re.ASCII)


@dataclass(frozen=True, slots=True)
class MarkedEntry:
    """Paper as a card, with the marks that it has and since when."""

    entry: PaperEntry
    marks: dict[str, date]


# --- the link of one mark


@router.api_route("/mark/{token}", methods=SAFE_METHODS)
def mark_page(web: WebDep, token: str) -> HTMLResponse:
    result = get_mark(web.ctx, token, web.clock())
    return _render_mark(web, token, result, "again" if result.is_set else "ask")


@router.post("/mark/{token}")
def mark(web: WebDep, token: str, form: Annotated[QuickActionForm, Form()]) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        return _render_mark(web, token, undo_mark(web.ctx, token, form.undo, now), "undone")
    result = mark_paper(web.ctx, token, now, is_set=form.answer != "remove")
    if not result.is_set:
        return _render_mark(web, token, result, "removed")
    return _render_mark(web, token, result, "done", form.before)


def _render_mark(web: WebContext, token: str, result: MarkResult, step: str, before: str = "") -> HTMLResponse:
    now, nonce = web.clock(), result.profile.nonce
    is_less = result.kind == MarkKind.LESS and step in {"ask", "again", "done"}
    return web.render(
        "mark.html",
        step=step,
        kind=result.kind,
        paper=result.paper,
        action=f"{web.root}/mark/{token}",
        undo_token=result.undo or before,
        # Who has pressed the button gets on to all marks; a link that was only opened leads nowhere else.
        saved_token=web.ctx.token_signer.sign(TokenPurpose.SAVED, nonce, now) if step not in {"ask", "again"} else "",
        choices=_fewer_choices(web, result, now) if is_less else None,
    )


@dataclass(frozen=True, slots=True)
class FewerChoices:
    """What else brings fewer papers like one: keywords to mute, each with the note that undoes it, or an author."""

    keywords: tuple[tuple[int, str, str], ...]
    mute_token: str
    authors: str
    author_token: str


def _fewer_choices(web: WebContext, result: MarkResult, now: datetime) -> FewerChoices:
    mute_token, author_token = web.ctx.token_signer.sign_many(
        (TokenPurpose.MUTE, TokenPurpose.MUTE_AUTHOR), result.profile.nonce, now
    )
    keywords = []
    for suggestion in find_keywords_of(web.ctx, result.profile.id, result.paper):
        state = get_mute_state(web.ctx, mute_token, suggestion.keyword_id, now)
        if state.keyword is not None and not state.is_only:
            keywords.append((suggestion.keyword_id, suggestion.text, state.undo))
    authors = get_mute_author_state(web.ctx, author_token, int(result.paper.id or 0), now).authors
    names = [author.name for author in authors if author.exclusion and not author.is_muted]
    return FewerChoices(tuple(keywords), mute_token, messages.some_authors(names), author_token)


# --- the papers of a digest


@router.api_route("/marks/{token}", methods=SAFE_METHODS)
def digest_marks_page(web: WebDep, token: str) -> HTMLResponse:
    return _render_digest_marks(web, token)


@router.post("/marks/{token}")
def change_digest_marks(web: WebDep, token: str, form: Annotated[MarksForm, Form()]) -> HTMLResponse:
    now = web.clock()
    if form.undo:
        result = undo_mark_change(web.ctx, token, form.undo, now, purpose=TokenPurpose.MARKS)
        return _render_digest_marks(web, token, result, is_undone=True)
    button = _parse_button(form)
    if button is None:
        return digest_marks_page(web, token)
    kind, number, is_set = button
    return _render_digest_marks(web, token, change_digest_mark(web.ctx, token, number, kind, now, is_set=is_set))


def _render_digest_marks(
    web: WebContext, token: str, result: MarkResult | None = None, *, is_undone: bool = False
) -> HTMLResponse:
    now = web.clock()
    shown = get_digest_marks(web.ctx, token, now)
    nonce = shown.profile.nonce
    return web.render(
        "marks.html",
        day=date.fromisoformat(shown.edition),
        action=f"{web.root}/marks/{token}",
        entries=_marked_entries(web, shown.marked),
        result=result,
        is_undone=is_undone,
        saved_token=web.ctx.token_signer.sign(TokenPurpose.SAVED, nonce, now) if result else "",
    )


# --- saved papers, and all others that have a mark


@router.api_route("/saved/{token}", methods=SAFE_METHODS)
def saved_page(
    web: WebDep, token: str, name: Annotated[str, Query(alias="list")] = "saved", page: str = "1"
) -> Response:
    return _render_saved(web, token, name, page)


@router.post("/saved/{token}")
def change_saved(
    web: WebDep,
    token: str,
    form: Annotated[MarksForm, Form()],
    name: Annotated[str, Query(alias="list")] = "saved",
    page: str = "1",
) -> Response:
    result = _apply(web, token, form)
    return _render_saved(web, token, name, page, result, is_undone=bool(form.undo))


def _render_saved(
    web: WebContext, token: str, name: str, page: str, result: MarkResult | None = None, *, is_undone: bool = False
) -> Response:
    now, number = web.clock(), parse_page_number(page)
    first_page = {f"/saved/{token}": messages.FIRST_PAGE_LABEL}
    if name not in MARK_KINDS_ON_PAGES or not number:
        return error_page(web, 404, text=messages.NO_SUCH_LIST_PAGE, links=first_page)
    kind = MarkKind(name)
    start = (number - 1) * PAPERS_PER_PAGE
    shown = list_marked(web.ctx, token, kind, now, offset=start, limit=PAPERS_PER_PAGE)
    pages = max(1, -(-shown.total // PAPERS_PER_PAGE))
    if number > pages and result is None:
        return error_page(web, 404, text=messages.NO_SUCH_LIST_PAGE, links=first_page)
    return web.render(
        "saved.html",
        token=token,
        kind=kind,
        kinds=MARK_KINDS_ON_PAGES,
        counts=shown.counts,
        total=shown.total,
        entries=_marked_entries(web, shown.marked),
        page=min(number, pages),
        pages=pages,
        is_running=shown.profile.is_running,
        result=result,
        is_undone=is_undone,
    )


@router.api_route("/saved/{token}/papers.{kind}", methods=SAFE_METHODS)
def saved_citations(web: WebDep, token: str, kind: CitationFormat) -> Response:
    """Export all saved papers, the latest first."""
    shown = list_marked(web.ctx, token, MarkKind.SAVED, web.clock())
    return citation_response("saved-papers", kind, [marked.paper for marked in shown.marked])


@router.api_route("/saved/{token}/papers/{number}", methods=SAFE_METHODS)
def own_paper_page(web: WebDep, token: str, number: Annotated[str, Path(max_length=20)]) -> HTMLResponse:
    """Show the page of a paper with buttons that mark it."""
    return _render_own_paper(web, token, number)


@router.post("/saved/{token}/papers/{number}")
def change_own_paper(
    web: WebDep, token: str, number: Annotated[str, Path(max_length=20)], form: Annotated[MarksForm, Form()]
) -> HTMLResponse:
    return _render_own_paper(web, token, number, _apply(web, token, form), is_undone=bool(form.undo))


def _render_own_paper(
    web: WebContext, token: str, number: str, result: MarkResult | None = None, *, is_undone: bool = False
) -> HTMLResponse:
    if not re.fullmatch(r"[1-9][0-9]{0,17}", number, re.ASCII):
        return error_page(web, 404, title=messages.PAPER_NOT_FOUND_TITLE, text=messages.PAPER_NOT_FOUND)
    profile, marked = get_marked_paper(web.ctx, token, int(number), web.clock())
    own = {
        "action": f"{web.root}/saved/{token}/papers/{marked.paper.id}",
        "saved_url": f"{web.root}/saved/{token}",
        "marks": _mark_days(marked),
        "is_running": profile.is_running,
        "result": result,
        "is_undone": is_undone,
    }
    return render_paper_page(web, marked.paper, own)


def _apply(web: WebContext, token: str, form: MarksForm) -> MarkResult | None:
    """Do what a button on a page of saved papers says; nothing for what is none of them."""
    now = web.clock()
    if form.undo:
        return undo_mark_change(web.ctx, token, form.undo, now)
    button = _parse_button(form)
    if button is None:
        return None
    kind, number, is_set = button
    return change_mark(web.ctx, token, number, kind, now, is_set=is_set)


def _parse_button(form: MarksForm) -> tuple[MarkKind, int, bool] | None:
    """Return kind, paper, and whether to set or to remove the mark."""
    pressed = BUTTON_PATTERN.fullmatch(form.mark or form.unmark)
    return (MarkKind(pressed[1]), int(pressed[2]), bool(form.mark)) if pressed else None


def _marked_entries(web: WebContext, marked: Sequence[MarkedPaper]) -> list[MarkedEntry]:
    papers: list[Paper] = [item.paper for item in marked]
    with read_session(web.ctx.engine) as session:
        entries = paper_entries(session, papers, with_days=True)
    return [MarkedEntry(entry, _mark_days(item)) for entry, item in zip(entries, marked, strict=True)]


def _mark_days(marked: MarkedPaper) -> dict[str, date]:
    return {kind: since.date() for kind, since in marked.marks.items()}
