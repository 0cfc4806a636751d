"""Papers and listings in the store: ingest, queries, full-text search, recent papers, and the log of fetches.

- `browse`: papers of a period, filtered, sorted and counted
- `cache`: cache of papers, for a process that renders many e-mails
- `list_days`: which list days are complete, and which are due
- `documents`: stored papers as documents for matching
- `events`: what happens to a paper after it was listed
- `fetch_log`: what was fetched when
- `fulltext`: full-text index in the store
- `fulltext_terms`: terms of the full-text index, of a paper and of a query
- `history`: which papers a subscriber had
- `ingest`: storing what sources list
- `learned_acronyms`: acronyms that stored papers define
- `link_evidence`: what a link has changed, or what its source has said with it
- `links`: links between papers that are one, published versions, and notices
- `messages`: sentences about sources, feeds and pairs of papers
- `named_papers`: which stored paper somebody means who names it
- `pair_actions`: what an operator says about two papers, recorded, and how to undo it
- `positional_index`: positions of each word in many papers
- `prune`: papers that nobody had and nobody will get
- `queries`: queries for papers and listings
- `ranking`: the ranking rule, as a tuple and as a packed integer
- `recent`: index of the papers of the last list days
- `recent_candidates`: recent papers that may match, by the full-text index
- `renumber`: papers that a plan could not read, and their fresh numbers
- `separate`: pairs that the operator keeps apart
- `search`: search for papers by a query, with their number
- `resolve`: which paper a listing is
- `suggestions`: suggestions for keywords, from the recent papers
- `similar`: similar papers in the store
- `snapshots`: a stored paper as matching and e-mails see it
- `source_problem`: a problem of a source
- `source_status`: what people should know about the sources, as sentences
- `statements`: what is known of a paper beside its text
- `window_problems`: what people should know about feeds
- `window_store`: feeds in the store, and which of their entries were seen
- `windows`: what two readings of a feed tell
- `word_columns`: columns with one row a word of many papers
- `version_pairs`: preprints and the articles that they were published as
"""

from typing import TYPE_CHECKING, Any

from digest.papers.browse import (
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
from digest.papers.cache import PaperCache, listed_days, load_snapshots
from digest.papers.documents import build_documents
from digest.papers.events import retracted_paper_ids
from digest.papers.fetch_log import (
    latest_fetches,
    load_fetches,
    load_http_cache,
    load_window_fetches,
    record_fetch,
    store_http_cache,
)
from digest.papers.fulltext import INDEX_BATCH_SIZE, update_index
from digest.papers.history import POSSIBLY_DELIVERED, delivered_paper_ids, load_merged
from digest.papers.ingest import STALE_KINDS, StoreReport, store_listings, store_texts
from digest.papers.learned_acronyms import count_definitions, load_acronyms, read_acronyms, read_definitions
from digest.papers.links import (
    PaperPair,
    active_links,
    ambiguous_pairs,
    link_papers,
    load_names,
    unlink_papers,
)
from digest.papers.list_days import BACKFILL_DAYS, days_due, fetches_by_day, is_stale
from digest.papers.named_papers import find_named_papers
from digest.papers.pair_actions import (
    UNDOABLE_PAIR_ACTIONS,
    link_pair,
    rejoin_pair,
    separate_pair,
    undo_pair_action,
    unlink_pair,
)
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
from digest.papers.recent_candidates import find_latest_candidates, find_recent_candidates
from digest.papers.renumber import (
    has_released_papers,
    renumber_released_papers,
    renumbered_paper_ids,
    withhold_papers,
)
from digest.papers.search import (
    MAX_PAPER_ID,
    MatchCount,
    SearchOrder,
    SearchPage,
    SearchRequest,
    count_by_list_day,
    search_papers,
)
from digest.papers.separate import separated_pairs
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
from digest.papers.source_problem import SourceProblem
from digest.papers.source_status import lasting_notices, load_source_problems
from digest.papers.statements import (
    PaperNews,
    PaperStatement,
    RecentEvent,
    load_news,
    load_recent_events,
    load_statements,
)
from digest.papers.version_pairs import VersionPair, load_version_pairs, load_versions
from digest.papers.window_problems import describe_rare_reading
from digest.papers.window_store import (
    WindowEntry,
    is_due,
    known_entries,
    load_source_titles,
    load_titled_sources,
    store_entries,
    sync_feeds,
)
from digest.papers.windows import (
    WindowGap,
    find_open_gaps,
    first_rate,
    is_backlog,
    judge_window,
    last_rate,
    mean_rate,
    reading_interval,
    split_window,
)

if TYPE_CHECKING:
    from digest.papers.recent import RecentPapersIndex, Selection
    from digest.papers.suggestions import Correction, KeywordSuggester, PhraseSuggestions

__all__ = [
    "BACKFILL_DAYS",
    "INDEX_BATCH_SIZE",
    "MAX_PAPER_ID",
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
