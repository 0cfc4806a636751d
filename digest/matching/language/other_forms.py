"""Other ways to write a keyword that find the same papers, to be shown beside it: LLM, tumour segmentation."""

from collections.abc import Iterator

from digest.matching.acronyms import AcronymTable, shipped_acronyms
from digest.matching.forms import other_spellings
from digest.matching.language.expressions import iter_terms
from digest.matching.language.query import Query
from digest.matching.normalize import split_words
from digest.matching.terms import Phrase

MAX_FORMS = 3  # that are shown of one keyword


def other_forms(query: Query, acronyms: AcronymTable | None = None) -> tuple[str, ...]:
    """Return other forms of the phrases in a query that are not quoted. Plurals and hyphens go without saying.

    `acronyms`: those that it was parsed with.
    """
    table = shipped_acronyms() if acronyms is None else acronyms
    forms: dict[str, None] = {}
    for term, is_positive in iter_terms(query.root):
        if is_positive and isinstance(term, Phrase) and not (term.exact or term.prefix):
            forms.update(dict.fromkeys(_phrase_forms(term.source_text or term.spelling, table)))
    return tuple(forms)[:MAX_FORMS]


def _phrase_forms(text: str, acronyms: AcronymTable) -> Iterator[str]:
    words = split_words(text)
    for position in range(len(words.keys)):
        if found := acronyms.find_at(words.keys, words.gaps, position):
            acronym, end = found
            other = " ".join(acronym.long) if words.keys[position] == acronym.short else acronym.short.upper()
            yield text[: words.starts[position]] + other + text[words.ends[end - 1] :]
    for start, end in zip(words.starts, words.ends, strict=True):
        for spelling in other_spellings(text[start:end].lower()):
            yield text[:start] + spelling + text[end:]
