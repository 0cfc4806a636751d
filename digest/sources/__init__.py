"""sources."""

from digest.sources.arxiv import ArxivSource, submission_window
from digest.sources.base import ListedPaper, Source, SourceAnswer
from digest.sources.http import SourceClient
from digest.sources.registry import build_sources
from digest.sources.text import clean_text

__all__ = [
    "ArxivSource",
    "ListedPaper",
    "Source",
    "SourceAnswer",
    "SourceClient",
    "build_sources",
    "clean_text",
    "submission_window",
]
