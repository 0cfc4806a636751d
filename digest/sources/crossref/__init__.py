"""Crossref.

- `source`: what was registered on a day, notices about papers, and missing abstracts
- `works`: works as papers
"""

from digest.sources.crossref.source import PAGE_SIZE, CrossrefSource
from digest.sources.crossref.works import parse_work

__all__ = ["PAGE_SIZE", "CrossrefSource", "parse_work"]
