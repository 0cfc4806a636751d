"""What we keep of people, and what we ask of robots."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse

from digest.web.front import LOOK, At

router = APIRouter()

ROBOTS = """User-agent: *
Disallow: {root}/confirm/
Disallow: {root}/preferences/
Disallow: {root}/unsubscribe/
Disallow: {root}/letters/
Disallow: {root}/inbox
"""


@router.api_route("/privacy", methods=LOOK)
def privacy(at: At) -> HTMLResponse:
    return at.page("privacy.html", postal_address=at.house.settings.postal_address)


@router.api_route("/robots.txt", methods=LOOK)
def robots(at: At) -> PlainTextResponse:
    return PlainTextResponse(ROBOTS.format(root=at.root))
