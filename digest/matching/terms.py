"""Terms, the leaves of a query: words in a text, and conditions on the metadata of a paper.

Each term has a canonical text: equal for equal meanings, and itself a query of that meaning.
"""

import dataclasses
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from digest.matching.acronyms import Acronym
from digest.matching.normalize import BREAK, HYPHEN

TextField = Literal["any", "title", "abstract", "org", "subject"]
ACRONYM_SIGN = "\u2261"  # only in canonical texts
CAPITALS = range(2, 5)  # characters of a quoted word that matches in capitals only
_UNQUOTED_NAME = re.compile(r"[\w.]+\*?")


@dataclass(frozen=True)
class Phrase:
    """Words in this order, in one text.

    Exact: `words` are as entered but for case and accents, `separators` the gaps between them. Otherwise `words` are
    keys with the joinable ones already joined (fine tuning: one word, finetuning), and a separator says what a text
    must have there: SPACE a gap, HYPHEN a gap or nothing, BREAK a gap that may hold punctuation. A lone capital letter
    stays one: R is not r. Quoted, so do two to four: "WHO" is not who. With `prefix` the last word is only the
    beginning of one, and `tail` what follows it (neural net* pruning). `source_text` is the phrase as entered.

    A word that is an acronym has its long form with it, joined by ACRONYM_SIGN. Such a phrase, and one with "to", has
    several `forms` (text to sql, text2sql), each a phrase of plain words; any of them will do. A form with an acronym
    says so: a text may have no gap at its offsets `unbroken`, and `acronyms` is what a paper must not define otherwise.
    """

    words: tuple[str, ...]
    separators: tuple[str, ...]
    exact: bool = False
    field: TextField = "any"
    prefix: bool = False
    tail: "Phrase | None" = None
    source_text: str = dataclasses.field(default="", compare=False)
    forms: tuple["Phrase", ...] = dataclasses.field(default=(), compare=False)
    acronyms: tuple[Acronym, ...] = dataclasses.field(default=(), compare=False)
    unbroken: frozenset[int] = dataclasses.field(default=frozenset(), compare=False)

    @property
    def alternatives(self) -> "tuple[Phrase, ...]":
        """The phrases of plain words that this one is found by."""
        return self.forms or (self,)

    @cached_property
    def key(self) -> str:
        """String that an index finds it by."""
        if self.is_single_capital or self.is_capitals:
            return self.words[0].lower()
        separators = self.separators if self.exact else [""] * len(self.separators)
        return self.words[0] + "".join(map("".join, zip(separators, self.words[1:], strict=True)))

    @cached_property
    def separators_by_offset(self) -> dict[int, str]:
        """Separators by their offsets in the key."""
        separators, offset = {}, 0
        for word, separator in zip(self.words, self.separators, strict=False):
            offset += len(word)
            separators[offset] = separator
        return separators

    @cached_property
    def required_gaps(self) -> int:
        """Number of separators that a text may not close."""
        return sum(separator != HYPHEN for separator in self.separators)

    @property
    def is_in_text(self) -> bool:
        """True when it is looked for in title or abstract."""
        return self.field in {"any", "title", "abstract"}

    @property
    def is_single_capital(self) -> bool:
        return len(self.words) == len(self.words[0]) == 1 and self.words[0].isupper()

    @property
    def is_capitals(self) -> bool:
        """Whether this is a quoted word that matches in capitals only."""
        return self.exact and len(self.words) == 1 and is_capitals(self.words[0])

    @cached_property
    def spelling(self) -> str:
        """Canonical text without the field; distinguishes the phrases of an index of one text."""
        pairs = zip(self.separators, self.words[1:], strict=True)
        text = self.words[0] + "".join((", " if separator == BREAK else separator) + word for separator, word in pairs)
        if self.exact:
            return f'"{text}"'
        if self.prefix:
            return f"{text}* {self.tail.spelling}" if self.tail else f"{text}*"
        return text

    @cached_property
    def canonical(self) -> str:
        return self.spelling if self.field == "any" else f"{self.field}:{self.spelling}"


@dataclass(frozen=True)
class AuthorTerm:
    """Words of one author's name in this order, given name first; a single letter is an initial."""

    name: str
    source_text: str = dataclasses.field(default="", compare=False)

    @cached_property
    def canonical(self) -> str:
        return f"author:{_quote_name(self.name)}"


