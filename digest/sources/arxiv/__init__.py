"""arXiv.

- `atom`: parser of the daily feed
- `calendar`: list days, and what was submitted for them
- `query`: parser of the answers of the query API
- `source`: the daily feed, and the query API for texts and missed days
"""

from digest.sources.arxiv.calendar import submission_window
from digest.sources.arxiv.source import ArxivSource

__all__ = ["ArxivSource", "submission_window"]
