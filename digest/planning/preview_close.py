"""What a profile would bring beside some keywords: the same rule as in a plan, nothing stored."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlmodel import Session, select

from digest import papers
from digest.database.models import CLOSE_WORD_SEPARATOR, Paper, Profile
from digest.matching import KeywordInput, Matcher, parse_canonical
from digest.papers import PaperSnapshot, build_documents
from digest.rendering import ClosePaper, explain_close_papers


def preview_close_papers(
    session: Session,
    keywords: Sequence[KeywordInput],
    candidates: Sequence[Paper],
    words: Mapping[str, float],
    day: date,
    shown: Collection[int] = (),
) -> list[ClosePaper]:
    """Return the papers closest to the words of a profile that no keyword finds, muted ones and exclusions neither.

    `shown`: papers that the e-mail has anyway.
    """
    # NumPy costs 25 MB, which a process that only sends does without.
    from digest.planning.choose_close import similarity_text
    from digest.planning.profile_matches import ProfilePapers, accept_all, choose_closest

    queries = [parse_canonical(keyword.canonical) for keyword in keywords]
    hits = Matcher(queries).match(build_documents(session, candidates)) if queries else []
    found = {int(candidates[hit.document].id or 0) for hits_of_query in hits for hit in hits_of_query} | set(shown)
    by_id = {int(paper.id or 0): paper for paper in candidates if paper.id not in found}
    weights = {word: weight for word, weight in words.items() if weight > 0}
    if not (by_id and weights):
        return []
    close = ProfilePapers.build({number: similarity_text(paper) for number, paper in by_id.items()})
    matches = choose_closest(close.match([weights], accept_all).of_profile(0))
    sources = papers.load_titled_sources(session, [match.paper_id for match in matches])
    days = papers.listed_days(session, [by_id[match.paper_id] for match in matches])
    snapshots = {
        match.paper_id: PaperSnapshot.from_row(
            by_id[match.paper_id], days.get(match.paper_id, day), sources.get(match.paper_id, {})
        )
        for match in matches
    }
    named = [CLOSE_WORD_SEPARATOR.join(match.words) for match in matches]
    return list(explain_close_papers(snapshots, list(snapshots), named))


def load_profile_words(session: Session, subscriber_id: int) -> Mapping[str, float]:
    """Return the words, with their weights, that bring a subscriber close papers; none where none come."""
    from digest.planning.close_papers import brings_papers

    words = select(Profile.words).where(Profile.subscriber_id == subscriber_id, *brings_papers())
    return session.exec(words).first() or {}
