"""Help on keywords, privacy page, and robots.txt."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse

from digest.matching import INTRODUCTION, MAX_PHRASE_LENGTH, MAX_PHRASE_WORDS, MIN_PREFIX_LENGTH, SYNTAX_EXAMPLES
from digest.subscribers import KeywordLimits
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.headers import TOKEN_PATHS
from digest.web.privacy import describe_tables, retention_sentences

router = APIRouter()
ROBOTS_LINES = ("User-agent: *", *(f"Disallow: {{root}}{path}" for path in (*TOKEN_PATHS, "/inbox")), "")


@router.api_route("/help/keywords", methods=SAFE_METHODS)
def keyword_help(web: WebDep) -> HTMLResponse:
    """Show the keyword syntax, from rows that tests check."""
    limits = KeywordLimits.from_settings(web.ctx.settings)
    return web.render(
        "help-keywords.html",
        introduction=INTRODUCTION,
        rows=SYNTAX_EXAMPLES,
        limits=limits.query_limits,
        max_length=MAX_PHRASE_LENGTH,
        max_words=MAX_PHRASE_WORDS,
        min_prefix_length=MIN_PREFIX_LENGTH,
        max_keywords=limits.max_keywords,
    )


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
    return PlainTextResponse("\n".join(ROBOTS_LINES).format(root=web.root))
