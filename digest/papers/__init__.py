"""Papers and listings in the store: ingest, queries, full-text search, recent papers, and the log of fetches.

- `cache`: cache of papers, for a process that renders many e-mails
- `documents`: stored papers as documents for matching
- `events`: what happens to a paper after it was listed
- `fetches`: what was fetched when, which days and feeds are complete, and what is wrong with a source
- `history`: which papers a subscriber had
- `identity`: which paper a listing is, links between papers that are one, and pairs that stay apart
- `ingest`: storing what sources list
- `learned_acronyms`: acronyms that stored papers define
- `messages`: sentences about sources, feeds and pairs of papers
- `prune`: papers that nobody had and nobody will get
- `queries`: queries for papers and listings
- `ranking`: the ranking rule, as a tuple and as a packed integer
- `recent`: index of the papers of the last list days, in memory
- `search`: full-text search, and papers of a period
- `similar`: similar papers in the store
- `snapshots`: a stored paper as matching and e-mails see it
- `statements`: what is known of a paper beside its text
- `store_cache`: cache of what is derived from a store
- `suggestions`: suggestions for keywords, from the recent papers
"""

from typing import TYPE_CHECKING, Any

from digest.papers.cache import PaperCache, listed_days, load_snapshots
from digest.papers.documents import build_documents
from digest.papers.events import retracted_paper_ids
from digest.papers.fetches import (
    BACKFILL_DAYS,
    SourceProblem,
    WindowEntry,
    WindowGap,
    days_due,
    describe_rare_reading,
    fetches_by_day,
    find_open_gaps,
    first_rate,
    is_backlog,
    is_due,
    is_stale,
    judge_window,
    known_entries,
    last_rate,
    lasting_notices,
    latest_fetches,
    load_fetches,
    load_http_cache,
    load_source_problems,
    load_source_titles,
    load_titled_sources,
    load_window_fetches,
    mean_rate,
    reading_interval,
    record_fetch,
    split_window,
    store_entries,
    store_http_cache,
    sync_feeds,
)
from digest.papers.history import POSSIBLY_DELIVERED, delivered_paper_ids, load_merged
from digest.papers.identity import (
    UNDOABLE_PAIR_ACTIONS,
    PaperPair,
    VersionPair,
    active_links,
    ambiguous_pairs,
    find_named_papers,
    has_released_papers,
    link_pair,
    link_papers,
    load_names,
    load_version_pairs,
    load_versions,
    rejoin_pair,
    renumber_released_papers,
    renumbered_paper_ids,
    separate_pair,
    separated_pairs,
    undo_pair_action,
    unlink_pair,
    unlink_papers,
    withhold_papers,
)
from digest.papers.ingest import STALE_KINDS, StoreReport, store_listings, store_texts
from digest.papers.learned_acronyms import count_definitions, load_acronyms, read_acronyms, read_definitions
from digest.papers.prune import prune_papers
from digest.papers.queries import (
    STANDING_ID,
    arxiv_ids_without_text,
    dois_without_text,
    first_list_days,
    first_listing_id_of_latest_day,
    latest_list_day,
    latest_listing_id,
    papers_by_id,
    papers_listed_after,
    papers_listed_late,
    papers_on_day,
    recent_list_days,
    recent_paper_ids,
    recent_papers,
    source_numbers,
    sources_by_paper,
    standing_paper,
    store_fingerprint,
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
    ranked_upvotes,
    ranking_key,
    seat_queries,
    seat_ranks,
    unpack_ranking_key,
)
from digest.papers.search import (
    INDEX_BATCH_SIZE,
    DayPapers,
    FilterChoices,
    MatchCount,
    PaperFilter,
    PaperOrder,
    SearchOrder,
    SearchPage,
    SearchRequest,
    best_of_days,
    count_by_day,
    count_by_list_day,
    count_choices,
    count_papers,
    find_latest_candidates,
    find_recent_candidates,
    list_papers,
    neighbor_list_days,
    search_papers,
    update_index,
)
from digest.papers.similar import (
    RelatedPaper,
    count_terms,
    describe_named_paper,
    find_related_papers,
    is_count_due,
    load_term_space,
    read_named_paper,
)
from digest.papers.snapshots import PaperSnapshot
from digest.papers.statements import (
    PaperNews,
    PaperStatement,
    RecentEvent,
    load_news,
    load_recent_events,
    load_statements,
)

