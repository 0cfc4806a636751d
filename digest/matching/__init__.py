"""Parse keywords and decide which papers they match, and where. Pure: strings in, numbers out.

- `acronyms`: known acronyms, those that a paper defines, and learned ones
- `alerts`: keywords from e-mail subscriptions of arXiv and alerts of Google Scholar
- `documents`: papers as matching reads them, and the index of their metadata
- `explain`: which words of a paper a query matches, for highlighting
- `forms`: one word, however it is written: plurals, spelling, Greek letters, umlauts, numbers
- `language`: keyword syntax: tokens, expressions, queries, and what they say in plain English
- `matcher`: many queries against many papers
- `messages`: messages about keywords that cannot be parsed
- `metadata`: names of authors, categories, sources and journals, compared
- `normalize`: words of a text, and the forms that they are compared by
- `phrases`: phrases, and many of them in one text
- `similarity`: similarity of papers, by the words that they share
- `snippets`: sentences of an abstract worth showing
- `suggest`: phrases that are known to be worth a keyword
- `terms`: phrases and conditions on metadata
"""

from digest.matching.acronyms import (
    Acronym,
    AcronymDefinition,
    AcronymTable,
    choose_long_form,
    extend_acronyms,
    find_definitions,
    list_definitions,
    list_small_words,
    shipped_acronyms,
    to_acronym,
    window_without,
)
from digest.matching.alerts import convert_alerts
from digest.matching.documents import PaperDocument
from digest.matching.explain import Explanation, Span, explain
from digest.matching.forms import FORMS_VERSION, to_key
from digest.matching.language import (
    DEFAULT_LIMITS,
    EXAMPLE_PAPER,
    INTRODUCTION,
    MAX_LIMITS,
    SYNTAX_EXAMPLES,
    And,
    KeywordInput,
    Node,
    Not,
    Or,
    Query,
    QueryLimits,
    SyntaxExample,
    can_parse,
    convert,
    describe,
    find_keyword_fault,
    is_exclusion,
    other_forms,
    parse,
    parse_canonical,
    restrict_to_sources,
)
from digest.matching.matcher import (
    Hit,
    KindBits,
    Matcher,
    QueryBits,
    TermBits,
    bit_positions,
    combine_query,
    match_like,
)
from digest.matching.metadata import (
    name_variants,
    normalize_author,
    normalize_category,
    normalize_journal,
    normalize_source,
)
from digest.matching.normalize import BREAK, FUNCTION_WORDS, HYPHEN, NO_GAP, SPACE, Words, can_join, split_words
from digest.matching.phrases import (
    HIGHEST_CHARACTER,
    MAX_PHRASE_LENGTH,
    MAX_PHRASE_WORDS,
    MIN_PREFIX_LENGTH,
    PhraseIndex,
    find_sequence,
    fits_gaps,
    is_standalone,
)
from digest.matching.similarity import (
    CLOSE_SHARE,
    PROFILE_SIZE,
    CountedTerm,
    PaperTerms,
    SharedWord,
    TermCounter,
    TermSpace,
    build_profile,
    describe_paper,
    find_term,
    shared_terms,
    shared_words,
    weigh_terms,
)
from digest.matching.snippets import Snippet, snippet
from digest.matching.suggest import common_phrases, narrow_query, vocabulary
from digest.matching.terms import (
    ACRONYM_SIGN,
    AuthorTerm,
    CategoryTerm,
    DoiTerm,
    JournalTerm,
    KindTerm,
    LikeTerm,
    Phrase,
    SourceTerm,
    Term,
    is_capitals,
)

__all__ = [
    "ACRONYM_SIGN",
    "BREAK",
    "CLOSE_SHARE",
    "DEFAULT_LIMITS",
    "EXAMPLE_PAPER",
    "FORMS_VERSION",
    "FUNCTION_WORDS",
    "HIGHEST_CHARACTER",
    "HYPHEN",
    "INTRODUCTION",
    "MAX_LIMITS",
    "MAX_PHRASE_LENGTH",
    "MAX_PHRASE_WORDS",
    "MIN_PREFIX_LENGTH",
    "NO_GAP",
    "PROFILE_SIZE",
    "SPACE",
    "SYNTAX_EXAMPLES",
    "Acronym",
    "AcronymDefinition",
    "AcronymTable",
    "And",
    "AuthorTerm",
    "CategoryTerm",
    "CountedTerm",
    "DoiTerm",
    "Explanation",
    "Hit",
    "JournalTerm",
    "KeywordInput",
    "KindBits",
    "KindTerm",
    "LikeTerm",
    "Matcher",
    "Node",
    "Not",
    "Or",
    "PaperDocument",
    "PaperTerms",
    "Phrase",
    "PhraseIndex",
    "Query",
    "QueryBits",
    "QueryLimits",
    "SharedWord",
    "Snippet",
    "SourceTerm",
    "Span",
    "SyntaxExample",
    "Term",
    "TermBits",
    "TermCounter",
    "TermSpace",
    "Words",
    "bit_positions",
    "build_profile",
    "can_join",
    "can_parse",
    "choose_long_form",
    "combine_query",
    "common_phrases",
    "convert",
    "convert_alerts",
    "describe",
    "describe_paper",
    "explain",
    "extend_acronyms",
    "find_definitions",
    "find_keyword_fault",
    "find_sequence",
    "find_term",
    "fits_gaps",
    "is_capitals",
    "is_exclusion",
    "is_standalone",
    "list_definitions",
    "list_small_words",
    "match_like",
    "name_variants",
    "narrow_query",
    "normalize_author",
    "normalize_category",
    "normalize_journal",
    "normalize_source",
    "other_forms",
    "parse",
    "parse_canonical",
    "restrict_to_sources",
    "shared_terms",
    "shared_words",
    "shipped_acronyms",
    "snippet",
    "split_words",
    "to_acronym",
    "to_key",
    "vocabulary",
    "weigh_terms",
    "window_without",
]
