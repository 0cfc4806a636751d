"""Fetch listings of papers, politely, from the hosts that publish them.

- `arxiv`: arXiv's daily feed, and its query API for texts and missed days
- `atom`: parsers of arXiv's XML
- `base`: listed papers, answers, and the protocol that every source fulfills
- `entries`: entries of an answer as papers, within a bound
- `http`: the HTTP client that all sources share
- `huggingface`: Hugging Face's Daily Papers
- `latex`: LaTeX markup as readable Unicode
- `latex_symbols`: tables of LaTeX macros and accents
- `registry`: the list of sources, and their creation from settings
- `text`: cleaning of titles, abstracts, names and links
- `throttle`: request intervals and pauses of hosts, and the rule for redirects
- `xml`: XML documents from outside, repaired where they have faults

A new source is one module here and one entry in `registry.SOURCES`.
"""

from digest.sources.arxiv import ArxivSource, submission_window
from digest.sources.base import AnswerPart, HttpValidators, ListedPaper, Source, SourceAnswer
from digest.sources.http import RetryPolicy, SourceClient
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.registry import SOURCES, build_sources
from digest.sources.text import clean_text
from digest.sources.throttle import HostThrottle

__all__ = [
    "SOURCES",
    "AnswerPart",
    "ArxivSource",
    "HostThrottle",
    "HttpValidators",
    "HuggingFaceSource",
    "ListedPaper",
    "RetryPolicy",
    "Source",
    "SourceAnswer",
    "SourceClient",
    "build_sources",
    "clean_text",
    "submission_window",
]
