"""Fetch listings of papers, politely, from the hosts that publish them.

- `answers`: answers of sources that may be anybody's
- `arxiv`: arXiv's daily feed, and its query API for texts and missed days
- `base`: listed papers, answers, and the protocols that sources fulfill
- `biorxiv`: bioRxiv and medRxiv
- `crossref`: works that journals registered, notices, and missing abstracts
- `entries`: entries of an answer as papers, within a bound
- `europepmc`: Europe PMC
- `feeds`: any feed of a journal, preprint server or blog
- `http`: the HTTP client that all sources share
- `huggingface`: Hugging Face's Daily Papers
- `messages`: sentences about what cannot be used
- `paging`: lists that come in pages, and whether all of them came
- `pubmed`: PubMed
- `registry`: the installed sources, and their creation from settings
- `testing`: the contract of a source, for the tests of its author
- `text`: LaTeX, HTML, JATS and MathML as readable Unicode; names, links and terms
- `xml`: XML documents from outside, repaired where they have faults

A new source is one module, here or in a package of its own, and one entry point of the group `digest.sources`.
"""

from typing import TYPE_CHECKING, Any

from digest.sources.answers import read_answer
from digest.sources.arxiv import ArxivSource, submission_window
from digest.sources.base import (
    AdvisingSource,
    AnswerPart,
    ArchivedWindowSource,
    DayListSource,
    FeedGap,
    GapSource,
    ListedPaper,
    ProbedSource,
    Source,
    SourceAdvice,
    SourceAnswer,
    TextSource,
    Window,
    WindowFacts,
    WindowSource,
    window_names,
)
from digest.sources.entries import ParsedEntries, parse_entries
from digest.sources.http import HostThrottle, HttpValidators, RetryPolicy, SourceClient
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.paging import Page, PagedEntries, parse_total, read_by_cursor, read_by_offset
from digest.sources.registry import (
    SOURCE_API,
    SourceFault,
    build_sources,
    check_source_settings,
    find_load_errors,
    find_overlaps,
    find_unread,
    installed_sources,
    listing_titles,
    load_source,
    loaded_sources,
    read_settings_of,
    source_variables,
)
from digest.sources.text import clean_sections, clean_text, format_name, parse_authors

if TYPE_CHECKING:
    from digest.sources.feeds.trial import FeedTrial, try_feed

__all__ = [
    "SOURCE_API",
    "AdvisingSource",
    "AnswerPart",
    "ArchivedWindowSource",
    "ArxivSource",
    "DayListSource",
    "FeedGap",
    "FeedTrial",
    "GapSource",
    "HostThrottle",
    "HttpValidators",
    "HuggingFaceSource",
    "ListedPaper",
    "Page",
    "PagedEntries",
    "ParsedEntries",
    "ProbedSource",
    "RetryPolicy",
    "Source",
    "SourceAdvice",
    "SourceAnswer",
    "SourceClient",
    "SourceFault",
    "TextSource",
    "Window",
    "WindowFacts",
    "WindowSource",
    "build_sources",
    "check_source_settings",
    "clean_sections",
    "clean_text",
    "find_load_errors",
    "find_overlaps",
    "find_unread",
    "format_name",
    "installed_sources",
    "listing_titles",
    "load_source",
    "loaded_sources",
    "parse_authors",
    "parse_entries",
    "parse_total",
    "read_answer",
    "read_by_cursor",
    "read_by_offset",
    "read_settings_of",
    "source_variables",
    "submission_window",
    "try_feed",
    "window_names",
]


def __getattr__(name: str) -> Any:
    """Import the trial of feeds on first use: the parser of feeds takes time and memory that most processes spare."""
    if name in {"FeedTrial", "try_feed"}:
        from digest.sources.feeds import trial

        return getattr(trial, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
