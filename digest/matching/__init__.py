"""Keywords against papers: which match, and why. Pure: strings in, numbers out.

parse(text) -> Query          what a reader wrote (query.py)
Matcher(queries).match(...)   which papers match which queries (matcher.py)
explain(queries, document)    where, for marking (explain.py)
snippet(text, spans)          the sentences worth showing (sentences.py)
"""

from digest.matching.explain import Explanation, Span, explain
from digest.matching.matcher import Document, Hit, Matcher
from digest.matching.query import Phrase, Query, parse
from digest.matching.sentences import Snippet, snippet

__all__ = [
    "Document",
    "Explanation",
    "Hit",
    "Matcher",
    "Phrase",
    "Query",
    "Snippet",
    "Span",
    "explain",
    "parse",
    "snippet",
]