if TYPE_CHECKING:
    from digest.papers.recent import RecentPapersIndex, Selection
    from digest.papers.suggestions import Correction, KeywordSuggester, PhraseSuggestions

__all__ = [
    "BACKFILL_DAYS",
    "INDEX_BATCH_SIZE",
    "PACKED_KEY_BITS",
    "POSSIBLY_DELIVERED",
    "STALE_KINDS",
    "STANDING_ID",
    "TRENDING_LIMIT",
    "UNDOABLE_PAIR_ACTIONS",
    "Candidate",
    "Correction",
    "DayPapers",
    "FilterChoices",
    "KeywordSuggester",
    "MatchCount",
    "PaperCache",
    "PaperFilter",
    "PaperNews",
    "PaperOrder",
    "PaperPair",
    "PaperSelection",
    "PaperSnapshot",
    "PaperStatement",
    "PhraseSuggestions",
    "RecentEvent",
    "RecentPapersIndex",
    "RelatedPaper",
    "SearchOrder",
    "SearchPage",
    "SearchRequest",
    "Selection",
    "SourceProblem",
    "StoreReport",
    "VersionPair",
    "WindowEntry",
    "WindowGap",
    "active_links",
    "ambiguous_pairs",
    "arxiv_ids_without_text",
    "best_of_days",
    "build_documents",
    "choose_papers",
    "count_by_day",
    "count_by_list_day",
    "count_choices",
    "count_definitions",
    "count_papers",
    "count_terms",
    "days_due",
    "delivered_paper_ids",
    "describe_named_paper",
    "describe_rare_reading",
    "dois_without_text",
    "fetches_by_day",
    "find_latest_candidates",
    "find_named_papers",
    "find_open_gaps",
    "find_recent_candidates",
    "find_related_papers",
    "first_list_days",
    "first_listing_id_of_latest_day",
    "first_rate",
    "has_released_papers",
    "is_backlog",
    "is_count_due",
    "is_due",
    "is_stale",
    "judge_window",
    "known_entries",
    "last_rate",
    "lasting_notices",
    "latest_fetches",
    "latest_list_day",
    "latest_listing_id",
    "link_pair",
    "link_papers",
    "list_papers",
    "listed_days",
    "load_acronyms",
    "load_fetches",
    "load_http_cache",
    "load_merged",
    "load_names",
    "load_news",
    "load_recent_events",
    "load_snapshots",
    "load_source_problems",
    "load_source_titles",
    "load_statements",
    "load_term_space",
    "load_titled_sources",
    "load_version_pairs",
    "load_versions",
    "load_window_fetches",
    "mean_rate",
    "neighbor_list_days",
    "packed_ranking_key",
    "papers_by_id",
    "papers_listed_after",
    "papers_listed_late",
    "papers_on_day",
    "popularity_order",
    "prune_papers",
    "ranked_upvotes",
    "ranking_key",
    "read_acronyms",
    "read_definitions",
    "read_named_paper",
    "reading_interval",
    "recent_list_days",
    "recent_paper_ids",
    "recent_papers",
    "record_fetch",
    "rejoin_pair",
    "renumber_released_papers",
    "renumbered_paper_ids",
    "retracted_paper_ids",
    "search_papers",
    "seat_queries",
    "seat_ranks",
    "separate_pair",
    "separated_pairs",
    "source_numbers",
    "sources_by_paper",
    "split_window",
    "standing_paper",
    "store_entries",
    "store_fingerprint",
    "store_http_cache",
    "store_listings",
    "store_texts",
    "sync_feeds",
    "trending_papers_after",
    "undo_pair_action",
    "unlink_pair",
    "unlink_papers",
    "unpack_ranking_key",
    "update_index",
    "withhold_papers",
]


def __getattr__(name: str) -> Any:
    """Import what needs NumPy on first use: it costs 25 MB, which a process that only sends does without."""
    if name in {"RecentPapersIndex", "Selection"}:
        from digest.papers import recent

        return getattr(recent, name)
    if name in {"Correction", "KeywordSuggester", "PhraseSuggestions"}:
        from digest.papers import suggestions

        return getattr(suggestions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
