"""Full-text search in the stored papers, and papers of a period.

- `browse`: papers of a period, filtered, sorted and counted
- `candidates`: recent papers that may match some queries, by the full-text index of the store
- `fulltext`: full-text index in the store
- `index_terms`: terms of the full-text index: of a paper, and of a query. Pure
- `results`: results of a search by a query, with their number
"""

from digest.papers.search.browse import (
    DayPapers,
    FilterChoices,
    PaperFilter,
    PaperOrder,
    best_of_days,
    count_by_day,
    count_choices,
    count_papers,
    list_papers,
    neighbor_list_days,
)
from digest.papers.search.candidates import find_latest_candidates, find_recent_candidates
from digest.papers.search.fulltext import INDEX_BATCH_SIZE, MAX_PAPER_ID, find_candidates, update_index
from digest.papers.search.index_terms import INDEXED_COLUMNS, AllOf, AnyOf, SearchExpression, SearchTerm
from digest.papers.search.results import (
    MatchCount,
    SearchOrder,
    SearchPage,
    SearchRequest,
    count_by_list_day,
    search_papers,
)

__all__ = [
    "INDEXED_COLUMNS",
    "INDEX_BATCH_SIZE",
    "MAX_PAPER_ID",
    "AllOf",
    "AnyOf",
    "DayPapers",
    "FilterChoices",
    "MatchCount",
    "PaperFilter",
    "PaperOrder",
    "SearchExpression",
    "SearchOrder",
    "SearchPage",
    "SearchRequest",
    "SearchTerm",
    "best_of_days",
    "count_by_day",
    "count_by_list_day",
    "count_choices",
    "count_papers",
    "find_candidates",
    "find_latest_candidates",
    "find_recent_candidates",
    "list_papers",
    "neighbor_list_days",
    "search_papers",
    "update_index",
]
