"""The next digest of one subscriber, if nothing more were listed: its papers, each with the reason for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlmodel import Session, select

from digest import planning
from digest.database.models import UNDELIVERED, Delivery, DeliveryKind, Subscriber
from digest.matching import KeywordInput
from digest.papers import PaperSnapshot, delivered_paper_ids, papers_by_id, papers_listed_after, sources_by_paper
from digest.rendering import ClosePaper
from digest.schedule import latest_due_day, next_due_day

MAX_CANDIDATES = 5000  # papers that the next digest is chosen from: about a week's


@dataclass(frozen=True, slots=True)
class ChosenPaper:
    """Paper of the next digest. `reasons`: position of the keyword, the keyword, where it matched."""

    paper: PaperSnapshot
    reasons: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class NextDigest:
    """Next digest if nothing more were listed. `day` is its due day; `is_due`: that day has come.

    `close_papers`: those that no keyword finds, with the words of the subscriber's profile that bring them.
    """

    day: date
    is_due: bool
    papers: Sequence[ChosenPaper]
    omitted_count: int
    considered_count: int
    close_papers: Sequence[ClosePaper] = ()


def preview_next_digest(
    session: Session, subscriber: Subscriber, keywords: Sequence[KeywordInput], now: datetime
) -> NextDigest:
    """Choose papers as planning does, from what was listed since the last digest and from undelivered papers.

    `keywords`: all that can be parsed, the muted ones included.
    """
    subscriber_id = int(subscriber.id or 0)
    schedule = subscriber.timezone, subscriber.send_hour, subscriber.frequency, subscriber.weekday
    last_day = latest_due_day(now, *schedule)
    is_due = subscriber.last_due_day is None or subscriber.last_due_day < last_day
    day = last_day if is_due else next_due_day(now, *schedule)
    undelivered = session.exec(
        select(Delivery.papers).where(
            Delivery.subscriber_id == subscriber_id, Delivery.kind == DeliveryKind.DIGEST, text(UNDELIVERED)
        )
    ).all()
    candidates = papers_by_id(session, {paper_id for paper_ids in undelivered for paper_id in paper_ids})
    delivered = delivered_paper_ids(session, [subscriber_id]).get(subscriber_id, set()) - candidates.keys()
    for paper in papers_listed_after(session, subscriber.covered_listing_id, MAX_CANDIDATES):
        candidates[int(paper.id or 0)] = paper
    sources, chosen = sources_by_paper(session, candidates.keys()), set(subscriber.sources)
    pool = [
        paper
        for paper_id, paper in candidates.items()
        if paper_id not in delivered and not (chosen and chosen.isdisjoint(sources.get(paper_id, ())))
    ]
    active = [(place, keyword) for place, keyword in enumerate(keywords) if not keyword.is_muted]
    unmuted = [keyword for _, keyword in active]
    preview = planning.preview(session, unmuted, pool, day, now, cap=subscriber.cap, about_only=subscriber.about_only)
    shown = [view.paper.id for view in preview.papers]
    words = planning.load_profile_words(session, subscriber_id) if shown else {}
    return NextDigest(
        day,
        is_due,
        [
            ChosenPaper(view.paper, [(active[n][0], active[n][1].text, field) for n, field in view.matched_in])
            for view in preview.papers
        ],
        preview.omitted_count,
        preview.considered_count,
        planning.preview_close_papers(session, keywords, pool, words, day, shown) if words else (),
    )
