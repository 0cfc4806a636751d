"""Papers as matching reads them, and an index of terms by the metadata that they ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

from digest.matching.author_names import matches_author, name_variants, normalize_author
from digest.matching.terms import AuthorTerm, CategoryTerm, HasCodeTerm, MetadataTerm, SourceTerm, UpvotesTerm

# What an explanation names for a term; for the other types it is "listing".
TERM_LOCATIONS: dict[type, str] = {AuthorTerm: "author", CategoryTerm: "category"}


class StoredPaper(Protocol):
    """The attributes of a stored paper that matching reads."""

    @property
    def id(self) -> int | None: ...
    @property
    def title(self) -> str: ...
    @property
    def abstract(self) -> str: ...
    @property
    def organization(self) -> str | None: ...
    @property
    def upvotes(self) -> int | None: ...
    @property
    def code_url(self) -> str | None: ...
    @property
    def authors(self) -> Sequence[str]: ...
    @property
    def categories(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class PaperDocument:
    """Title, abstract and metadata of a paper. `upvotes` is None where no source counts them."""

    id: int
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    organization: str = ""
    upvotes: int | None = None
    has_code: bool = False

    @classmethod
    def from_paper(cls, paper: StoredPaper, sources: Sequence[str] = ()) -> Self:
        """Convert a stored paper. `sources`: the names of those that list it."""
        return cls(
            id=paper.id or 0,
            title=paper.title,
            abstract=paper.abstract,
            authors=tuple(paper.authors),
            categories=tuple(paper.categories),
            sources=tuple(sources),
            organization=paper.organization or "",
            upvotes=paper.upvotes,
            has_code=bool(paper.code_url),
        )


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
        if document.has_code:
            numbers.update(self._has_code)
        if document.upvotes is not None:
            numbers.update(number for term, number in self._upvotes if term.includes(document.upvotes))
        return numbers


@lru_cache(maxsize=1 << 14)
def _author_variants(author: str) -> tuple[tuple[str, ...], ...]:
    return name_variants(normalize_author(author))


def normalize_category(text: str) -> str:
    """Return a category as arXiv writes it: the archive in lower case, a subject of two letters in capitals.

    cs.* is cs.
    """
    name = " ".join(text.replace("_", " ").lower().removesuffix(".*").split())
    archive, dot, subject = name.partition(".")
    return f"{archive}.{subject.upper()}" if dot and len(subject) == 2 and subject.isalpha() else name  # noqa: PLR2004


def normalize_source(text: str) -> str:
    """Return the same name for hugging face, Hugging-Face and huggingface."""
    return "".join(char for char in text.lower() if char.isalnum())
