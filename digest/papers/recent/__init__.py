"""Index of the papers of the last list days, in memory, and their phrases.

- `defined_forms`: other forms of phrases in papers that define an acronym
- `index`: index of the papers of the last list days, in memory, so that a preview takes milliseconds
- `phrase_edges`: words that no suggested phrase begins or ends with
- `phrase_table`: phrases of many papers, with the papers that have them
- `positional_index`: positions of each word in many papers
- `word_columns`: columns with one row a word of many papers
"""

from digest.papers.recent.index import RecentPapersIndex, Selection
from digest.papers.recent.phrase_edges import GENERIC_WORDS, may_begin, may_end
from digest.papers.recent.phrase_table import PhraseTable, build_phrase_table
from digest.papers.recent.word_columns import Column

__all__ = [
    "GENERIC_WORDS",
    "Column",
    "PhraseTable",
    "RecentPapersIndex",
    "Selection",
    "build_phrase_table",
    "may_begin",
    "may_end",
]
