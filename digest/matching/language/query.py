"""Keywords parsed into queries: phrases and conditions on metadata, joined by AND, OR and NOT.

Consecutive words are one phrase; AND binds tighter than OR; `a NOT b` and `a -b` are `a ANDNOT b`. Parentheses around
words alone are punctuation ("large language models (LLMs)"), around anything else they group. A dash before the whole
line makes an exclusion. Whatever has no meaning is refused with its position: no keyword is ever ignored, or turned
into something else.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Self

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.acronyms import AcronymTable, shipped_acronyms
from digest.matching.language.expressions import And, Node, Not, Or, iter_terms, join_operands, nesting_depth, normalize
from digest.matching.language.foreign import convert, find_foreign
from digest.matching.language.lexer import TokenKind, is_plain_text, normalize_line, tokenize
from digest.matching.language.parser import Parser, QueryLimits
from digest.matching.metadata import normalize_source
from digest.matching.phrases import parse_phrase, syntax_error
from digest.matching.terms import KindTerm, Phrase, SourceTerm, Term

DEFAULT_LIMITS = QueryLimits()
MAX_LIMITS = QueryLimits(characters=20_000, terms=1000, nesting=60)  # of a setting; has room for canonical forms
CACHED_QUERIES = 4096


@dataclass(frozen=True)
class Query:
    """Parsed keyword. `text` is the keyword as entered; papers that match an exclusion are never sent.

    Queries are equal when they mean the same, however they were entered.
    """

    text: str = field(compare=False)
    root: Node
    exclude: bool = False

    @cached_property
    def canonical(self) -> str:
        """Text that is equal for equal meanings, and itself a query of that meaning."""
        if not self.exclude:
            return self.root.canonical
        is_term = not isinstance(self.root, And | Or | Not)
        return f"-{self.root.canonical}" if is_term else f"-({self.root.canonical})"

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the expression, those under NOT too."""
        return tuple(term for term, _ in iter_terms(self.root))

    @property
    def finds_editorials(self) -> bool:
        """True when it asks for editorials, or keeps them away. All other queries find papers only."""
        return self.exclude or KindTerm("editorial") in self.terms

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        return tuple(term for term in self.terms if isinstance(term, Phrase))


@dataclass(frozen=True, slots=True)
class KeywordInput:
    """Keyword to be stored: as entered, and its canonical form. A muted one is kept and brings no papers."""

    text: str
    canonical: str
    is_muted: bool = False

    @classmethod
    def from_query(cls, query: Query) -> Self:
        """Return a parsed keyword for storing. Raises QueryError unless its canonical form is read as the same query.

        What is stored is read for all subscribers together, so a text that cannot be read must never get there.
        """
        try:
            is_same = parse_canonical(query.canonical) == query
        except QueryError:
            is_same = False
        if not is_same:
            raise QueryError(messages.NOT_STORABLE, position=1)
        return cls(query.text, query.canonical)


def _asks_for_editorials(node: Node) -> bool:
    return any(
        (term if is_positive else term.opposite).kind == "editorial"
        for term, is_positive in iter_terms(node)
        if isinstance(term, KindTerm)
    )


def restrict_to_sources(keyword: KeywordInput, sources: Collection[str]) -> KeywordInput:
    """Return a keyword that finds only what one of these sources lists. Without sources, and for exclusions, itself."""
    query = parse_canonical(keyword.canonical)
    if query.exclude or not sources:
        return keyword
    listed = join_operands(Or, [SourceTerm(normalize_source(name)) for name in sorted(sources)])
    try:
        root = normalize(And((query.root, listed)))
    except QueryError:  # NOT source:arxiv, and arXiv alone: no source has this name
        root = SourceTerm("0")
    return replace(keyword, canonical=Query(query.text, root).canonical)


def is_exclusion(canonical: str) -> bool:
    """Return whether a canonical text is that of an exclusion, without parsing all of it again."""
    return canonical.startswith("-")


@lru_cache(maxsize=CACHED_QUERIES)
def parse_canonical(canonical: str) -> Query:
    """Parse what was accepted once, whatever the limits are today."""
    return _parse(canonical, MAX_LIMITS, None)


def can_parse(canonical: object) -> bool:
    """Return whether a stored canonical form can be parsed; its row may be damaged, or older than the grammar."""
    try:
        # No canonical form has U+FFFD; it is read in place of bytes that are no text.
        return isinstance(canonical, str) and "\ufffd" not in canonical and bool(parse_canonical(canonical))
    except (QueryError, RecursionError):
        return False


def find_keyword_error(canonical: object) -> str | None:
    """Return why a stored canonical form cannot be used; None when it can."""
    return None if can_parse(canonical) else "canonical cannot be parsed"


def parse(text: str, limits: QueryLimits = DEFAULT_LIMITS, acronyms: AcronymTable | None = None) -> Query:
    """Parse one keyword. QueryError, with the position, for everything that is none.

    `acronyms`: those whose other form is found, too; without a table, those that are shipped.
    """
    line = normalize_line(text, limits.characters)
    if foreign := find_foreign(line):
        raise syntax_error(messages.with_conversion(foreign.message, convert(line)), foreign.index)
    return _parse(text, limits, shipped_acronyms() if acronyms is None else acronyms)


def _parse(text: str, limits: QueryLimits, acronyms: AcronymTable | None) -> Query:
    line = normalize_line(text, limits.characters)
    if is_plain_text(line):  # most keywords: no need to tokenize
        start = len(line) - len(line.lstrip())
        return Query(text.strip(), parse_phrase(line[start:], start, acronyms=acronyms))
    tokens = tokenize(line)
    exclude = tokens[0].kind is TokenKind.DASH
    parser = Parser(line, tokens, limits, acronyms, exclude=exclude)
    root = normalize(parsed := parser.parse_exclusion() if exclude else parser.parse_query())
    if _asks_for_editorials(parsed) and not _asks_for_editorials(root):  # llm OR (llm AND kind:editorial): of any kind
        root = normalize(And((root, Or((KindTerm("editorial"), KindTerm("paper"))))))
    query = Query(text.strip(), root, exclude)
    if len(query.canonical) > limits.characters or nesting_depth(root) > limits.nesting - exclude:
        raise syntax_error(messages.canonical_too_long(limits.characters, limits.nesting), 0)
    return query
