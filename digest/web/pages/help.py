"""Help on keywords, privacy page, robots.txt and security.txt."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote, urlsplit

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlmodel import col, select
from starlette.exceptions import HTTPException

from digest.database import read_session
from digest.database.models import Paper
from digest.matching import (
    EXAMPLE_PAPER,
    INTRODUCTION,
    MAX_PHRASE_LENGTH,
    MAX_PHRASE_WORDS,
    MIN_PREFIX_LENGTH,
    SYNTAX_EXAMPLES,
    SyntaxExample,
)
from digest.subscribers import KeywordLimits
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.headers import TOKEN_PATHS
from digest.web.privacy import describe_tables, retention_sentences

router = APIRouter()
SECURITY_TXT_LIFETIME = timedelta(days=90)  # RFC 9116 wants less than a year, so that nobody trusts an old contact
ROBOTS_LINES = (
    "User-agent: *",
    *(f"Disallow: {{root}}{path}" for path in (*TOKEN_PATHS, "/inbox")),
    "Sitemap: {base}/sitemap.xml",
    "",
)


@router.api_route("/help/keywords", methods=SAFE_METHODS)
def keyword_help(web: WebDep) -> HTMLResponse:
    """Show the keyword syntax, from rows that tests check."""
    limits = KeywordLimits.from_settings(web.ctx.settings)
    return web.render(
        "help-keywords.html",
        introduction=INTRODUCTION,
        rows=list_examples(web),
        limits=limits.query_limits,
        max_length=MAX_PHRASE_LENGTH,
        max_words=MAX_PHRASE_WORDS,
        min_prefix_length=MIN_PREFIX_LENGTH,
        max_keywords=limits.max_keywords,
    )


def list_examples(web: WebContext) -> list[SyntaxExample]:
    """Return the examples of the syntax; the one that names a paper names the latest one of arXiv that is stored."""
    latest = select(Paper.arxiv_id).where(col(Paper.arxiv_id).is_not(None), col(Paper.merged_into).is_(None))
    with read_session(web.ctx.engine) as session:
        name = session.exec(latest.order_by(col(Paper.id).desc()).limit(1)).first() or EXAMPLE_PAPER
    return [
        replace(
            row,
            example=row.example.replace(EXAMPLE_PAPER, name),
            meaning=row.meaning.replace(EXAMPLE_PAPER, name),
        )
        for row in SYNTAX_EXAMPLES
    ]


@router.api_route("/privacy", methods=SAFE_METHODS)
def privacy_page(web: WebDep) -> HTMLResponse:
    settings = web.ctx.settings
    return web.render(
        "privacy.html",
        tables=describe_tables(),
        retention=retention_sentences(settings),
        postal_address=settings.postal_address,
    )


@router.api_route("/robots.txt", methods=SAFE_METHODS)
def robots_txt(web: WebDep) -> PlainTextResponse:
    return PlainTextResponse("\n".join(ROBOTS_LINES).format(root=web.root, base=web.ctx.settings.base_url))


@router.api_route("/.well-known/security.txt", methods=SAFE_METHODS)
def security_txt(web: WebDep) -> PlainTextResponse:
    """Say whom to tell about a vulnerability of this service (RFC 9116); 404 without DIGEST_CONTACT."""
    settings = web.ctx.settings
    if not settings.contact:
        raise HTTPException(404)
    expires = (web.clock() + SECURITY_TXT_LIFETIME).replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact_uri(settings.contact)}", f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}"]
    lines.append("Preferred-Languages: en")
    if settings.base_url.startswith("https://"):
        lines.append(f"Canonical: {web.ctx.absolute_url('/.well-known/security.txt')}")
    return PlainTextResponse("".join(f"{line}\n" for line in lines))


def contact_uri(contact: str) -> str:
    """Return a mail or web address as a URI."""
    if urlsplit(contact).scheme in {"https", "http", "mailto", "tel"}:
        return quote(contact, safe=":/?#[]@!$&'()*+,;=%~")
    return f"mailto:{quote(contact, safe='@+')}" if "@" in contact else f"https://{quote(contact, safe='/')}"
