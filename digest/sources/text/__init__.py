"""Text from outside as readable Unicode: titles, abstracts, names and links.

- `cleaning`: whole texts, terms and links
- `latex`: LaTeX markup
- `latex_symbols`: tables of LaTeX macros and accents
- `markup`: HTML, JATS and MathML within titles and abstracts
- `mathml`: elements of MathML
- `names`: names of authors, out of lists of every form
"""

from digest.sources.text.cleaning import (
    NAME_LENGTH,
    TERM_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    clean_sections,
    clean_terms,
    clean_text,
    clean_url,
    count_latex_errors,
)
from digest.sources.text.latex import latex_to_text
from digest.sources.text.names import AUTHORS_LENGTH, MAX_AUTHORS, bound_names, format_name, parse_authors

__all__ = [
    "AUTHORS_LENGTH",
    "MAX_AUTHORS",
    "NAME_LENGTH",
    "TERM_LENGTH",
    "TEXT_LENGTH",
    "TITLE_LENGTH",
    "bound_names",
    "clean_sections",
    "clean_terms",
    "clean_text",
    "clean_url",
    "count_latex_errors",
    "format_name",
    "latex_to_text",
    "parse_authors",
]
