"""The latest papers that are about some keywords: what a profile is learned from where its subscriber marked none."""

from collections.abc import Sequence
from itertools import zip_longest

from sqlmodel import Session

from digest import papers
from digest.database.models import Paper
from digest.matching import KeywordInput, Matcher, build_profile, can_parse, parse_canonical
from digest.papers import build_documents

LIMIT = 50  # papers
SCANNED_PAPERS = 300  # that may match one of the keywords: a third of a second of work
MIN_SCANNED = 6  # for each keyword, however many there are


def load_keyword_papers(session: Session, keywords: Sequence[KeywordInput]) -> list[Paper]:
    """Return the latest papers that are about these keywords, at most 50, of each keyword as many as of any other.

    Muted keywords bring none, and what an exclusion matches is left out.
    """
    readable = [keyword.canonical for keyword in keywords if not keyword.is_muted and can_parse(keyword.canonical)]
    queries = [*map(parse_canonical, readable)]
    inclusions = [query for query in queries if not query.exclude]
    limit = max(SCANNED_PAPERS // max(len(inclusions), 1), MIN_SCANNED)
    newest = sorted(
        papers.find_latest_candidates(session, inclusions, limit),
        key=lambda paper: paper.first_listing_id,
        reverse=True,
    )
    hits = dict(zip(queries, Matcher(queries).match(build_documents(session, newest)), strict=True))
    excluded = {hit.document for query in queries if query.exclude for hit in hits[query]}
    about = [
        [hit.document for hit in sorted(hits[query], key=lambda hit: hit.document) if hit.is_about]
        for query in inclusions
    ]
    # The newest of each keyword, then the next of each: a broad keyword must not be all that is learned.
    in_turn = [document for row in zip_longest(*about) for document in row if document is not None]
    wanted = dict.fromkeys(document for document in in_turn if document not in excluded)
    return [newest[document] for document in list(wanted)[:LIMIT]]


def learn_from_keywords(session: Session, keywords: Sequence[KeywordInput]) -> dict[str, float]:
    """Return the words of these papers with their weights; none before terms of papers were counted first."""
    space = papers.load_term_space(session)
    liked = [(paper.title, paper.abstract) for paper in load_keyword_papers(session, keywords)] if space else []
    return build_profile(space, liked) if space and liked else {}
