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
from digest.subscribers import TokenPurpose
from digest.web.errors import error_page
from digest.web.front import WebContext

EPOCH = datetime.fromtimestamp(0, UTC)
SUBSCRIBE_LINK = {"/": "Subscribe again"}
PRIVACY_LINKS = {"history": "What was sent to you", "erase": "Erase everything that is held of you"}
PAPER_LINKS = {"/papers": "The latest papers", "/": "To the front page"}  # their subscription may well be running
SUBSCRIPTION_PURPOSES = {
    TokenPurpose.CONFIRM,
    TokenPurpose.PREFERENCES,
    TokenPurpose.UNSUBSCRIBE,
    TokenPurpose.RESUBSCRIBE,
}
PURPOSES_BY_PAGE = {"letters": TokenPurpose.VIEW, "mine": TokenPurpose.FEED}  # the others are called as their purpose


def install_token_error_pages(app: FastAPI, web: WebContext) -> None:
    """Answer every TokenError and SubscriberError of `app` with a page."""

    async def no_use(request: Request, error: TokenError) -> HTMLResponse:
        page = request.url.path.lstrip("/").partition("/")[0]
        return invalid_token_page(
            web, PURPOSES_BY_PAGE.get(page) or TokenPurpose(page), request.path_params["token"], error
        )

    async def refused(_request: Request, error: SubscriberError) -> HTMLResponse:
        links = {"/papers": "The latest papers", "/help/keywords": "How to write keywords"}
        return error_page(web, 409, title="This cannot be done now", text=str(error), links=links)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(TokenError, no_use)  # type: ignore[arg-type]
    app.add_exception_handler(SubscriberError, refused)  # type: ignore[arg-type]


def subscription_ended_page(web: WebContext, token: str = "") -> HTMLResponse:
    """The subscription is over, the link was good. `token`: of the preferences, for what is still held."""
    held = {f"/preferences/{token}/{page}": words for page, words in PRIVACY_LINKS.items()} if token else {}
    return error_page(
        web,
        410,
        title="This subscription has ended",
        text="No more letters come from it. You are welcome to start a new one at any time.",
        links=SUBSCRIBE_LINK | held,
    )


def invalid_token_page(web: WebContext, purpose: TokenPurpose, token: str, error: TokenError) -> HTMLResponse:
    """The link proves nothing now."""
    genuine = _is_signed(web, purpose, token)
    title = "This link is no longer valid" if genuine else "This link is damaged"
    links = SUBSCRIBE_LINK if purpose in SUBSCRIPTION_PURPOSES else PAPER_LINKS
    return error_page(web, 410 if genuine else 404, title=title, text=str(error), links=links)


def _is_signed(web: WebContext, purpose: TokenPurpose, token: str) -> bool:
    """Whether we signed it, however long ago."""
    try:
        web.ctx.token_signer.unsign(purpose, token, EPOCH)
    except TokenError:
        return False
    return True
