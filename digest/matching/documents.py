"""Papers as matching reads them, and an index of terms by the metadata that they ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from digest.matching.author_names import matches_author, name_variants, normalize_author
from digest.matching.metadata_names import ARXIV_DOI, normalize_category, normalize_doi, normalize_source
from digest.matching.terms import AuthorTerm, CategoryTerm, HasCodeTerm, MetadataTerm, SourceTerm, UpvotesTerm

# What an explanation names for a term; for the other types it is "listing".
TERM_LOCATIONS: dict[type, str] = {AuthorTerm: "author", CategoryTerm: "category"}


@dataclass(frozen=True, slots=True)
class PaperDocument:
    """Title, abstract and metadata of a paper. `upvotes` is None where no source counts them.

    `sources` are the names of all who list it; each other field is copied from the column of that name.
    """

    id: int
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    journal: str | None = None
    organization: str | None = None
    kind: str = "paper"
    arxiv_id: str | None = None
    doi: str | None = None
    upvotes: int | None = None
    code_url: str | None = None
    sources: tuple[str, ...] = ()

    @classmethod
    def from_paper(cls, paper: object, sources: Sequence[str] = ()) -> Self:
        """Copy a stored paper, or another object with its attributes."""
        values = {name: getattr(paper, name) for name in cls.columns()}
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**values, sources=tuple(sources))

    @property
    def all_subjects(self) -> tuple[str, ...]:
        """What it is about in the words of all sources, arXiv's categories too."""
        return (*self.subjects, *self.categories)

    @property
    def dois(self) -> set[str]:
        """Its DOIs in normal form: that of a published version, and the one that arXiv gives."""
        names = (self.doi, f"{ARXIV_DOI}{self.arxiv_id}" if self.arxiv_id else None)
        return {doi for doi in (normalize_doi(name) for name in names if name) if doi}

    @classmethod
    def columns(cls) -> list[str]:
        """Return the names of the columns that matching reads."""
        return [name for name in cls.__dataclass_fields__ if name != "sources"]


class MetadataIndex:
    """Terms by the metadata that they ask for: each paper is looked up once, however many terms there are."""

    def __init__(self, terms: Sequence[MetadataTerm]) -> None:
        self._authors: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._categories: list[tuple[CategoryTerm, int]] = []
        self._category_cache: dict[str, list[int]] = {}
        self._sources: dict[str, list[int]] = {}
        self._upvotes: list[tuple[UpvotesTerm, int]] = []
        self._has_code: list[int] = []
        for number, term in enumerate(terms):
            match term:
                case AuthorTerm():
                    for variant in name_variants(term.name):
                        self._authors.setdefault(max(variant, key=len), []).append((variant, number))
                case CategoryTerm():
                    self._categories.append((term, number))
                case SourceTerm():
                    self._sources.setdefault(term.name, []).append(number)
                case UpvotesTerm():
                    self._upvotes.append((term, number))
                case HasCodeTerm():
                    self._has_code.append(number)

    def matching_terms(self, document: PaperDocument) -> set[int]:
        """Return the numbers of the terms that match a paper."""
        numbers: set[int] = set()
        for author in document.authors if self._authors else ():
            for name in _author_variants(author):
                # A term lies under its longest word; one of nothing but initials under its first.
                for word in {*name, *(word[:1] for word in name)}:
                    terms = self._authors.get(word, ())
                    numbers.update(number for requested, number in terms if matches_author(requested, name))
        for category in document.categories if self._categories else ():
            cached = self._category_cache.get(category)
            if cached is None:
                normalized = normalize_category(category)
                cached = [number for term, number in self._categories if term.includes(normalized)]
                self._category_cache[category] = cached
            numbers.update(cached)
        for source in document.sources if self._sources else ():
            numbers.update(self._sources.get(normalize_source(source), ()))
        if document.code_url:
            numbers.update(self._has_code)
        if document.upvotes is not None:
            numbers.update(number for term, number in self._upvotes if term.includes(document.upvotes))
        return numbers


@lru_cache(maxsize=1 << 14)
def _author_variants(author: str) -> tuple[tuple[str, ...], ...]:
    return name_variants(normalize_author(author))
