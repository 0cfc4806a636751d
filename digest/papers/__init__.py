"""Papers: `listing` takes them in, `shelf` gives them out."""

from typing import TYPE_CHECKING, Any

from digest.papers.documents import build_documents
from digest.papers.fetch_log import (
    BACKFILL_DAYS,
    SOURCE_TITLES,
    SourceProblem,
    due_days,
    latest_fetches,
    load_http_cache,
    record_fetch,
    source_problems,
    store_http_cache,
)
from digest.papers.fulltext import update_index
from digest.papers.history import delivered_paper_ids
from digest.papers.ingest import store_listings, store_texts
from digest.papers.queries import (
    arxiv_ids_without_text,
    first_listing_id_of_latest_day,
    latest_list_day,
    latest_listing_id,
    papers_by_id,
    papers_listed_after,
    papers_on_day,
    recent_paper_ids,
    recent_papers,
    sources_by_paper,
    trending_papers_after,
)
from digest.papers.ranking import (
    PACKED_KEY_BITS,
    TRENDING_LIMIT,
    Candidate,
    PaperSelection,
    choose_papers,
    packed_ranking_key,
    popularity_order,
    unpack_ranking_key,
)
from digest.papers.search import INDEX_BATCH_SIZE, MAX_PAPER_ID, SearchPage, search_papers

if TYPE_CHECKING:
    from digest.papers.recent import RecentPapersIndex, Selection, store_fingerprint

__all__ = [
    "BACKFILL_DAYS",
    "INDEX_BATCH_SIZE",
    "MAX_PAPER_ID",
    "PACKED_KEY_BITS",
    "SOURCE_TITLES",
    "TRENDING_LIMIT",
    "Candidate",
    "PaperSelection",
    "RecentPapersIndex",
    "SearchPage",
    "Selection",
    "SourceProblem",
    "arxiv_ids_without_text",
    "build_documents",
    "choose_papers",
    "delivered_paper_ids",
    "due_days",
    "first_listing_id_of_latest_day",
    "latest_fetches",
    "latest_list_day",
    "latest_listing_id",
    "load_http_cache",
    "packed_ranking_key",
    "papers_by_id",
    "papers_listed_after",
    "papers_on_day",
    "popularity_order",
    "recent_paper_ids",
    "recent_papers",
    "record_fetch",
    "search_papers",
    "source_problems",
    "sources_by_paper",
    "store_fingerprint",
    "store_http_cache",
    "store_listings",
    "store_texts",
    "trending_papers_after",
    "unpack_ranking_key",
    "update_index",
]


def __getattr__(name: str) -> Any:
    """Import the recent-papers index on first use: NumPy costs 25 MB, which a process that only sends does without."""
    if name in {"RecentPapersIndex", "Selection", "store_fingerprint"}:
        from digest.papers import recent

        return getattr(recent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
