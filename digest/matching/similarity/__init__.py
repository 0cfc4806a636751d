"""Similarity of papers by the words that people can read in them. Pure, and no model: only counts of words.

- `compare`: profiles against papers, and the words that they share
- `count_terms`: how many papers have a term, and which terms tell papers apart
- `paper_terms`: terms of a paper: its words, and pairs of adjacent words
- `profiles`: the heaviest words of papers that somebody likes
- `space`: papers as vectors of their terms
"""

from digest.matching.similarity.compare import CLOSE_SHARE, PaperTerms, SharedWord, shared_terms, shared_words
from digest.matching.similarity.count_terms import CountedTerm, TermCounter
from digest.matching.similarity.paper_terms import MENTION, find_term, weigh_terms
from digest.matching.similarity.profiles import PROFILE_SIZE, build_profile, describe_paper
from digest.matching.similarity.space import TermSpace

__all__ = [
    "CLOSE_SHARE",
    "MENTION",
    "PROFILE_SIZE",
    "CountedTerm",
    "PaperTerms",
    "SharedWord",
    "TermCounter",
    "TermSpace",
    "build_profile",
    "describe_paper",
    "find_term",
    "shared_terms",
    "shared_words",
    "weigh_terms",
]
