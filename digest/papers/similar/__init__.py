"""Similar papers in the store: counted terms, related papers, and papers that somebody wants others like.

- `named`: words of a paper that somebody names
- `related`: papers related to one, with the words that they share
- `term_counts`: how many stored papers have a term, counted once a week
"""

from digest.papers.similar.named import describe_named_paper, read_named_paper
from digest.papers.similar.related import RelatedPaper, find_related_papers
from digest.papers.similar.term_counts import count_terms, is_count_due, load_term_space

__all__ = [
    "RelatedPaper",
    "count_terms",
    "describe_named_paper",
    "find_related_papers",
    "is_count_due",
    "load_term_space",
    "read_named_paper",
]
