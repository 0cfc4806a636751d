"""Pages for links that are of no use any more, in kind words, with a way on: one answer for every page behind a token.

A link whose signature is not ours is answered with 404: there is no such page. One that was good once (too old, or
its subscription has ended) is answered with 410: gone, and the page says what helps.

`install` makes this the answer to every TokenError: the first word of a page's address is the purpose of its token.
A wish that cannot be granted (SubscriberError) is answered with 409.
"""

from datetime import UTC, datetime

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from digest.errors import SubscriberError, TokenError
from digest.subscribers import Purpose
from digest.web.errors import error_page
from digest.web.front import Front

BEGINNING = datetime.fromtimestamp(0, UTC)
AGAIN = {"/": "Subscribe again"}
HELD = {"history": "What was sent to you", "erase": "Erase everything that is held of you"}
READERS = {"/papers": "The latest papers", "/": "To the front page"}  # their subscription may well be running
STARTING = {Purpose.CONFIRM, Purpose.PREFERENCES, Purpose.UNSUBSCRIBE, Purpose.RETURN}
PAGES = {"letters": Purpose.VIEW, "mine": Purpose.FEED}  # the others are called as their purpose


def install(app: FastAPI, front: Front) -> None:
    """Answer every TokenError and SubscriberError of `app` with a page."""

    async def no_use(request: Request, error: TokenError) -> HTMLResponse:
        page = request.url.path.lstrip("/").partition("/")[0]
        return of_no_use(front, PAGES.get(page) or Purpose(page), request.path_params["token"], error)

    async def refused(_request: Request, error: SubscriberError) -> HTMLResponse:
        links = {"/papers": "The latest papers", "/help/keywords": "How to write keywords"}
        return error_page(front, 409, title="This cannot be done now", text=str(error), links=links)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(TokenError, no_use)  # type: ignore[arg-type]
    app.add_exception_handler(SubscriberError, refused)  # type: ignore[arg-type]


def ended(at: Front, token: str = "") -> HTMLResponse:
    """The subscription is over, the link was good. `token`: of the preferences, for what is still held."""
    held = {f"/preferences/{token}/{page}": words for page, words in HELD.items()} if token else {}
    return error_page(
        at,
        410,
        title="This subscription has ended",
        text="No more letters come from it. You are welcome to start a new one at any time.",
        links=AGAIN | held,
    )


def of_no_use(at: Front, purpose: Purpose, token: str, error: TokenError) -> HTMLResponse:
    """The link proves nothing now."""
    genuine = _genuine(at, purpose, token)
    title = "This link is no longer valid" if genuine else "This link is damaged"
    links = AGAIN if purpose in STARTING else READERS
    return error_page(at, 410 if genuine else 404, title=title, text=str(error), links=links)


def _genuine(at: Front, purpose: Purpose, token: str) -> bool:
    """Whether we signed it, however long ago."""
    try:
        at.house.links.read(purpose, token, BEGINNING)
    except TokenError:
        return False
    return True
