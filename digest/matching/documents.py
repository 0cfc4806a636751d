"""What the listing says of a paper: authors, categories, sources, upvotes, code. A paper as matching sees it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

from digest.matching.author_names import is_named, name_variants, normalize_author
from digest.matching.terms import AuthorTerm, CategoryTerm, HasCode, MetadataTerm, SourceTerm, UpvotesTerm


class Stored(Protocol):
    """A paper as the store keeps it, as far as matching reads it."""

    id: int | None
    title: str
    abstract: str
    organization: str | None
    upvotes: int | None
    code_url: str | None

    @property
    def authors(self) -> Sequence[str]: ...
    @property
    def categories(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class PaperDocument:
    """A paper as far as matching looks at it. `upvotes` is None where nobody counts them."""

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
    def from_paper(cls, paper: Stored, sources: Sequence[str] = ()) -> Self:
        """A stored paper, with the names of those who list it."""
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


PLACES: dict[type[MetadataTerm], str] = {
    AuthorTerm: "author",
    CategoryTerm: "category",
}  # of the others we say "listing"


class Listings:
    """Many questions to listings. Each paper asks once for its names and categories, however many leaves there are."""

    def __init__(self, leaves: Sequence[MetadataTerm]) -> None:
        self._authors: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._categories: list[tuple[str, int]] = []
        self._sources: dict[str, list[int]] = {}
        self._upvotes: list[tuple[UpvotesTerm, int]] = []
        self._code: list[int] = []
        self._known: dict[str, list[int]] = {}
        for number, leaf in enumerate(leaves):
            self._add(leaf, number)

    def _add(self, leaf: MetadataTerm, number: int) -> None:
        match leaf:
            case AuthorTerm():
                for asked in name_variants(leaf.name):
                    self._authors.setdefault(max(asked, key=len), []).append((asked, number))
            case CategoryTerm():
                self._categories.append((leaf.name.lower(), number))
            case SourceTerm():
                self._sources.setdefault(leaf.name, []).append(number)
            case UpvotesTerm():
                self._upvotes.append((leaf, number))
            case HasCode():
                self._code.append(number)

    def found(self, document: PaperDocument) -> set[int]:
        """Numbers of the leaves that hold for a paper."""
        found = set(self._named(document.authors)) if self._authors else set()
        if self._categories:
            found.update(number for category in document.categories for number in self._within(category))
        if self._sources:
            found.update(number for source in document.sources for number in self._sources.get(source_name(source), ()))
        if document.has_code:
            found.update(self._code)
        if document.upvotes is not None:
            found.update(number for leaf, number in self._upvotes if counts(leaf, document.upvotes))
        return found

    def _named(self, authors: Sequence[str]) -> Iterator[int]:
        for author in authors:
            for name in _name(author):
                for word in self._asked_by(name):
                    for asked, number in self._authors.get(word, ()):
                        if is_named(asked, name):
                            yield number

    def _asked_by(self, name: tuple[str, ...]) -> set[str]:
        """The words that leaves with this name may be kept under; a leaf of nothing but initials has its first."""
        return {*name, *(word[:1] for word in name)}

    def _within(self, category: str) -> list[int]:
        numbers = self._known.get(category)
        if numbers is None:
            name = normalize_category(category).lower()
            numbers = [number for asked, number in self._categories if is_in(asked, name)]
            self._known[category] = numbers
        return numbers


@lru_cache(maxsize=1 << 14)
def _name(author: str) -> tuple[tuple[str, ...], ...]:
    return name_variants(normalize_author(author))


def counts(leaf: UpvotesTerm, upvotes: int) -> bool:
    if leaf.operator == "=":
        return upvotes == leaf.count
    return upvotes >= leaf.count if leaf.operator == ">=" else upvotes < leaf.count


def is_in(asked: str, category: str) -> bool:
    """Whether a category (both in small letters) is the one asked for or a part of it."""
    if asked.endswith("*"):
        return category.startswith(asked[:-1])
    return category == asked or category.startswith(f"{asked}.")


def normalize_category(written: str) -> str:
    """cs.CL as arXiv writes it: the archive small, a subject of two letters in capitals. cs.* is cs."""
    name = " ".join(written.replace("_", " ").lower().removesuffix(".*").split())
    archive, dot, subject = name.partition(".")
    return f"{archive}.{subject.upper()}" if dot and len(subject) == 2 and subject.isalpha() else name  # noqa: PLR2004


def source_name(written: str) -> str:
    """The same for hugging face, Hugging-Face and huggingface."""
    return "".join(char for char in written.lower() if char.isalnum())
