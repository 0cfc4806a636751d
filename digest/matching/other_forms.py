"""Other ways to write a keyword that find the same papers, to be shown beside it: tumour segmentation for tumor …"""

from collections.abc import Iterator

from digest.matching.expressions import iter_terms
from digest.matching.forms import other_spellings
from digest.matching.normalize import split_words
from digest.matching.query import Query
from digest.matching.terms import Phrase

MAX_FORMS = 3  # that are shown of one keyword


def other_forms(query: Query) -> tuple[str, ...]:
    """Return other forms of the phrases in a query that are not quoted. Plurals and hyphens go without saying."""
    forms: dict[str, None] = {}
    for term, is_positive in iter_terms(query.root):
        if is_positive and isinstance(term, Phrase) and not (term.exact or term.prefix):
            forms.update(dict.fromkeys(_phrase_forms(term.source_text or term.spelling)))
    return tuple(forms)[:MAX_FORMS]


def _phrase_forms(text: str) -> Iterator[str]:
    words = split_words(text)
    for start, end in zip(words.starts, words.ends, strict=True):
        for spelling in other_spellings(text[start:end].lower()):
            yield text[:start] + spelling + text[end:]
