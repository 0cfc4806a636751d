"""How keywords are written, what we keep of people, and what we ask of robots."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse

from digest import desk
from digest.matching.help import INTRODUCTION, ROWS
from digest.matching.phrases import LONGEST, MOST_WORDS, SHORTEST_PREFIX
from digest.web import kept
from digest.web.front import LOOK, At
from digest.web.headers import BY_TOKEN

router = APIRouter()

ROBOTS = ("User-agent: *", *(f"Disallow: {{root}}{path}" for path in (*BY_TOKEN, "/inbox")), "")


@router.api_route("/help/keywords", methods=LOOK)
def help_keywords(at: At) -> HTMLResponse:
    """The grammar, from the same rows that tests hold to their word."""
    rules = desk.Rules.of(at.house.settings)
    return at.page(
        "help-keywords.html",
        introduction=INTRODUCTION,
        rows=ROWS,
        limits=rules.limits,
        longest=LONGEST,
        most_words=MOST_WORDS,
        shortest_prefix=SHORTEST_PREFIX,
        most_keywords=rules.most,
    )


@router.api_route("/privacy", methods=LOOK)
def privacy(at: At) -> HTMLResponse:
    settings = at.house.settings
    return at.page(
        "privacy.html", kept=kept.kept(), how_long=kept.how_long(settings), postal_address=settings.postal_address
    )


@router.api_route("/robots.txt", methods=LOOK)
def robots(at: At) -> PlainTextResponse:
    return PlainTextResponse("\n".join(ROBOTS).format(root=at.root))
