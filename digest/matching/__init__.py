"""Keywords against papers: which match, and why. Pure: strings in, numbers out.

parse(text, limits) -> Query  what a reader wrote (query.py; grammar.py, tokens.py, terms.py, phrases.py, tree.py)
describe(query)               how it was understood, in words (describe.py)
Matcher(queries).match(...)   which papers match which queries (matcher.py; index.py, listing.py, acronyms.py)
explain(queries, document)    where, for marking (explain.py)
snippet(text, spans)          the sentences worth showing (sentences.py)
"""

from digest.matching.acronyms import find_definitions
from digest.matching.author_names import name_variants, normalize_author
from digest.matching.describe import describe
from digest.matching.documents import PaperDocument, normalize_category
from digest.matching.explain import Explanation, Span, explain
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.matcher import Matcher, QueryBits, TermBits, bit_positions, combine
from digest.matching.normalize import BREAK, HYPHEN, NO_GAP, SPACE, Words, can_join, split_words
from digest.matching.parser import QueryLimits
from digest.matching.phrase_index import find_sequence, fits_gaps, is_standalone
from digest.matching.phrases import MAX_PHRASE_LENGTH, MAX_PHRASE_WORDS, MIN_PREFIX_LENGTH
from digest.matching.plurals import to_singular
from digest.matching.prefilter import HIGHEST_CHARACTER
from digest.matching.query import DEFAULT_LIMITS, MAX_LIMITS, KeywordInput, Query, is_exclusion, parse, parse_canonical
from digest.matching.snippets import snippet
from digest.matching.suggest import (
    RecentCorpus,
    build_corpus,
    common_phrases,
    narrow_query,
    narrowing_phrases,
    related_phrases,
)
from digest.matching.syntax import INTRODUCTION, SYNTAX_EXAMPLES
from digest.matching.terms import AuthorTerm, CategoryTerm, Phrase, Term

__all__ = [
    "BREAK",
    "DEFAULT_LIMITS",
    "HIGHEST_CHARACTER",
    "HYPHEN",
    "INTRODUCTION",
    "MAX_LIMITS",
    "MAX_PHRASE_LENGTH",
    "MAX_PHRASE_WORDS",
    "MIN_PREFIX_LENGTH",
    "NO_GAP",
    "SPACE",
    "SYNTAX_EXAMPLES",
    "And",
    "AuthorTerm",
    "CategoryTerm",
    "Explanation",
    "KeywordInput",
    "Matcher",
    "Node",
    "Not",
    "Or",
    "PaperDocument",
    "Phrase",
    "Query",
    "QueryBits",
    "QueryLimits",
    "RecentCorpus",
    "Span",
    "Term",
    "TermBits",
    "Words",
    "bit_positions",
    "build_corpus",
    "can_join",
    "combine",
    "common_phrases",
    "describe",
    "explain",
    "find_definitions",
    "find_sequence",
    "fits_gaps",
    "is_exclusion",
    "is_standalone",
    "name_variants",
    "narrow_query",
    "narrowing_phrases",
    "normalize_author",
    "normalize_category",
    "parse",
    "parse_canonical",
    "related_phrases",
    "snippet",
    "split_words",
    "to_singular",
]
