"""Acronyms: known ones, those that a paper defines, and those learned from many papers.

- `definitions`: acronyms that a paper defines itself
- `learned`: acronyms that are learned from the definitions in many papers
- `table`: acronyms that mean the same in every paper
"""

from digest.matching.acronyms.definitions import DIGIT_WORDS, AcronymDefinition, find_definitions, window_without
from digest.matching.acronyms.learned import choose_long_form, extend_acronyms, list_definitions, list_small_words
from digest.matching.acronyms.table import NO_ACRONYMS, Acronym, AcronymTable, shipped_acronyms, to_acronym

__all__ = [
    "DIGIT_WORDS",
    "NO_ACRONYMS",
    "Acronym",
    "AcronymDefinition",
    "AcronymTable",
    "choose_long_form",
    "extend_acronyms",
    "find_definitions",
    "list_definitions",
    "list_small_words",
    "shipped_acronyms",
    "to_acronym",
    "window_without",
]
