"""Parse keywords and decide which papers they match, and where. Pure: strings in, numbers out.

- `acronym_table`: acronyms that mean the same in every paper
- `acronyms`: acronyms that a paper defines itself
- `alerts`: keywords from e-mail subscriptions of arXiv and alerts of Google Scholar
- `author_names`: names of authors in a normal form, and their comparison
- `categories`: the categories of arXiv
- `describe`: queries in plain English
- `documents`: papers as matching reads them, and the index of their metadata
- `explain`: which words of a paper a query matches, for highlighting
- `expressions`: AND, OR and NOT, and their normal form
- `field_terms`: terms that a text means in a field
- `forms`: one word, however it is written: plurals, spelling, Greek letters, umlauts, numbers
- `foreign`: query syntax of other systems, found and converted
- `learned_acronyms`: acronyms that are learned from the definitions in many papers
- `lexer`: tokens of a keyword
- `matcher`: many queries against many papers
- `messages`: messages about keywords that cannot be parsed
- `metadata_names`: names of categories, sources, journals and DOIs in the forms that are compared
- `normalize`: words of a text, and the forms that they are compared by
- `other_forms`: other ways to write a keyword
- `parser`: tokens to an expression of terms
- `phrase_forms`: forms of a phrase: acronyms, and words with a digit
- `phrase_index`: many phrases in one text
- `phrases`: phrases from words as entered
- `prefilter`: words that may begin one of many phrases
- `query`: keywords parsed into queries
- `similarity`: similarity of papers, by the words that they share
- `snippets`: sentences of an abstract worth showing
- `sorted_keys`: keys in order, and the runs of words that spell them
- `suggest`: phrases that are known to be worth a keyword
- `syntax`: examples of the syntax, for help
- `terms`: phrases and conditions on metadata
"""

from digest.matching.acronym_table import Acronym, AcronymTable, shipped_acronyms, to_acronym
from digest.matching.acronyms import AcronymDefinition, find_definitions, window_without
from digest.matching.alerts import convert_alerts
from digest.matching.author_names import name_variants, normalize_author
from digest.matching.describe import describe
from digest.matching.documents import PaperDocument
from digest.matching.explain import Explanation, Span, explain
from digest.matching.expressions import And, Node, Not, Or
from digest.matching.foreign import convert
from digest.matching.forms import FORMS_VERSION, to_key
from digest.matching.learned_acronyms import choose_long_form, extend_acronyms, list_definitions, list_small_words
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
from digest.matching.metadata_names import normalize_category, normalize_journal, normalize_source
from digest.matching.normalize import BREAK, FUNCTION_WORDS, HYPHEN, NO_GAP, SPACE, Words, can_join, split_words
from digest.matching.other_forms import other_forms
from digest.matching.parser import QueryLimits
from digest.matching.phrase_index import PhraseIndex, find_sequence, fits_gaps, is_standalone
from digest.matching.phrases import MAX_PHRASE_LENGTH, MAX_PHRASE_WORDS, MIN_PREFIX_LENGTH
from digest.matching.query import (
    DEFAULT_LIMITS,
    MAX_LIMITS,
    KeywordInput,
    Query,
    can_parse,
    find_keyword_fault,
    is_exclusion,
    parse,
    parse_canonical,
    restrict_to_sources,
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
from digest.matching.sorted_keys import HIGHEST_CHARACTER
from digest.matching.suggest import common_phrases, narrow_query, vocabulary
from digest.matching.syntax import EXAMPLE_PAPER, INTRODUCTION, SYNTAX_EXAMPLES, SyntaxExample
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
