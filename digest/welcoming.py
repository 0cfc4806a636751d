"""The first papers: what the latest list has for those who are welcomed, by the code that a preview is made with."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from digest import papers, preview, subscribers
from digest.deliveries import ClaimedDelivery
from digest.letters import FirstPapers
from digest.matching import is_exclusion
from digest.models import DeliveryKind, Paper, Subscriber
from digest.preview import Preview

FIRST_PAPERS_LIMIT = 5


def first_papers(session: Session, claimed: Sequence[ClaimedDelivery], now: datetime) -> dict[int, FirstPapers]:
    """For each reader whose welcome is among the letters of a batch; nothing while no list has been read."""
    subscriber_ids = [each.subscriber_id for each in claimed if each.kind == DeliveryKind.WELCOME]
    day = papers.latest_list_day(session) if subscriber_ids else None
    if day is None:
        return {}
    candidates = papers.papers_on_day(session, day)
    new_subscribers = session.exec(select(Subscriber).where(col(Subscriber.id).in_(subscriber_ids))).all()
    keywords = subscribers.keywords_by_subscriber(session, subscriber_ids)
    # Those that bring papers first: their places are then those of the letter, which names the others apart.
    keyword_lists = [
        sorted(keywords.get(int(each.id or 0), ()), key=lambda one: is_exclusion(one.canonical))
        for each in new_subscribers
    ]
    previews = preview.preview_many(session, keyword_lists, candidates, day, now, cap=FIRST_PAPERS_LIMIT)
    papers_by_id = {int(each.id or 0): each for each in candidates}
    return {
        int(each.id or 0): _to_first_papers(each, papers_by_id, looked)
        for each, looked in zip(new_subscribers, previews, strict=True)
    }


def _to_first_papers(subscriber: Subscriber, papers_by_id: dict[int, Paper], preview_: Preview) -> FirstPapers:
    # Nobody has planned for them yet, and something is new for them: the next tick does.
    has_news = any(
        papers_by_id[number].first_listing_id > subscriber.covered_listing_id for number in preview_.paper_ids
    )
    return FirstPapers(
        day=preview_.day,
        papers=preview_.papers,
        matched=len(preview_.papers) + preview_.omitted_count,
        follows=subscriber.last_due_day is None and has_news,
    )
