"""Papers that may be one: linked or kept apart by the operator, with undo; and the latest links."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlmodel import Session

from digest.database import read_session, write_session
from digest.database.models import Paper, PaperRelation
from digest.errors import UsageError
from digest.identifiers import LinkRelation
from digest.papers import (
    active_links,
    ambiguous_pairs,
    load_names,
    papers_by_id,
    rejoin_pair,
    separated_pairs,
    sources_by_paper,
    unlink_pair,
)
from digest.papers import link_pair as record_link
from digest.papers import separate_pair as record_separation
from digest.web import messages
from digest.web.admin.login import admin_page, redirect_to_admin
from digest.web.auth import OPERATOR
from digest.web.context import SAFE_METHODS, RowId, WebContext, WebDep
from digest.web.errors import error_page

log = structlog.get_logger()
router = APIRouter()
MAX_PAIRS = 50  # pairs shown
MAX_LINKS = 30  # links shown, and pairs that are kept apart


class PairForm(BaseModel):
    """Two papers; `published`: the first one is the preprint of the other one."""

    one: RowId
    other: RowId
    relation: Literal["same", "published"] = "same"


@dataclass(frozen=True, slots=True)
class PaperSide:
    """One paper of a pair, with what tells it from the other one."""

    paper: Paper
    names: Sequence[str]
    sources: Sequence[str]


@router.api_route("/papers", methods=SAFE_METHODS)
def papers_page(web: WebDep, linked: int = 0, separated: int = 0, undone: int = 0) -> HTMLResponse:
    """Show ambiguous pairs and the latest links. `linked`, `separated`, `undone`: what was just done."""
    with read_session(web.ctx.engine) as session:
        pairs = ambiguous_pairs(session, MAX_PAIRS)
        links = active_links(session, limit=MAX_LINKS)
        separations = separated_pairs(session, MAX_LINKS)
        sides = _load_sides(session, {int(paper.id or 0) for pair in pairs for paper in (pair.one, pair.other)})
        titles = {
            number: paper.title for number, paper in papers_by_id(session, _paper_ids([*links, *separations])).items()
        }
        return admin_page(
            web,
            "papers.html",
            pairs=[(sides[int(pair.one.id or 0)], sides[int(pair.other.id or 0)]) for pair in pairs],
            are_more=len(pairs) == MAX_PAIRS,
            links=links,
            separations=separations,
            titles=titles,
            relation=LinkRelation,
            linked=next((link for link in links if link.id == linked), None),
            separated=next((pair for pair in separations if pair.id == separated), None),
            undone=undone,
        )


@router.post("/papers/link")
def link_pair(web: WebDep, form: Annotated[PairForm, Form()]) -> Response:
    """Link two papers: they are one, or the first one was published as the other one."""
    try:
        with write_session(web.ctx.engine) as session:
            record = record_link(session, OPERATOR, form.one, form.other, LinkRelation(form.relation), web.clock())
    except UsageError as error:
        return _conflict_page(web, error)
    log.info("operator.papers_linked", one=form.one, other=form.other, relation=form.relation)
    return redirect_to_admin(web, f"/papers?linked={record.object_id}")


@router.post("/papers/separate")
def separate_pair(web: WebDep, form: Annotated[PairForm, Form()]) -> Response:
    """Keep two papers apart."""
    try:
        with write_session(web.ctx.engine) as session:
            record = record_separation(session, OPERATOR, form.one, form.other, web.clock())
    except UsageError as error:
        return _conflict_page(web, error)
    log.info("operator.papers_separated", one=form.one, other=form.other)
    return redirect_to_admin(web, f"/papers?separated={record.object_id}")


@router.post("/papers/links/{number}/undo")
def undo_link(web: WebDep, number: RowId) -> Response:
    """Undo a link; with one by title also the later ones by that title."""
    try:
        with write_session(web.ctx.engine) as session:
            _, count = unlink_pair(session, OPERATOR, number, web.clock())
    except UsageError as error:
        return _conflict_page(web, error)
    log.info("operator.papers_unlinked", link=number, count=count)
    return redirect_to_admin(web, f"/papers?undone={count}")


@router.post("/papers/separations/{number}/undo")
def undo_separate(web: WebDep, number: RowId) -> Response:
    """Put a pair that was kept apart back among those that may be one."""
    try:
        with write_session(web.ctx.engine) as session:
            rejoin_pair(session, OPERATOR, number, web.clock())
    except UsageError as error:
        return _conflict_page(web, error)
    log.info("operator.separation_undone", separation=number)
    return redirect_to_admin(web, "/papers")


def _load_sides(session: Session, paper_ids: Collection[int]) -> Mapping[int, PaperSide]:
    names, sources = load_names(session, paper_ids), sources_by_paper(session, paper_ids)
    return {
        number: PaperSide(paper, sorted(map(str, names.get(number, ()))), sources.get(number, ()))
        for number, paper in papers_by_id(session, paper_ids).items()
    }


def _paper_ids(links: Sequence[PaperRelation]) -> set[int]:
    return {number for link in links for number in (link.paper_id, link.other_id) if number}


def _conflict_page(web: WebContext, error: UsageError) -> HTMLResponse:
    links = {"/operator/papers": messages.BACK_TO_PAPERS_LABEL, "/operator": messages.OVERVIEW_LABEL}
    text = messages.nothing_changed(f"{str(error)[:1].upper()}{str(error)[1:]}.")
    return error_page(web, 409, title=messages.NOT_POSSIBLE_TITLE, text=text, links=links)
