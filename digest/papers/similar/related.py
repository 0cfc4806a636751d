"""Papers related to one: those that share its heaviest words, found by the full-text index."""

from dataclasses import dataclass
from itertools import combinations

from sqlmodel import Session, col, select

from digest.database import select_readable
from digest.database.models import Paper
from digest.identifiers import PaperKind
from digest.matching import PaperTerms, describe_paper, shared_words
from digest.papers.queries import is_shown
from digest.papers.search import MAX_PAPER_ID, AllOf, AnyOf, SearchTerm, find_candidates
from digest.papers.similar.term_counts import load_term_space

SEARCHED_WORDS = 6  # the heaviest, of which a candidate has two
CANDIDATES = 60  # the latest papers that may be related; to compare one takes half a millisecond
RELATED_SHARE = 0.12  # a little less than what brings a paper into an e-mail: here somebody looks for more


@dataclass(frozen=True, slots=True)
class RelatedPaper:
    """Paper with the words that it shares with another one, the heaviest first, as it writes them."""

    paper: Paper
    words: tuple[str, ...]


def find_related_papers(session: Session, paper: Paper, limit: int = 5) -> list[RelatedPaper]:
    """Return the papers that share most of the words of a paper, the nearest first; none before terms are counted."""
    space = load_term_space(session)
    words = describe_paper(space, (paper.title, paper.abstract)) if space else {}
    terms = [AllOf(tuple(map(SearchTerm, word.split(" ")))) for word in list(words)[:SEARCHED_WORDS]]
    if not terms:
        return []
    pairs = [AllOf((*one.parts, *other.parts)) for one, other in combinations(terms, 2)]
    expression = AnyOf(tuple(pairs or terms))
    found = [number for number in find_candidates(session, expression, MAX_PAPER_ID, CANDIDATES) if number != paper.id]
    rows = select(Paper).where(col(Paper.id).in_(found), *is_shown(), Paper.kind == PaperKind.PAPER)
    papers = select_readable(session.exec(rows).all(), [])
    shares = PaperTerms([(row.title, row.abstract) for row in papers]).compare([words], RELATED_SHARE).tocoo()
    ranked = sorted(zip(shares.data.tolist(), shares.col.tolist(), strict=True), key=lambda pair: (-pair[0], -pair[1]))
    return [
        RelatedPaper(row, tuple(word.text for word in shared_words(words, row.title, row.abstract, limit=4)))
        for row in (papers[column] for _, column in ranked[:limit])
    ]
