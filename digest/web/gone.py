"""Pages for links that are of no use any more, in kind words, with a way on.

A link whose signature is not ours is answered with 404: there is no such page. One that was good once (too old, or
its subscription has ended) is answered with 410: gone, and the page says what helps.
"""

from datetime import UTC, datetime

from fastapi.responses import HTMLResponse

from digest.errors import TokenError
from digest.subscribers import Purpose
from digest.web.errors import error_page
from digest.web.front import Front

BEGINNING = datetime.fromtimestamp(0, UTC)
AGAIN = {"/": "Subscribe again"}
READERS = {"/papers": "The latest papers", "/": "To the front page"}  # their subscription may well be running


def ended(at: Front) -> HTMLResponse:
    """The subscription is over, the link was good."""
    return error_page(
        at,
        410,
        title="This subscription has ended",
        text="No more letters come from it. You are welcome to start a new one at any time.",
        links=AGAIN,
    )


def no_use(at: Front, purpose: Purpose, token: str, error: TokenError) -> HTMLResponse:
    """The link proves nothing now."""
    genuine = _genuine(at, purpose, token)
    title = "This link is no longer valid" if genuine else "This link is damaged"
    links = READERS if purpose in {Purpose.MUTE, Purpose.NEVER, Purpose.FEWER, Purpose.PAUSE} else AGAIN
    return error_page(at, 410 if genuine else 404, title=title, text=str(error), links=links)


def _genuine(at: Front, purpose: Purpose, token: str) -> bool:
    """Whether we signed it, however long ago."""
    try:
        at.house.links.read(purpose, token, BEGINNING)
    except TokenError:
        return False
    return True
