"""The web copy of a digest, behind the link at the top of each letter.

It is the letter with all its papers and without its reader: a letter is forwarded, its copy is shown to colleagues.
So the copy has neither the address nor any link that could change, mute or end a subscription.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind
from digest.errors import TokenError
from digest.formatting import pluralize
from digest.papers import papers_by_id
from digest.rendering import PersonalLinks, digest_context, load_batch, render_digest
from digest.tokens import TokenPurpose
from digest.web.citations import CitationFormat, citation_response
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.headers import EMAIL_SECURITY_POLICY

router = APIRouter()


# The letter is the same HTML as in the mail, with its styles inside.
HEADERS = {"Content-Security-Policy": f"{EMAIL_SECURITY_POLICY}; frame-ancestors 'none'"}


# In a mail program the letter is an article among others, here it is the page.
EMAIL_ROLE, PAGE_ROLE = 'role="article" aria-roledescription="email"', 'role="main"'


NO_LINKS = PersonalLinks(view="", preferences="", unsubscribe="")


@router.api_route("/letters/{token}", methods=SAFE_METHODS)
def web_copy_page(web: WebDep, token: str) -> HTMLResponse:
    page = render_web_copy(web.ctx, token, web.clock())
    return HTMLResponse(page.replace(EMAIL_ROLE, PAGE_ROLE, 1), headers=HEADERS)


@router.api_route("/letters/{token}/papers.{kind}", methods=SAFE_METHODS)
def web_copy_citations(web: WebDep, token: str, kind: CitationFormat) -> Response:
    """All papers of the copy as a list of references."""
    with read_session(web.ctx.engine) as session:
        kept = _load_delivery(web.ctx, session, token, web.clock())
        numbers = [*kept.papers, *kept.omitted_papers]
        known = papers_by_id(session, numbers)
    return citation_response(kept.edition, kind, [known[number] for number in numbers if number in known])


def render_web_copy(ctx: AppContext, token: str, now: datetime) -> str:
    """The HTML of a digest, with all the papers that the letter had no room for.

    Raises TokenError when the link is damaged or too old.
    """
    with read_session(ctx.engine) as session:
        kept = _load_delivery(ctx, session, token, now)
        claimed = replace(
            ClaimedDelivery.from_delivery(kept), papers=[*kept.papers, *kept.omitted_papers], omitted_papers=[]
        )
        desk = load_batch(session, [claimed], kept.created_at)
        words = digest_context(ctx, desk, claimed)
    return render_digest(replace(words, links=NO_LINKS, address=""), all_papers=True).html


def _load_delivery(ctx: AppContext, session: Session, token: str, now: datetime) -> Delivery:
    """The digest that a link speaks of, while its copy can be looked at. Raises TokenError."""
    number = ctx.token_signer.unsign(TokenPurpose.VIEW, token, now)
    kept = session.get(Delivery, int(number)) if number.isdecimal() else None
    if kept is None or kept.kind != DeliveryKind.DIGEST:
        raise TokenError("This letter is no longer kept.")
    if now - kept.created_at > timedelta(days=ctx.settings.web_copy_days):
        raise TokenError(
            f"Copies of letters can be looked at for {pluralize(ctx.settings.web_copy_days, 'day')}. The mail "
            "itself stays with you, and so does the link at its foot to change your keywords; if no letter is at "
            "hand, enter your address on the front page, and that link is mailed to you."
        )
    return kept
