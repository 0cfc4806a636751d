"""Which paper a listing is: links between papers that are one, and pairs that stay apart.

- `links`: links between papers that are one, published versions, and notices
- `named_papers`: which stored paper somebody means who names it
- `pair_actions`: what an operator says about two papers, recorded, and how to undo it
- `renumber`: papers that a plan could not read, and their fresh numbers
- `resolve`: which paper a listing is
- `separate`: pairs that the operator keeps apart
- `version_pairs`: preprints and the articles that they were published as
"""

from digest.papers.identity.links import (
    OPTIONAL_FIELDS,
    PaperPair,
    active_links,
    ambiguous_pairs,
    link_papers,
    load_names,
    unlink_papers,
)
from digest.papers.identity.named_papers import find_named_papers
from digest.papers.identity.pair_actions import (
    UNDOABLE_PAIR_ACTIONS,
    link_pair,
    rejoin_pair,
    separate_pair,
    undo_pair_action,
    unlink_pair,
)
from digest.papers.identity.renumber import (
    has_released_papers,
    renumber_released_papers,
    renumbered_paper_ids,
    withhold_papers,
)
from digest.papers.identity.resolve import Resolver, find_owners
from digest.papers.identity.separate import separated_pairs
from digest.papers.identity.version_pairs import VersionPair, load_version_pairs, load_versions

__all__ = [
    "OPTIONAL_FIELDS",
    "UNDOABLE_PAIR_ACTIONS",
    "PaperPair",
    "Resolver",
    "VersionPair",
    "active_links",
    "ambiguous_pairs",
    "find_named_papers",
    "find_owners",
    "has_released_papers",
    "link_pair",
    "link_papers",
    "load_names",
    "load_version_pairs",
    "load_versions",
    "rejoin_pair",
    "renumber_released_papers",
    "renumbered_paper_ids",
    "separate_pair",
    "separated_pairs",
    "undo_pair_action",
    "unlink_pair",
    "unlink_papers",
    "withhold_papers",
]
