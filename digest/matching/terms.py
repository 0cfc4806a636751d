"""What a query is made of: words in a text, and what the listing says of a paper.

Each leaf has a canonical text: equal for equal meanings, and itself a query of that meaning.
"""

import dataclasses
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from digest.matching.normalize import BREAK, HYPHEN

Field = Literal["any", "title", "abstract", "org"]


_SIMPLE = re.compile(r"[\w.]+\*?")


@dataclass(frozen=True)
class Phrase:
    """Words in this order, in one text.

    Exact: `words` are as written but for case and accents, `joints` the gaps between them. Else `words` are keys
    with the joinable ones already joined (fine tuning: one word, finetuning), and a joint says what a text must
    have there: SPACE a gap, HYPHEN a gap or nothing, BREAK a gap that may hold punctuation. A lone capital letter
    is kept as such: the reader of R does not mean r. With `prefix` the last word is only the beginning of one.
    """

    words: tuple[str, ...]
    separators: tuple[str, ...]
    exact: bool = False
    field: Field = "any"
    prefix: bool = False
    source_text: str = dataclasses.field(default="", compare=False)

    @cached_property
    def key(self) -> str:
        """What the index knows it by."""
        if self.exact and not self.is_capital_letter:
            return self.words[0] + "".join(
                joint + word for joint, word in zip(self.separators, self.words[1:], strict=True)
            )
        return "".join(self.words).lower() if self.is_capital_letter else "".join(self.words)

    @cached_property
    def separators_by_offset(self) -> dict[int, str]:
        """Its joints by their places in the key."""
        joints, place = {}, 0
        for word, joint in zip(self.words, self.separators, strict=False):
            place += len(word)
            joints[place] = joint
        return joints

    @cached_property
    def apart(self) -> int:
        """How many of its joints a text may not close."""
        return sum(joint != HYPHEN for joint in self.separators)

    @property
    def is_capital_letter(self) -> bool:
        return len(self.words) == len(self.words[0]) == 1 and self.words[0].isupper()

    @cached_property
    def spelling(self) -> str:
        """Its canonical text without the field: what an index of one text tells phrases apart by."""
        pairs = zip(self.separators, self.words[1:], strict=True)
        text = self.words[0] + "".join((", " if joint == BREAK else joint) + word for joint, word in pairs)
        if self.exact:
            return f'"{text}"'
        return text + "*" if self.prefix else text

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
        return f"author:{_quoted(self.name)}"


@dataclass(frozen=True)
class CategoryTerm:
    """One of the paper's categories. cs is all of computer science; with a star, all that begin so."""

    name: str

    @cached_property
    def canonical(self) -> str:
        return f"category:{_quoted(self.name)}"


@dataclass(frozen=True)
class SourceTerm:
    """Who lists the paper, in small letters and without blanks: huggingface, arxiv."""

    name: str

    @cached_property
    def canonical(self) -> str:
        return f"source:{self.name}"


@dataclass(frozen=True)
class UpvotesTerm:
    """How many upvotes the listing counts. A paper from a list without votes is never found by them."""

    operator: Literal[">=", "<", "="]
    count: int

    @cached_property
    def canonical(self) -> str:
        return f"upvotes{self.operator}{self.count}"


@dataclass(frozen=True)
class HasCode:
    """The listing names a repository."""

    @property
    def canonical(self) -> str:
        return "has:code"


MetadataTerm = AuthorTerm | CategoryTerm | SourceTerm | UpvotesTerm | HasCode


Term = Phrase | MetadataTerm


def _quoted(name: str) -> str:
    return name if _SIMPLE.fullmatch(name) else f'"{name}"'
