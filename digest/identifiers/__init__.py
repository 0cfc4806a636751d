"""What tells that two entries are one paper: identifiers, titles, first authors. Pure.

- `normalize`: identifiers in their normal form
- `same_paper`: whether two papers are one, and how they are related
- `titles`: keys by which titles and first authors are compared, and what kind a title speaks of
"""

from digest.identifiers.normalize import (
    EXCLUSIVE_SCHEMES,
    Identifier,
    normalize_identifier,
    parse_arxiv_id,
)
from digest.identifiers.same_paper import (
    LinkRelation,
    LinkRule,
    PaperIdentity,
    StatedLink,
    compare_by_identifiers,
    compare_by_title,
    contradict,
)
from digest.identifiers.titles import PaperKind, author_key, kind_of_title, title_key

__all__ = [
    "EXCLUSIVE_SCHEMES",
    "Identifier",
    "LinkRelation",
    "LinkRule",
    "PaperIdentity",
    "PaperKind",
    "StatedLink",
    "author_key",
    "compare_by_identifiers",
    "compare_by_title",
    "contradict",
    "kind_of_title",
    "normalize_identifier",
    "parse_arxiv_id",
    "title_key",
]
