"""Recursive descent from tokens to an expression.

OR binds least, then AND, ANDNOT and NOT or a dash between terms, then NOT before a term.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from digest.errors import QueryError
from digest.matching import messages
from digest.matching.acronyms import AcronymTable
from digest.matching.language.expressions import And, Node, Not, Or, join_operands
from digest.matching.language.field_terms import create_term, create_upvotes_term, describe_like_term
from digest.matching.language.lexer import Token, TokenKind, match_parentheses
from digest.matching.metadata import normalize_source
from digest.matching.phrases import syntax_error
from digest.matching.terms import LikeTerm, SourceTerm, Term

LIKE_SCALE = 100  # weights of words in a canonical text are whole numbers
TERM_STARTS = {TokenKind.WORDS, TokenKind.QUOTED, TokenKind.OPEN, TokenKind.FIELD, TokenKind.UPVOTES}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Size limits of a query: characters of a line (a phrase has its own limit), terms, nested parentheses.

    `list_sources` returns the names that `source:` may have; any where there are none. `describe_paper` returns the
    words of a paper for `like:`, None for a paper that is not known; without it no paper is looked up.
    """

    characters: int = 2000
    terms: int = 64
    nesting: int = 16
    list_sources: Callable[[], Collection[str]] = field(default=tuple, compare=False)
    describe_paper: Callable[[str], Mapping[str, float] | None] | None = field(default=None, compare=False)


