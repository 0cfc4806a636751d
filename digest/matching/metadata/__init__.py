"""Names of authors, categories, sources and journals in the forms that are compared.

- `author_names`: names of authors in a normal form, and their comparison
- `categories`: the categories of arXiv
- `names`: names of categories, sources, journals and DOIs in the forms that are compared
"""

from digest.matching.metadata.author_names import matches_author, name_variants, normalize_author
from digest.matching.metadata.categories import DIVIDED_ARCHIVES, is_arxiv_category, is_misspelled_category
from digest.matching.metadata.names import (
    ARXIV_DOI,
    normalize_category,
    normalize_doi,
    normalize_journal,
    normalize_source,
)

__all__ = [
    "ARXIV_DOI",
    "DIVIDED_ARCHIVES",
    "is_arxiv_category",
    "is_misspelled_category",
    "matches_author",
    "name_variants",
    "normalize_author",
    "normalize_category",
    "normalize_doi",
    "normalize_journal",
    "normalize_source",
]
