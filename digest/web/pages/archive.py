"""Web copy of a digest, behind the link at the top of each e-mail.

It has all papers and nothing personal: e-mails are forwarded, copies are shown to colleagues. So it has neither the
address nor any link that could change, mute or end a subscription. A copy shows what the e-mail showed, or says that it
cannot: why each paper is there is worked out from the keywords that chose it, and these may have been deleted since.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session

from digest.context import AppContext
from digest.database import read_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, Subscriber
from digest.errors import TokenError
from digest.papers import papers_by_id
from digest.rendering import BatchData, PersonalLinks, digest_context, load_batch, render_digest
from digest.subscribers import ENDED_STATUSES
from digest.tokens import TokenPurpose, delivery_subject
from digest.web import messages
from digest.web.citations import CitationFormat, citation_response
from digest.web.context import SAFE_METHODS, WebDep
from digest.web.headers import EMAIL_SECURITY_POLICY

router = APIRouter()
# The digest is the same HTML as in the mail, with inline styles.
HEADERS = {"Content-Security-Policy": f"{EMAIL_SECURITY_POLICY}; frame-ancestors 'none'"}
# In a mail program the digest is an article among others, here it is the page.
EMAIL_ROLE, PAGE_ROLE = 'role="article" aria-roledescription="email"', 'role="main"'
DEMO_NOTICE = f'<p style="margin:0;padding:8px;text-align:center">{messages.DEMO_NOTICE}</p>'
NO_LINKS = PersonalLinks(view="", preferences="", unsubscribe="")


@router.api_route("/emails/{token}", methods=SAFE_METHODS)
def web_copy_page(web: WebDep, token: str) -> HTMLResponse:
    page = render_web_copy(web.ctx, token, web.clock())
    if web.ctx.is_demo:
        page = re.sub(r"<body[^>]*>", lambda body: body[0] + DEMO_NOTICE, page, count=1)
    return HTMLResponse(page.replace(EMAIL_ROLE, PAGE_ROLE, 1), headers=HEADERS)


@router.api_route("/emails/{token}/papers.{kind}", methods=SAFE_METHODS)
def web_copy_citations(web: WebDep, token: str, kind: CitationFormat) -> Response:
    """Cite all papers of the copy."""
    with read_session(web.ctx.engine) as session:
        delivery = _load_delivery(web.ctx, session, token, web.clock())
        paper_ids = [*delivery.papers, *delivery.omitted_papers, *delivery.close_papers]
        papers = papers_by_id(session, paper_ids)
    return citation_response(delivery.edition, kind, [papers[paper_id] for paper_id in paper_ids if paper_id in papers])


def render_web_copy(ctx: AppContext, token: str, now: datetime) -> str:
    """Render a digest as HTML, with all the papers that the e-mail had no room for.

    Raises TokenError if the link is damaged or expired, or keywords of the digest are gone.
    """
    with read_session(ctx.engine) as session:
        delivery = _load_delivery(ctx, session, token, now)
        claimed = replace(
            ClaimedDelivery.from_delivery(delivery),
            papers=[*delivery.papers, *delivery.omitted_papers],
            omitted_papers=[],
        )
        batch = load_batch(session, [claimed], delivery.created_at, is_sent=True)
        if not _knows_its_keywords(session, delivery, batch):
            raise TokenError(messages.COPY_WITHOUT_KEYWORDS)
        context = digest_context(ctx, batch, claimed)
    return render_digest(
        replace(context, links=NO_LINKS, address="", welcome=None, thumbnails=False), all_papers=True
    ).html


def _knows_its_keywords(session: Session, delivery: Delivery, batch: BatchData) -> bool:
    """Return whether all keywords that chose the papers are known, so that the copy is what the e-mail was."""
    if delivery.keywords:
        return batch.canonical_keywords.keys() >= set(delivery.keywords)
    # It had none, or they were pruned: only with a running subscription without keywords it is the former for sure.
    subscriber = session.get_one(Subscriber, delivery.subscriber_id)
    return subscriber.status not in ENDED_STATUSES and not batch.keywords.get(delivery.subscriber_id)


def _load_delivery(ctx: AppContext, session: Session, token: str, now: datetime) -> Delivery:
    """Load the digest that a link is for. Raises TokenError if its copy is gone."""
    subject, issued_at = ctx.token_signer.unsign_with_time(TokenPurpose.VIEW, token, now)
    delivery_id = subject.partition("-")[0]
    delivery = session.get(Delivery, int(delivery_id)) if delivery_id.isdecimal() else None
    if delivery is None or delivery.kind != DeliveryKind.DIGEST or not _is_about(delivery, subject, issued_at):
        raise TokenError(messages.COPY_GONE)
    if now - delivery.created_at > timedelta(days=ctx.settings.web_copy_days):
        raise TokenError(messages.copy_expired(ctx.settings.web_copy_days))
    return delivery


def _is_about(delivery: Delivery, subject: str, issued_at: datetime) -> bool:
    """Return whether a token is about this delivery, and not about one that had its id before."""
    if "-" in subject:
        return subject == delivery_subject(int(delivery.id or 0), delivery.message_id)
    # Signed before schema 0007, with the id alone. Its delivery was there when it was signed, so it is none that came
    # later, in the place of a deleted one. (Tokens have whole seconds.)
    return issued_at >= delivery.created_at.replace(microsecond=0)
