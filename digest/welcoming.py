"""The first papers: what the latest list has for those who are welcomed, by the code that a preview is made with."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from digest import papers, preview, subscribers
from digest.deliveries import Claimed
from digest.letters import FirstPapers
from digest.matching import is_exclusion
from digest.models import DeliveryKind, Paper, Subscriber
from digest.preview import Preview

SHOWN = 5


def first_papers(session: Session, claimed: Sequence[Claimed], now: datetime) -> dict[int, FirstPapers]:
    """For each reader whose welcome is among the letters of a batch; nothing while no list has been read."""
    welcomed = [each.subscriber_id for each in claimed if each.kind == DeliveryKind.WELCOME]
    day = papers.latest_day(session) if welcomed else None
    if day is None:
        return {}
    found = papers.on_day(session, day)
    readers = session.exec(select(Subscriber).where(col(Subscriber.id).in_(welcomed))).all()
    keywords = subscribers.keywords_of(session, welcomed)
    # Those that bring papers first: their places are then those of the letter, which names the others apart.
    asked = [
        sorted(keywords.get(int(each.id or 0), ()), key=lambda one: is_exclusion(one.canonical)) for each in readers
    ]
    seen = preview.look_for_all(session, asked, found, day, now, cap=SHOWN)
    entered = {int(each.id or 0): each for each in found}
    return {int(each.id or 0): _first(each, entered, looked) for each, looked in zip(readers, seen, strict=True)}


def _first(reader: Subscriber, found: dict[int, Paper], seen: Preview) -> FirstPapers:
    # Nobody has planned for them yet, and something is new for them: the next tick does.
    news = any(found[number].first_listing_id > reader.covered_listing_id for number in seen.numbers)
    return FirstPapers(
        day=seen.day,
        papers=seen.papers,
        matched=len(seen.papers) + seen.left_out,
        follows=reader.last_due_day is None and news,
    )
