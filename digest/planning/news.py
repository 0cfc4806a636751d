"""News about papers that a subscriber had: what goes along with their next digest, once and never alone.

An event is news for those whose e-mail with the paper had left when it was noted. What a digest tells stands in its
row, so a digest that did not arrive has brought none.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import String, cast
from sqlmodel import Session, col, select

from digest.database import is_in_values, update_rows
from digest.database.models import Delivery, DeliveryKind, PaperEventKind
from digest.papers import POSSIBLY_DELIVERED, RecentEvent, load_recent_events

NEWS_LIMIT = 3  # events in one digest; what concerns whether a paper holds is never left out
NEWS_LIFETIME = timedelta(days=35)  # of an event: a monthly digest must be able to bring it
HISTORY = timedelta(days=180)  # how far back an e-mail with the paper may lie
URGENT_KINDS = (PaperEventKind.RETRACTED, PaperEventKind.WITHDRAWN, PaperEventKind.CONCERN)
KIND_ORDER = {
    kind: number
    for number, kind in enumerate(
        (
            *(*URGENT_KINDS, PaperEventKind.CORRECTED, PaperEventKind.PUBLISHED, PaperEventKind.REVISED),
            *(PaperEventKind.CODE, PaperEventKind.PROJECT, PaperEventKind.POPULAR),
        )
    )
}
_NUMBER = re.compile(r"\d+")


def add_news(session: Session, edition: str, papers: Mapping[int, str], now: datetime) -> None:
    """Add news to the digests of an edition that were just queued. `papers`: what each subscriber gets, as JSON."""
    news = choose_news(session, papers, now) if papers else {}
    rows = [{"subscriber_id": number, "edition": edition, "news": event_ids} for number, event_ids in news.items()]
    update_rows(session, Delivery, ("subscriber_id", "edition"), rows)


def choose_news(session: Session, papers: Mapping[int, str], now: datetime) -> dict[int, list[int]]:
    """Return the events that each of these subscribers hears of now, the most urgent first."""
    events = load_recent_events(session, now - NEWS_LIFETIME)
    by_paper: dict[str, list[RecentEvent]] = {}
    for event in events:
        for number in event.paper_ids:
            by_paper.setdefault(str(number), []).append(event)
    if not by_paper:
        return {}
    had: dict[int, dict[int, RecentEvent]] = {}
    mentioned: dict[int, set[int]] = {}
    columns = (Delivery.subscriber_id, Delivery.created_at, Delivery.settled_at)
    lists = (cast(col(column), String) for column in (Delivery.papers, Delivery.close_papers, Delivery.news))
    rows = session.execute(
        select(*columns, *lists).where(  # type: ignore[type-var]
            is_in_values(session, Delivery.subscriber_id, papers.keys()),
            Delivery.kind == DeliveryKind.DIGEST,
            col(Delivery.state).in_(POSSIBLY_DELIVERED),
            col(Delivery.created_at) >= now - HISTORY,
        )
    )
    for subscriber_id, created_at, settled_at, paper_text, close_text, news_text in rows:
        left_at = settled_at or created_at
        for paper_id in by_paper.keys() & set(_NUMBER.findall(f"{paper_text} {close_text}")):
            found = {event.id: event for event in by_paper[paper_id] if event.noted_at > left_at}
            had.setdefault(subscriber_id, {}).update(found)
        mentioned.setdefault(subscriber_id, set()).update(map(int, _NUMBER.findall(news_text or "")))
    return {
        subscriber_id: chosen
        for subscriber_id, found in had.items()
        if (chosen := _choose(found, mentioned[subscriber_id], papers[subscriber_id]))
    }


def _choose(found: Mapping[int, RecentEvent], mentioned: set[int], papers: str) -> list[int]:
    """Return what is new of these events. A paper of today is never news."""
    todays = set(json.loads(papers))
    fresh = [event for event in found.values() if event.id not in mentioned and todays.isdisjoint(event.paper_ids)]
    fresh.sort(key=lambda event: (KIND_ORDER.get(PaperEventKind(event.kind), len(KIND_ORDER)), event.id))
    urgent = sum(event.kind in URGENT_KINDS for event in fresh)
    return [event.id for event in fresh[: max(NEWS_LIMIT, urgent)]]