@dataclass(frozen=True)
class CategoryTerm:
    """One of the paper's categories. cs is all of computer science; with a star, all that begin so."""

    name: str

    @cached_property
    def canonical(self) -> str:
        return f"category:{_quote_name(self.name)}"

    def includes(self, category: str) -> bool:
        """Return whether a category (normalized) is the requested one or a part of it."""
        name, category = self.name.lower(), category.lower()
        if name.endswith("*"):
            return category.startswith(name[:-1])
        return category == name or category.startswith(f"{name}.")


@dataclass(frozen=True)
class SourceTerm:
    """The source that lists the paper, in lower case and without blanks: huggingface, arxiv."""

    name: str

    @cached_property
    def canonical(self) -> str:
        return f"source:{self.name}"


@dataclass(frozen=True)
class UpvotesTerm:
    """A comparison with the number of upvotes. A paper from a source without votes never matches."""

    operator: Literal[">=", "<", "="]
    count: int

    @cached_property
    def canonical(self) -> str:
        return f"upvotes{self.operator}{self.count}"

    def includes(self, upvotes: int) -> bool:
        """Return whether a number of upvotes satisfies the comparison."""
        if self.operator == "=":
            return upvotes == self.count
        return upvotes >= self.count if self.operator == ">=" else upvotes < self.count


@dataclass(frozen=True)
class HasCodeTerm:
    """Listings that name a repository."""

    @property
    def canonical(self) -> str:
        return "has:code"


@dataclass(frozen=True)
class JournalTerm:
    """Journal of this name (see `normalize_journal`); with a star, all whose names begin so."""

    name: str
    source_text: str = dataclasses.field(default="", compare=False)

    @cached_property
    def canonical(self) -> str:
        return f"journal:{_quote_name(self.name)}"

    @property
    def is_prefix(self) -> bool:
        return self.name.endswith("*")

    def includes(self, journal: str) -> bool:
        """Return whether a journal (normalized) is the requested one."""
        return journal.startswith(self.name[:-1]) if self.is_prefix else journal == self.name


@dataclass(frozen=True)
class DoiTerm:
    """DOI in normal form; the prefix of a publisher; with a star, all that begin so."""

    name: str

    @cached_property
    def canonical(self) -> str:
        return f"doi:{_quote_name(self.name)}"

    @property
    def beginning(self) -> str:
        """What the DOIs begin with that it includes; empty where it is one whole DOI."""
        if self.name.endswith("*"):
            return self.name[:-1]
        return "" if "/" in self.name else f"{self.name}/"

    def includes(self, doi: str) -> bool:
        """Return whether a DOI (normalized) is the requested one."""
        return doi.startswith(self.beginning) if self.beginning else doi == self.name


@dataclass(frozen=True)
class KindTerm:
    """Papers, or editorials: news, comments and obituaries, which only keywords with this term find."""

    kind: Literal["paper", "editorial"]

    @property
    def opposite(self) -> "KindTerm":
        return KindTerm("editorial" if self.kind == "paper" else "paper")

    @property
    def canonical(self) -> str:
        return f"kind:{self.kind}"


@dataclass(frozen=True)
class LikeTerm:
    """Papers that share words with one paper.

    `name`: identifier of that paper; `words`: its heaviest words with their weights, without any where they are not
    known, and then nothing matches; `phrases`: each word as it is looked for.
    """

    name: str
    words: tuple[tuple[str, int], ...] = ()
    phrases: tuple[Phrase, ...] = dataclasses.field(default=(), compare=False)

    @cached_property
    def canonical(self) -> str:
        words = ";".join(f"{word}^{weight}" for word, weight in self.words)
        return f'like:"{self.name} {words}"' if words else f'like:"{self.name}"'


MetadataTerm = AuthorTerm | CategoryTerm | SourceTerm | JournalTerm | DoiTerm | KindTerm | UpvotesTerm | HasCodeTerm
Term = Phrase | LikeTerm | MetadataTerm


def is_capitals(word: str) -> bool:
    """Return whether a word is of two to four capitals."""
    return len(word) in CAPITALS and word.isalpha() and word.isupper()


def _quote_name(name: str) -> str:
    return name if _UNQUOTED_NAME.fullmatch(name) else f'"{name}"'
