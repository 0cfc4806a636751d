"""Sources: how they do, their fetches, and fetching now; and papers that may be one."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from digest.database import latest_rows, read_session, write_session
from digest.database.models import FetchStatus, SourceFetch
from digest.identifiers import LinkRelation
from digest.jobs import request_fetch
from digest.monitoring import load_source_overview
from digest.papers import (
    active_links,
    ambiguous_pairs,
    link_pair,
    rejoin_pair,
    separate_pair,
    separated_pairs,
    unlink_pair,
)
from digest.web.admin_api.authorize import ForSources, Reading
from digest.web.admin_api.changes import change_row, show_change
from digest.web.admin_api.inputs import Cursor, Limit, LinkIn, PairIn, RowNumber
from digest.web.admin_api.objects import (
    ActionOut,
    FetchOut,
    FetchPage,
    LinkOut,
    LinksOut,
    PairOut,
    PairsOut,
    SourceOut,
    SourcesOut,
    next_cursor,
)
from digest.web.context import WebDep
from digest.web.metrics import MonitoringDep

router = APIRouter(tags=["sources"])


@router.get("/sources", summary="List sources")
def list_sources(web: WebDep, _caller: Reading) -> SourcesOut:
    """List the sources in use and each feed: the last whole day, the next fetch, and problems."""
    overview = load_source_overview(web.ctx.engine, web.ctx.settings, web.clock())
    return SourcesOut(sources=[SourceOut.model_validate(row) for row in overview])


@router.post("/sources/{name}/fetch", status_code=202, summary="Fetch a source now")
def fetch_source(web: WebDep, caller: ForSources, name: Annotated[str, Path(max_length=100)]) -> ActionOut:
    """Have `digest serve` fetch a source at its next tick, within some ten seconds. See `/fetches` for the outcome."""
    return ActionOut.from_row(request_fetch(web.ctx, caller.actor, name, web.clock()))


@router.get("/fetches", summary="List fetches")
def list_fetches(
    web: WebDep,
    _caller: Reading,
    source: Annotated[str, Query(max_length=100)] = "",
    status: FetchStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> FetchPage:
    """List the fetches of sources, the latest first."""
    with read_session(web.ctx.engine) as session:
        wanted = {"source": source, "status": status}
        rows = latest_rows(session, SourceFetch, wanted, before_id=cursor, limit=limit)
    return FetchPage(fetches=[FetchOut.model_validate(row) for row in rows], next=next_cursor(rows, limit))


@router.get("/papers/ambiguous", summary="List papers that may be one")
def list_ambiguous(web: WebDep, _caller: Reading, limit: Limit = 50) -> PairsOut:
    """List pairs with one title and first author of which nobody can tell whether they are one paper."""
    with read_session(web.ctx.engine) as session:
        return PairsOut(pairs=[PairOut.from_pair(pair) for pair in ambiguous_pairs(session, limit)])


@router.get("/papers/links", summary="List links between papers")
def list_links(web: WebDep, _caller: Reading, limit: Limit = 50) -> LinksOut:
    """List the latest links that hold, and the pairs that an operator keeps apart."""
    with read_session(web.ctx.engine) as session:
        links, separations = active_links(session, limit=limit), separated_pairs(session, limit)
        return LinksOut(
            links=[LinkOut.model_validate(row) for row in links],
            separations=[LinkOut.model_validate(row) for row in separations],
        )


@router.post("/papers/links", status_code=201, summary="Link two papers")
def link(web: WebDep, monitoring: MonitoringDep, caller: ForSources, link: LinkIn) -> ActionOut:
    """Link two papers as one, or the first as the preprint of the other. The `object_id` is that of the link."""
    with write_session(web.ctx.engine) as session:
        record = link_pair(session, caller.actor, link.one, link.other, LinkRelation(link.relation), web.clock())
    return show_change(monitoring, record)


@router.post("/papers/links/{number:int}/undo", summary="Undo a link")
def unlink(web: WebDep, monitoring: MonitoringDep, caller: ForSources, number: RowNumber) -> ActionOut:
    """Undo a link, whoever made it; with one by title also the later ones by that title."""
    with write_session(web.ctx.engine) as session:
        record, _ = unlink_pair(session, caller.actor, number, web.clock())
    return show_change(monitoring, record)


@router.post("/papers/separations", status_code=201, summary="Keep two papers apart")
def separate(web: WebDep, monitoring: MonitoringDep, caller: ForSources, pair: PairIn) -> ActionOut:
    """Say that two papers are two. The `object_id` is that of the separation."""
    with write_session(web.ctx.engine) as session:
        record = separate_pair(session, caller.actor, pair.one, pair.other, web.clock())
    return show_change(monitoring, record)


@router.post("/papers/separations/{number:int}/undo", summary="Undo a separation")
def rejoin(web: WebDep, monitoring: MonitoringDep, caller: ForSources, number: RowNumber) -> ActionOut:
    """Put two papers that were kept apart back among those that may be one."""
    return change_row(web, monitoring, caller, number, rejoin_pair)
