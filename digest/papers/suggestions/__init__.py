"""Suggestions for keywords, from the recent papers.

- `corrections`: other wordings of a keyword that finds nothing
- `phrase_edges`: words that no suggested phrase begins or ends with
- `phrase_table`: phrases of many papers, with the papers that have them
- `related`: phrases that belong to what keywords find
- `suggester`: suggestions for keywords, cached
"""

from digest.papers.suggestions.corrections import Correction
from digest.papers.suggestions.suggester import KeywordSuggester, PhraseSuggestions

__all__ = ["Correction", "KeywordSuggester", "PhraseSuggestions"]
