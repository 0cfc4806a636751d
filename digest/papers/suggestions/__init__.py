"""Suggestions for keywords, from the recent papers.

- `corrections`: other wordings of a keyword that finds nothing
- `related`: phrases that belong to what keywords find
- `suggester`: suggestions for keywords, cached
"""

from digest.papers.suggestions.corrections import Correction
from digest.papers.suggestions.suggester import KeywordSuggester, PhraseSuggestions

__all__ = ["Correction", "KeywordSuggester", "PhraseSuggestions"]
