"""Keyword syntax: tokens, expressions and queries, and what they say in plain English.

- `describe`: queries in plain English
- `expressions`: AND, OR and NOT, and their normal form
- `field_terms`: terms that a text means in a field
- `foreign`: query syntax of other systems, found and converted
- `lexer`: tokens of a keyword
- `other_forms`: other ways to write a keyword
- `parser`: tokens to an expression of terms
- `query`: keywords parsed into queries
- `syntax`: examples of the syntax, for help
"""

from digest.matching.language.describe import describe
from digest.matching.language.expressions import And, Node, Not, Or
from digest.matching.language.foreign import convert
from digest.matching.language.other_forms import other_forms
from digest.matching.language.parser import QueryLimits
from digest.matching.language.query import (
    DEFAULT_LIMITS,
    MAX_LIMITS,
    KeywordInput,
    Query,
    can_parse,
    find_keyword_error,
    is_exclusion,
    parse,
    parse_canonical,
    restrict_to_sources,
)
from digest.matching.language.syntax import EXAMPLE_PAPER, INTRODUCTION, SYNTAX_EXAMPLES, SyntaxExample

__all__ = [
    "DEFAULT_LIMITS",
    "EXAMPLE_PAPER",
    "INTRODUCTION",
    "MAX_LIMITS",
    "SYNTAX_EXAMPLES",
    "And",
    "KeywordInput",
    "Node",
    "Not",
    "Or",
    "Query",
    "QueryLimits",
    "SyntaxExample",
    "can_parse",
    "convert",
    "describe",
    "find_keyword_error",
    "is_exclusion",
    "other_forms",
    "parse",
    "parse_canonical",
    "restrict_to_sources",
]
