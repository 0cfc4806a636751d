"""Keywords against papers: which match, and why. Pure: strings in, numbers out.

parse(text, limits) -> Query  what a reader wrote (query.py; grammar.py, tokens.py, terms.py, phrases.py, tree.py)
describe(query)               how it was understood, in words (describe.py)
Matcher(queries).match(...)   which papers match which queries (matcher.py; index.py, listing.py, acronyms.py)
explain(queries, document)    where, for marking (explain.py)
snippet(text, spans)          the sentences worth showing (sentences.py)
"""

from digest.matching.describe import describe
from digest.matching.explain import Explanation, Span, explain
from digest.matching.grammar import QueryLimits
from digest.matching.leaves import Phrase
from digest.matching.listing import PaperDocument
from digest.matching.matcher import Hit, Matcher, QueryBits, bit_positions
from digest.matching.query import Query, is_exclusion, parse, parse_canonical
from digest.matching.sentences import Snippet, snippet

__all__ = [
    "QueryBits",
    "PaperDocument",
    "Explanation",
    "Hit",
    "QueryLimits",
    "Matcher",
    "Phrase",
    "Query",
    "Snippet",
    "Span",
    "describe",
    "explain",
    "is_exclusion",
    "bit_positions",
    "parse",
    "parse_canonical",
    "snippet",
]
