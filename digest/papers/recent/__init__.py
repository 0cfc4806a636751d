"""Index of the papers of the last list days, in memory.

- `defined_forms`: other forms of phrases in papers that define an acronym
- `index`: index of the papers of the last list days, in memory, so that a preview takes milliseconds
- `positional_index`: positions of each word in many papers
- `word_columns`: columns with one row a word of many papers
"""

from digest.papers.recent.index import RecentPapersIndex, Selection
from digest.papers.recent.word_columns import (
    BLOCK_ROWS,
    GAP_MASK,
    GAPS,
    SMALL_FLAG,
    TITLE_FLAG,
    Column,
    WordColumns,
    find_papers,
)

__all__ = [
    "BLOCK_ROWS",
    "GAPS",
    "GAP_MASK",
    "SMALL_FLAG",
    "TITLE_FLAG",
    "Column",
    "RecentPapersIndex",
    "Selection",
    "WordColumns",
    "find_papers",
]
