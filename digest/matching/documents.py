"""Papers as matching reads them, and an index of terms by the metadata that they ask for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from digest.matching.metadata import (
    ARXIV_DOI,
    matches_author,
    name_variants,
    normalize_author,
    normalize_category,
    normalize_doi,
    normalize_journal,
    normalize_source,
)
from digest.matching.phrases import PhraseIndex
from digest.matching.terms import (
    AuthorTerm,
    CategoryTerm,
    DoiTerm,
    HasCodeTerm,
    JournalTerm,
    KindTerm,
    Phrase,
    SourceTerm,
    Term,
    UpvotesTerm,
)

_LOCATIONS: dict[type, str] = {AuthorTerm: "author", CategoryTerm: "category", JournalTerm: "journal"}


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
    """Terms by the metadata that they ask for: each paper is looked up once, however many terms there are.

    Phrases are those of fields that are neither title nor abstract.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._authors: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._categories, self._sources = NameIndex(normalize_category), NameIndex(normalize_source)
        self._journals, self._dois, self._kinds = NameIndex(normalize_journal), NameIndex(str), NameIndex(str)
        self._upvotes: list[tuple[UpvotesTerm, int]] = []
        self._has_code: list[int] = []
        phrases: dict[str, list[tuple[Phrase, int]]] = {}
        for number, term in enumerate(terms):
            match term:
                case AuthorTerm():
                    for variant in name_variants(term.name):
                        self._authors.setdefault(max(variant, key=len), []).append((variant, number))
                case UpvotesTerm():
                    self._upvotes.append((term, number))
                case HasCodeTerm():
                    self._has_code.append(number)
                case Phrase():
                    phrases.setdefault(term.field, []).append((term, number))
                case _:
                    self._add_name(term, number)
        self._subjects, self._organizations = (FieldIndex(phrases.get(field, ())) for field in ("subject", "org"))

    def _add_name(self, term: Term, number: int) -> None:
        match term:
            case CategoryTerm():
                self._categories.add(number, includes=term.includes)
            case SourceTerm():
                self._sources.add(number, term.name)
            case JournalTerm():
                self._journals.add(number, "" if term.is_prefix else term.name, includes=term.includes)
            case DoiTerm():
                self._dois.add(number, "" if term.beginning else term.name, includes=term.includes)
            case KindTerm():
                self._kinds.add(number, term.kind)

    def matching_terms(self, document: PaperDocument) -> set[int]:
        """Return the numbers of the terms that match a paper."""
        numbers: set[int] = set(self._kinds.find((document.kind,)))
        for author in document.authors if self._authors else ():
            for name in _author_variants(author):
                # A term lies under its longest word; one of nothing but initials under its first.
                for word in {*name, *(word[:1] for word in name)}:
                    terms = self._authors.get(word, ())
                    numbers.update(number for requested, number in terms if matches_author(requested, name))
        numbers.update(self._categories.find(document.categories), self._sources.find(document.sources))
        numbers.update(self._journals.find((document.journal,)), self._organizations.find((document.organization,)))
        numbers.update(self._subjects.find(document.all_subjects))
        if self._dois:
            numbers.update(self._dois.find(document.dois))
        if document.code_url:
            numbers.update(self._has_code)
        if document.upvotes is not None:
            numbers.update(number for term, number in self._upvotes if term.includes(document.upvotes))
        return numbers


class NameIndex:
    """Terms by the names that they ask for. Each name of papers is looked up once: many papers have the same."""

    def __init__(self, normalize: Callable[[str], str]) -> None:
        self._normalize = normalize
        self._exact: dict[str, list[int]] = {}
        self._patterns: list[tuple[Callable[[str], bool], int]] = []
        self._cache: dict[str, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._patterns)

    def add(self, number: int, name: str = "", *, includes: Callable[[str], bool] | None = None) -> None:
        """Add a term that asks for one name, or for all that it includes."""
        if name:
            self._exact.setdefault(name, []).append(number)
        elif includes:
            self._patterns.append((includes, number))

    def find(self, names: Iterable[str | None]) -> Iterator[int]:
        """Yield the numbers of the terms that one of these names satisfies."""
        for name in names if self else ():
            if not name:
                continue
            if (cached := self._cache.get(name)) is None:
                normalized = self._normalize(name)
                found = (number for includes, number in self._patterns if includes(normalized))
                cached = self._cache[name] = [*self._exact.get(normalized, ()), *found]
            yield from cached


class FieldIndex:
    """Phrases of a field that is neither title nor abstract. Each text is looked up once."""

    def __init__(self, phrases: Sequence[tuple[Phrase, int]]) -> None:
        self._index = PhraseIndex([phrase for phrase, _ in phrases], prefilter=False)
        self._numbers = {self._index.phrase_number(phrase): number for phrase, number in phrases}
        self._cache: dict[str, set[int]] = {}

    def find(self, texts: Iterable[str | None]) -> Iterator[int]:
        """Yield the numbers of the terms of which one of these texts has the words."""
        for text in texts if self._numbers else ():
            if not text:
                continue
            if (cached := self._cache.get(text)) is None:
                occurrences = self._index.find(text)[0]
                cached = self._cache[text] = {self._numbers[phrase] for phrase, _, _ in occurrences}
            yield from cached


@lru_cache(maxsize=1 << 14)
def _author_variants(author: str) -> tuple[tuple[str, ...], ...]:
    return name_variants(normalize_author(author))


def term_location(term: Term) -> str:
    """Return what an explanation names for a term that is in neither title nor abstract."""
    if isinstance(term, Phrase):
        return "subject" if term.field == "subject" else "listing"
    return _LOCATIONS.get(type(term), "listing")
