"""What a reader wrote, understood: phrases and what the listing says, joined by AND, OR and NOT.

Consecutive words are one phrase; AND binds tighter than OR; `a NOT b` and `a -b` are `a ANDNOT b`. Round brackets
around words alone are punctuation ("large language models (LLMs)"), around anything else they group. A dash before
the whole line makes an exclusion. Whatever has no meaning is refused with its place: no keyword is ever ignored, or
turned into something else.

Who asked for letters, what they asked for, and (in `links`) the links that prove it is they.

    pending ──confirm──> active <──resume── paused
       │                   │ └────pause──────^
       │                   └──unsubscribe──> unsubscribed ──subscribe again──> pending
       │                                          └──undo, for 30 days──> active
       └──a hard bounce, a final refusal or a complaint──> suppressed

Everything here works inside the caller's transaction.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

from digest.matching.expressions import And, Node, Not, Or, depth, iter_terms, normal
from digest.matching.lexer import Kind, cut, is_plain, readable
from digest.matching.parser import QueryLimits, Sentence
from digest.matching.phrases import bare, refused
from digest.matching.terms import Phrase, Term


@dataclass(frozen=True)
class Query:
    """A keyword as written, and what it means. `exclude`: its reader gets no paper that it finds."""

    text: str
    root: Node
    exclude: bool = False

    @cached_property
    def canonical(self) -> str:
        """Equal for equal meanings, and itself a query of that meaning."""
        if not self.exclude:
            return self.root.canonical
        plain = not isinstance(self.root, And | Or | Not)
        return f"-{self.root.canonical}" if plain else f"-({self.root.canonical})"

    @property
    def terms(self) -> tuple[Term, ...]:
        """The leaves of the tree, those under NOT too."""
        return tuple(leaf for leaf, _ in iter_terms(self.root))

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        return tuple(leaf for leaf in self.terms if isinstance(leaf, Phrase))


DEFAULT_LIMITS = QueryLimits()


CACHED_QUERIES = 4096  # queries that `recall` remembers


MAX_LIMITS = QueryLimits(
    characters=20_000, terms=1000, nesting=60
)  # what a setting may allow, and room for canonical forms


def is_exclusion(canonical: str) -> bool:
    """Whether a canonical text is that of an exclusion, without reading all of it again."""
    return canonical.startswith("-")


@lru_cache(maxsize=CACHED_QUERIES)
def parse_canonical(canonical: str) -> Query:
    """Read what was accepted once, whatever the limits are today."""
    return parse(canonical, MAX_LIMITS)


def parse(text: str, limits: QueryLimits = DEFAULT_LIMITS) -> Query:
    """Read one keyword. Raises QueryError, which points at the place, for everything that is none."""
    line = readable(text, limits.characters)
    if is_plain(line):
        start = len(line) - len(line.lstrip())
        return Query(text.strip(), bare(line[start:], start))
    tokens = cut(line)
    exclude = tokens[0].kind is Kind.DASH
    sentence = Sentence(line, tokens, limits, exclude=exclude)
    root = normal(sentence.excluded() if exclude else sentence.whole())
    query = Query(text.strip(), root, exclude)
    if len(query.canonical) > limits.characters or depth(root) > limits.nesting - exclude:
        raise refused("too long", 0, f"written out in full it has more than {limits.characters} characters or brackets")
    return query


@dataclass(frozen=True, slots=True)
class KeywordInput:
    """A keyword to be kept: as the reader wrote it, and its canonical form."""

    text: str
    canonical: str
