"""PubMed.

- `records`: records as papers
- `source`: the records that entered on a day
"""

from digest.sources.pubmed.records import (
    MAX_LINKS,
    NOTICE_RELATIONS,
    kind_of_types,
    parse_citation,
    parse_records,
    strip_title,
)
from digest.sources.pubmed.source import DIVIDERS, PubMedSource

__all__ = [
    "DIVIDERS",
    "MAX_LINKS",
    "NOTICE_RELATIONS",
    "PubMedSource",
    "kind_of_types",
    "parse_citation",
    "parse_records",
    "strip_title",
]
