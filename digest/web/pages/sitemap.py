"""Sitemap for search engines (sitemaps.org): one file of pages and list days, and one for every SHARD_SIZE papers."""

from collections.abc import Iterable
from datetime import UTC, date

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from lxml import etree  # type: ignore[import-untyped]
from sqlalchemy import func
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Paper
from digest.papers import recent_list_days
from digest.web.assets import static_directory
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.pages.brand import logo_response

router = APIRouter()
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
SHARD_SIZE = 10_000  # paper ids; a file may have 50,000 addresses
MAX_DAYS = 5000
PAGES = ("/", "/papers", "/papers/week", "/papers/month", "/papers/trending", "/help/keywords", "/privacy")
HEADERS = {"Cache-Control": "public, max-age=3600"}


@router.api_route("/sitemap.xml", methods=SAFE_METHODS)
def sitemap_index(web: WebDep) -> Response:
    with read_session(web.ctx.engine) as session:
        last = _last_paper_id(session)
    names = ["pages", *(f"papers-{number}" for number in range(-(-last // SHARD_SIZE)))]
    return _xml_response("sitemapindex", "sitemap", ((web.ctx.absolute_url(f"/sitemaps/{n}.xml"), None) for n in names))


@router.api_route("/sitemaps/pages.xml", methods=SAFE_METHODS)
def page_sitemap(web: WebDep) -> Response:
    with read_session(web.ctx.engine) as session:
        days = recent_list_days(session, MAX_DAYS)
    paths = [*PAGES, *(f"/papers/{day}" for day in days)]
    return _xml_response("urlset", "url", ((web.ctx.absolute_url(path), None) for path in paths))


@router.api_route("/sitemaps/papers-{shard:int}.xml", methods=SAFE_METHODS)
def paper_sitemap(web: WebDep, shard: int) -> Response:
    first = shard * SHARD_SIZE
    with read_session(web.ctx.engine) as session:
        if first >= _last_paper_id(session):
            raise HTTPException(404)
        paper_id = col(Paper.id)
        rows = select(paper_id, col(Paper.changed_at)).where(paper_id > first, paper_id <= first + SHARD_SIZE)
        changes = session.exec(rows.order_by(paper_id)).all()
    entries = (
        (web.ctx.absolute_url(f"/papers/{number}"), changed_at.astimezone(UTC).date()) for number, changed_at in changes
    )
    return _xml_response("urlset", "url", entries)


@router.api_route("/favicon.ico", methods=SAFE_METHODS)
def favicon(web: WebDep, request: Request) -> Response:
    """Return the icon, or the operator's logo, for programs that ask for it at its old place."""
    if web.brand.logo:
        return logo_response(web.brand.logo, request)
    return FileResponse(static_directory() / "favicon.ico", media_type="image/x-icon", headers=HEADERS)


def _last_paper_id(session: Session) -> int:
    return session.exec(select(func.max(col(Paper.id)))).one() or 0


def _xml_response(root_name: str, entry_name: str, entries: Iterable[tuple[str, date | None]]) -> Response:
    root = etree.Element(f"{{{NAMESPACE}}}{root_name}", nsmap={None: NAMESPACE})
    for address, changed_on in entries:
        entry = etree.SubElement(root, f"{{{NAMESPACE}}}{entry_name}")
        etree.SubElement(entry, f"{{{NAMESPACE}}}loc").text = address
        if changed_on:
            etree.SubElement(entry, f"{{{NAMESPACE}}}lastmod").text = changed_on.isoformat()
    body = bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))
    return Response(body, media_type="application/xml", headers=HEADERS)
