"""Whether two papers are one, and how they are related.

In doubt they stay two: a paper that is lost is worse than one that comes twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from digest.identifiers.normalize import EXCLUSIVE_SCHEMES, Identifier
from digest.identifiers.titles import PaperKind, title_words

MIN_CHARACTERS_WITHOUT_AUTHORS, MIN_WORDS_WITHOUT_AUTHORS = 40, 5
# Names that articles have, and preprints only beside those of their server.
_ARTICLE_SCHEMES = frozenset({"pmid", "pmcid", "acl", "pii"})


class LinkRelation(StrEnum):
    """What one paper is to another: the same, the preprint that was published as it, or a notice about it."""

    SAME = "same"
    PUBLISHED = "published"
    RETRACTS = "retracts"
    CORRECTS = "corrects"
    CONCERNS = "concerns"
    COMMENTS = "comments"


class LinkRule(StrEnum):
    """What a link was made by: an entry that names both, a statement of a source, the title, or the operator."""

    IDENTIFIERS = "identifiers"
    SOURCE = "source"
    TITLE = "title"
    OPERATOR = "operator"


class StatedLink(NamedTuple):
    """What a source says of an entry and another paper: it was published as that one, or retracts that one.

    `is_reversed`: that one is the preprint, or the notice. `venue`: where it was published, `stated_on`: when, both
    only where the source says so.
    """

    relation: LinkRelation
    identifier: Identifier
    is_reversed: bool = False
    venue: str = ""
    stated_on: date | None = None


@dataclass(frozen=True, slots=True)
class PaperIdentity:
    """What is compared of a paper. `author` is the key of the first author, empty where none is named."""

    identifiers: frozenset[Identifier]
    title: str = ""
    author: str = ""
    year: int | None = None
    kind: str = PaperKind.PAPER

    def values(self, scheme: str) -> set[str]:
        """Return its identifiers of one scheme."""
        return {identifier.value for identifier in self.identifiers if identifier.scheme == scheme}

    @property
    def is_preprint(self) -> bool:
        """True if a preprint server named it."""
        return any(identifier.is_preprint for identifier in self.identifiers)

    @property
    def is_article(self) -> bool:
        """True if a journal or conference named it, and no preprint server."""
        return not self.is_preprint and any(
            identifier.scheme == "doi" or identifier.scheme in _ARTICLE_SCHEMES for identifier in self.identifiers
        )


def contradict(one: Iterable[Identifier], other: Iterable[Identifier]) -> bool:
    """Return whether each side has an identifier of an exclusive scheme and none of them is equal."""
    by_scheme: dict[str, set[str]] = {}
    for identifier in one:
        if identifier.scheme in EXCLUSIVE_SCHEMES:
            by_scheme.setdefault(identifier.scheme, set()).add(identifier.value)
    others: dict[str, set[str]] = {}
    for identifier in other:
        if identifier.scheme in by_scheme:
            others.setdefault(identifier.scheme, set()).add(identifier.value)
    return any(not by_scheme[scheme] & values for scheme, values in others.items())


def compare_by_identifiers(one: PaperIdentity, other: PaperIdentity) -> LinkRelation | None:
    """Return whether two papers are the same that one entry has named both."""
    if contradict(one.identifiers, other.identifiers) or _have_two_dois(one, other):
        return None
    return LinkRelation.SAME


def compare_by_title(one: PaperIdentity, other: PaperIdentity) -> LinkRelation | None:
    """Return how two papers with equal title keys are related. None: not at all, or that cannot be told.

    A published version has its preprint's title often, and another identity always.
    """
    if {one.kind, other.kind} != {PaperKind.PAPER} or contradict(one.identifiers, other.identifiers):
        return None
    if one.year and other.year and abs(one.year - other.year) > 1:
        return None
    is_publication = (one.is_preprint and other.is_article) or (one.is_article and other.is_preprint)
    if not one.author or not other.author:
        words = title_words(one.title)
        is_telling = (
            len(words) >= MIN_WORDS_WITHOUT_AUTHORS
            and sum(char.isalpha() for word in words for char in word) >= MIN_CHARACTERS_WITHOUT_AUTHORS
        )
        return LinkRelation.PUBLISHED if is_publication and is_telling else None
    if one.author != other.author:
        return None
    if is_publication:
        return LinkRelation.PUBLISHED
    return None if _have_two_dois(one, other) or (one.is_preprint and other.is_preprint) else LinkRelation.SAME


def _have_two_dois(one: PaperIdentity, other: PaperIdentity) -> bool:
    dois, other_dois = one.values("doi"), other.values("doi")
    return bool(dois and other_dois and not dois & other_dois)
