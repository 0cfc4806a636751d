"""Keywords that a subscriber may want to mute: those that bring papers like one, or most of their papers."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from digest import papers
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Delivery, DeliveryKind, DeliveryState, Keyword, Paper, SavedKeyword
from digest.matching import Matcher, can_parse, is_exclusion, parse_canonical
from digest.papers import build_documents

RECENT_DIGESTS = 10  # whose papers are counted
MIN_PAPERS = 4  # of these digests, before one keyword is said to bring most
MIN_SHARE = 0.3  # of the papers, for a keyword that is worth muting
SUGGESTIONS_LIMIT = 3


@dataclass(frozen=True, slots=True)
class MuteSuggestion:
    """Keyword, and how many of the `mailed_count` papers in the last digests it matched."""

    keyword_id: int
    text: str
    matched_count: int = 0
    mailed_count: int = 0


def find_keywords_of(ctx: AppContext, subscriber_id: int, paper: Paper) -> list[MuteSuggestion]:
    """Return keywords that match a paper; none where no other would be left to bring papers."""
    with read_session(ctx.engine) as session:
        active = _active_keywords(session, subscriber_id)
        documents = build_documents(session, [paper])
        matches = Matcher([parse_canonical(canonical) for _, _, canonical in active]).match(documents)
        found = [MuteSuggestion(number, text) for (number, text, _), hits in zip(active, matches, strict=True) if hits]
        return found[:SUGGESTIONS_LIMIT] if len(active) > 1 else []


def find_busiest_keyword(ctx: AppContext, subscriber_id: int) -> MuteSuggestion | None:
    """Return the keyword that matched most papers of the last digests, if these are many; None where it is the only."""
    with read_session(ctx.engine) as session:
        active = _active_keywords(session, subscriber_id)
        mailed = load_recently_mailed(session, subscriber_id)
        if len(active) < 2 or len(mailed) < MIN_PAPERS:  # noqa: PLR2004  - another one must be left
            return None
        documents = build_documents(session, mailed)
        matches = Matcher([parse_canonical(canonical) for _, _, canonical in active]).match(documents)
        counts = [len({match.document for match in hits}) for hits in matches]
        most = max(counts)
        if most < MIN_SHARE * len(mailed):
            return None
        number, text, _ = active[counts.index(most)]
        return MuteSuggestion(number, text, most, len(mailed))


def load_recently_mailed(session: Session, subscriber_id: int) -> list[Paper]:
    """Return the papers of the last digests that were sent."""
    digests = (
        select(col(Delivery.papers))
        .where(Delivery.subscriber_id == subscriber_id, Delivery.kind == DeliveryKind.DIGEST)
        .where(Delivery.state == DeliveryState.SENT)
        .order_by(col(Delivery.id).desc())
        .limit(RECENT_DIGESTS)
    )
    mailed = {paper_id for paper_ids in session.exec(digests).all() for paper_id in paper_ids}
    return list(papers.papers_by_id(session, mailed).values())


def _active_keywords(session: Session, subscriber_id: int) -> list[tuple[int, str, str]]:
    """Return id, text and canonical form of the keywords that bring papers."""
    saved = select(col(Keyword.id), SavedKeyword.text, Keyword.canonical).where(
        SavedKeyword.keyword_id == Keyword.id, SavedKeyword.subscriber_id == subscriber_id
    )
    rows = session.exec(saved.where(~col(SavedKeyword.is_muted)).order_by(col(SavedKeyword.position))).all()
    return [
        (int(number or 0), text, canonical)
        for number, text, canonical in rows
        if not is_exclusion(canonical) and can_parse(canonical)
    ]