class Parser:
    """Parser of one line. `position` is that of the next token; the depth is bounded before anything recurs."""

    def __init__(
        self, line: str, tokens: Sequence[Token], limits: QueryLimits, acronyms: AcronymTable | None, *, exclude: bool
    ) -> None:
        self.line = line
        self.tokens = tokens
        self.limits = limits
        self.acronyms = acronyms
        self.plain_parentheses = match_parentheses(tokens, limits.nesting)
        self.position = int(exclude)
        self.term_count = 0

    def parse_query(self) -> Node:
        """Parse the whole line."""
        node = self.parse_or("any")
        if self.position < len(self.tokens):
            raise self._missing_operator(self.tokens[self.position])
        return node

    def parse_exclusion(self) -> Node:
        """Parse what follows the dash before a line: one operand."""
        node = self.parse_not("any")
        if self.position < len(self.tokens):
            raise syntax_error(messages.SEVERAL_EXCLUDED, self.tokens[self.position].start)
        return node

    def parse_or(self, field: str) -> Node:
        """Parse operands joined by OR. `field` covers the terms that name none themselves."""
        operands = [self.parse_and(field)]
        while self._peek() is TokenKind.OR:
            self.position += 1
            operands.append(self.parse_and(field))
        return join_operands(Or, operands)

    def parse_and(self, field: str) -> Node:
        """Parse operands joined by AND, ANDNOT, NOT or a dash."""
        operands = [self.parse_not(field)]
        while (kind := self._peek()) in {TokenKind.AND, TokenKind.ANDNOT, TokenKind.NOT, TokenKind.DASH}:
            if kind in {TokenKind.AND, TokenKind.ANDNOT}:
                self.position += 1
            operand = self.parse_not(field)
            operands.append(Not(operand) if kind is TokenKind.ANDNOT else operand)
        return join_operands(And, operands)

    def parse_not(self, field: str) -> Node:
        """Parse a term with any number of NOTs or a dash before it."""
        negated = False
        while self._peek() is TokenKind.NOT:
            negated = not negated
            self.position += 1
        if self._peek() is TokenKind.DASH:
            negated = not negated
            self.position += 1
            if self._peek() is TokenKind.WORDS and self._phrase_end() - self.position > 1:
                # `fish -ladder steps` could mean two things.
                raise syntax_error(messages.WORDS_AFTER_EXCLUDED, self.tokens[self.position + 1].start)
        node = self.parse_term(field)
        return Not(node) if negated else node

    def parse_term(self, field: str) -> Node:
        """Parse a term, or an expression in parentheses, with the field before it."""
        if self._peek() not in TERM_STARTS:
            raise self._missing_term()
        token = self.tokens[self.position]
        if token.kind is TokenKind.UPVOTES:
            self.position += 1
            return self._count(create_upvotes_term(token.value), token)
        if token.kind is TokenKind.FIELD:
            self.position += 1
            if self._peek() is TokenKind.FIELD or self._peek() not in TERM_STARTS - {TokenKind.UPVOTES}:
                raise syntax_error(messages.missing_after_field(self._text_of(token)), token.start)
            field = token.value
        if self._peek() is not TokenKind.OPEN:
            return self.parse_phrase(field, self._phrase_end())
        closing = self.plain_parentheses.get(self.position)
        if closing is not None:  # a field takes no more than the parentheses after it
            is_field = token.kind is TokenKind.FIELD
            return self.parse_phrase(field, closing + 1 if is_field else self._phrase_end())
        self.position += 1
        node = self.parse_or(field)
        if self._peek() is not TokenKind.CLOSE:
            raise self._missing_operator(self.tokens[self.position])
        self.position += 1
        return node

    def parse_phrase(self, field: str, end: int) -> Term:
        """Parse the tokens up to `end`, and a PubMed tag after them, as one term."""
        first, last = self.tokens[self.position], self.tokens[end - 1]
        self.position = end
        if self._peek() is TokenKind.TAG:
            if field != "any":
                raise syntax_error(messages.FIELD_AND_TAG, self.tokens[end].start)
            field = self.tokens[end].value
            self.position += 1
        quoted = first.kind is TokenKind.QUOTED
        start = first.start + quoted
        text = self.line[start : last.end - quoted]
        term = create_term(field, text, start, quoted=quoted, acronyms=self.acronyms)
        if isinstance(term, SourceTerm):
            names = self.limits.list_sources()
            if names and term.name not in map(normalize_source, names):
                raise syntax_error(messages.unknown_source(names), start)
        # Words that somebody typed are not those of the paper, and may be ones that half of all papers have.
        if isinstance(term, LikeTerm) and self.limits.describe_paper:
            words = self.limits.describe_paper(term.name)
            if not words:
                reason = messages.unknown_paper if words is None else messages.paper_without_words
                raise syntax_error(reason(term.name), start)
            term = describe_like_term(term, {word: weight * LIKE_SCALE for word, weight in words.items()})
        return self._count(term, first)

    def _peek(self) -> TokenKind | None:
        return self.tokens[self.position].kind if self.position < len(self.tokens) else None

    def _phrase_end(self) -> int:
        """Return the token after a phrase: quoted text is one by itself, words and parentheses around words run on."""
        end = self.position
        if self.tokens[end].kind is TokenKind.QUOTED:
            return end + 1
        while end < len(self.tokens) and (self.tokens[end].kind is TokenKind.WORDS or end in self.plain_parentheses):
            end = self.plain_parentheses.get(end, end) + 1
        return end

    def _count(self, term: Term, token: Token) -> Term:
        self.term_count += 1
        if self.term_count > self.limits.terms:
            raise syntax_error(messages.too_many_terms(self.limits.terms), token.start)
        return term

    def _missing_term(self) -> QueryError:
        """Return the error for an operator without words on one of its sides."""
        before = self.tokens[self.position - 1] if self.position else None
        if before and before.kind not in TERM_STARTS | {TokenKind.CLOSE, TokenKind.TAG}:
            return syntax_error(messages.missing_after(self._text_of(before)), before.start)
        token = self.tokens[self.position]
        return syntax_error(messages.missing_before(self._text_of(token)), token.start)

    def _text_of(self, token: Token) -> str:
        return self.line[token.start : token.end].strip()

    def _missing_operator(self, token: Token) -> QueryError:
        """Return the error for two terms with nothing between them."""
        before = self.tokens[self.position - 1]
        if token.kind is TokenKind.QUOTED and before.kind is TokenKind.WORDS:
            first = self.position - 1
            while first and self.tokens[first - 1].kind is TokenKind.WORDS:
                first -= 1
            token, before = self.tokens[first], token
        if token.kind is TokenKind.FIELD:
            return syntax_error(messages.missing_before_field(self._text_of(token)), token.start)
        if before.kind is TokenKind.QUOTED:
            return syntax_error(messages.BESIDE_QUOTED, token.start)
        is_tag = token.kind is TokenKind.TAG
        return syntax_error(messages.MISPLACED_TAG if is_tag else messages.MISSING_OPERATOR, token.start)
