"""The grammar: tokens to a tree. OR binds least, then AND, ANDNOT and NOT or a dash between terms, then NOT.

One term: a field and the text behind it, or a comparison, as a leaf.
"""

import re
from dataclasses import dataclass
from typing import Literal, cast

from digest.matching import phrases
from digest.matching.author_names import normalize_author
from digest.matching.documents import normalize_category, source_name
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.lexer import Kind, Token
from digest.matching.phrases import MAX_PHRASE_LENGTH, bare, refused
from digest.matching.terms import AuthorTerm, CategoryTerm, Field, HasCode, SourceTerm, Term, UpvotesTerm

TERMS = {Kind.WORDS, Kind.QUOTED, Kind.OPEN, Kind.FIELD, Kind.UPVOTES}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How large a query may be: characters of a line (a single phrase has its own limit), terms, nested brackets."""

    characters: int = 2000
    terms: int = 64
    nesting: int = 16


class Sentence:
    """Recursive descent. `at` is the token to be read next; the depth is bounded before anything recurs."""

    def __init__(self, line: str, tokens: list[Token], limits: QueryLimits, *, exclude: bool) -> None:
        self.line = line
        self.tokens = tokens
        self.limits = limits
        self.plain = _brackets(tokens, limits.nesting)
        self.at = int(exclude)
        self.count = 0

    def whole(self) -> Node:
        node = self._either("any")
        if self.at < len(self.tokens):
            self._beside(self.tokens[self.at])
        return node

    def excluded(self) -> Node:
        node = self._one("any")
        if self.at < len(self.tokens):
            advice = "a dash before the line excludes one phrase; put all of it in ( ), or write cats ANDNOT survey"
            raise refused("more than one phrase", self.tokens[self.at].start, advice)
        return node

    def _next(self) -> Kind | None:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else None

    def _either(self, field: str) -> Node:
        operands = [self._both(field)]
        while self._next() is Kind.OR:
            self.at += 1
            operands.append(self._both(field))
        return Or(tuple(operands)) if len(operands) > 1 else operands[0]

    def _both(self, field: str) -> Node:
        operands = [self._one(field)]
        while (kind := self._next()) in {Kind.AND, Kind.ANDNOT, Kind.NOT, Kind.DASH}:
            if kind in {Kind.AND, Kind.ANDNOT}:
                self.at += 1
            operand = self._one(field)
            operands.append(Not(operand) if kind is Kind.ANDNOT else operand)
        return And(tuple(operands)) if len(operands) > 1 else operands[0]

    def _one(self, field: str) -> Node:
        """A term with any number of NOTs or a dash before it."""
        negated = False
        while self._next() is Kind.NOT:
            negated = not negated
            self.at += 1
        if self._next() is Kind.DASH:
            negated = not negated
            self.at += 1
            self._check_dash()
        node = self._term(field)
        return Not(node) if negated else node

    def _term(self, field: str) -> Node:
        token = self._expected()
        if token.kind is Kind.FIELD:
            self.at += 1
            if self._next() is Kind.FIELD or self._next() not in TERMS - {Kind.UPVOTES}:
                shown = self.line[token.start : token.end].strip()
                raise refused(f"'{shown}'", token.start, f"write behind it what to look for there, as in {shown}cats")
            return self._valued(token.value)
        if token.kind is Kind.UPVOTES:
            self.at += 1
            return self._counted(upvotes(token.value), token)
        if token.kind is Kind.OPEN and self.at not in self.plain:
            return self._group(field)
        return self._leaf(field, self._end())

    def _valued(self, field: str) -> Node:
        """What stands behind a field: one phrase or one pair of brackets."""
        if self._next() is Kind.OPEN:
            closing = self.plain.get(self.at)
            return self._group(field) if closing is None else self._leaf(field, closing + 1)
        return self._leaf(field, self._end())

    def _group(self, field: str) -> Node:
        self.at += 1
        node = self._either(field)
        if self._next() is not Kind.CLOSE:
            self._beside(self.tokens[self.at])
        self.at += 1
        return node

    def _end(self) -> int:
        """The token behind a phrase: a quoted one is alone, bare words and brackets around words run on."""
        end = self.at
        if self.tokens[end].kind is Kind.QUOTED:
            return end + 1
        while end < len(self.tokens) and (self.tokens[end].kind is Kind.WORDS or end in self.plain):
            end = self.plain.get(end, end) + 1
        return end

    def _leaf(self, field: str, end: int) -> Term:
        first, last = self.tokens[self.at], self.tokens[end - 1]
        self.at = end
        if self._next() is Kind.TAG:
            if field != "any":
                raise refused("a tag", self.tokens[end].start, "the field is named already; keep one of the two")
            field = self.tokens[end].value
            self.at += 1
        quoted = first.kind is Kind.QUOTED
        start = first.start + quoted
        return self._counted(leaf(field, self.line[start : last.end - quoted], start, quoted=quoted), first)

    def _counted(self, leaf: Term, token: Token) -> Term:
        self.count += 1
        if self.count > self.limits.terms:
            raise refused("too many terms", token.start, f"a query has at most {self.limits.terms}")
        return leaf

    def _expected(self) -> Token:
        """The next token, which must begin a term."""
        if self._next() in TERMS:
            return self.tokens[self.at]
        before = self.tokens[self.at - 1] if self.at else None
        if before and before.kind not in TERMS | {Kind.CLOSE, Kind.TAG}:
            token, side = before, "behind"
        else:
            token, side = self.tokens[self.at], "before"
        shown = self.line[token.start : token.end].strip()
        advice = f"words are missing {side} it; a sign that is meant as a word goes into quotes"
        raise refused(f"'{shown}'", token.start, advice)

    def _check_dash(self) -> None:
        """Inside a line a dash takes one word: `fish -ladder steps` could mean two things."""
        end = self._end() if self._next() is Kind.WORDS else self.at
        if end - self.at > 1:
            advice = 'the dash takes one word only; write -"two words" or put AND between'
            raise refused("words behind an excluded one", self.tokens[self.at + 1].start, advice)

    def _beside(self, token: Token) -> None:
        """Two terms with nothing between them."""
        before = self.tokens[self.at - 1]
        if token.kind is Kind.QUOTED and before.kind is Kind.WORDS:
            first = self.at - 1
            while first and self.tokens[first - 1].kind is Kind.WORDS:
                first -= 1
            token, before = self.tokens[first], token
        if token.kind is Kind.FIELD:
            what = f"'{self.line[token.start : token.end].strip()}'"
        elif before.kind is Kind.QUOTED:
            what = "text beside a quoted phrase"
        elif token.kind is Kind.TAG:
            raise refused("a tag", token.start, "it belongs right behind a word or a phrase")
        else:
            what = "two terms side by side"
        raise refused(what, token.start, "put AND or OR between, or quote all of it")


def _brackets(tokens: list[Token], nesting: int) -> dict[int, int]:
    """Pairs of brackets with nothing but words in them. QueryError for single ones and for too many in each other."""
    opened: list[tuple[int, int]] = []
    signs = 0
    plain: dict[int, int] = {}
    for number, token in enumerate(tokens):
        if token.kind is Kind.OPEN:
            opened.append((number, signs))
            if len(opened) > nesting:
                raise refused("too many brackets", token.start, f"at most {nesting} may lie within each other")
        elif token.kind is Kind.CLOSE:
            if not opened:
                raise refused("closing bracket", token.start, "there is none to close; remove it")
            first, before = opened.pop()
            if before == signs:
                plain[first] = number
        elif token.kind is not Kind.WORDS:
            signs += 1
    if opened:
        raise refused("unclosed bracket", tokens[opened[-1][0]].start, "add a closing ) or remove this one")
    return plain


_CATEGORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]+\*?")


_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")


def leaf(field: str, text: str, offset: int, *, quoted: bool) -> Term:
    """What a text means in a field. `offset` is the place of the text in the query."""
    plain = text.strip(" ()")
    if field == "author":
        return _author(plain, offset)
    if field == "category":
        name = normalize_category(plain) if _CATEGORY.fullmatch(plain) else ""
        if not name or len(plain) > MAX_PHRASE_LENGTH:
            raise refused("no category", offset, "write one like cs.CL, or cs.* for all of cs; OR joins several")
        return CategoryTerm(name)
    if field == "source":
        if not _SOURCE.fullmatch(plain) or len(plain) > MAX_PHRASE_LENGTH:
            raise refused("no source", offset, "write its name, as in source:arxiv")
        return SourceTerm(source_name(plain))
    if field == "has":
        if plain.lower() != "code":
            raise refused("unknown", offset, "only has:code can be asked for")
        return HasCode()
    read = phrases.quoted if quoted else bare
    return read(text, offset, cast("Field", field))


def _author(written: str, offset: int) -> AuthorTerm:
    if "*" in written:
        raise refused("star", offset + written.index("*"), "names have no star; one letter stands for an initial")
    name = normalize_author(written)
    if not name or max(len(name), len(written)) > MAX_PHRASE_LENGTH:
        raise refused("no name", offset, f"write an author's name, of {MAX_PHRASE_LENGTH} characters at most")
    return AuthorTerm(name, " ".join(written.replace("_", " ").split()))


def upvotes(comparison: str) -> UpvotesTerm:
    """A comparison that the tokens have checked, with one sign for each meaning: >20 is >=21."""
    sign, count = comparison.rstrip("0123456789"), int(comparison.lstrip("<>="))
    if sign in {">", "<="}:
        return UpvotesTerm(">=" if sign == ">" else "<", count + 1)
    return UpvotesTerm(cast('Literal[">=", "<", "="]', sign), count)
