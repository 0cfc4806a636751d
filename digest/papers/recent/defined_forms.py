"""Other forms of phrases in papers that define an acronym: what one text of a paper defines holds in all of them."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from digest.matching import AcronymDefinition, Phrase, Words, find_sequence, fits_gaps
from digest.papers.recent.word_columns import Column


class DefinedForm(NamedTuple):
    """Another form of a phrase in some papers: what a text defines (an acronym) holds in all texts of the paper."""

    rows: "array[int]"  # of the last word of each occurrence
    words: Words | None  # of the long form, to check the gaps of a phrase; None where the phrase is the acronym


class DefinedForms:
    """Where acronyms stand that a paper defines, and their long forms: rows of a positional index."""

    def __init__(self) -> None:
        self._forms: dict[str, list[DefinedForm]] = {}
        self._definitions: dict[str, dict[tuple[str, ...], array[int]]] = {}  # papers by acronym and long form

    def add(
        self,
        paper: int,
        texts: Sequence[Words],
        defined: Sequence[Sequence[AcronymDefinition]],
        first_rows: Sequence[int],
    ) -> None:
        """Remember the acronyms that one text of a paper defines, wherever they or their long forms stand.

        `first_rows` are those of the first word of each text.
        """
        definitions = [(words, definition) for words, found in zip(texts, defined, strict=True) for definition in found]
        for words, definition in definitions:
            span = slice(definition.first, definition.last + 1)
            short, long = words.keys[definition.acronym], words.keys[span]
            self._definitions.setdefault(short, {}).setdefault(tuple(long), array("I")).append(paper)
            places = _no_places(len(long))
            form = Words("", long, long, places, places, words.gaps[span])  # of which the gaps are compared
            for name, sequence, words_of_form in (("".join(long), [short], form), (short, long, None)):
                rows = [
                    first_row + bisect_left(text.ends, end)
                    for text, first_row in zip(texts, first_rows, strict=True)
                    for _, _, end in find_sequence(0, sequence, text)
                ]
                if not rows:
                    continue
                known = self._forms.setdefault(name, [])
                same = next((form for form in known if form.words == words_of_form), None)
                if same is None:
                    known.append(DefinedForm(array("I", rows), words_of_form))
                else:
                    same.rows.extend(rows)

    def rows_of(self, phrase: Phrase) -> list[Column]:
        """Return the rows of the last words of what is defined as a phrase."""
        return [
            np.array(form.rows, dtype=np.uint32)
            for form in self._forms.get(phrase.key, ())
            if form.words is None or fits_gaps(phrase, form.words, 0, len(form.words.keys) - 1)
        ]

    def foreign_papers(self, phrase: Phrase) -> set[int]:
        """Return the papers that define one of the acronyms of a phrase otherwise."""
        return {
            paper
            for acronym in phrase.acronyms
            for long, papers in self._definitions.get(acronym.short, {}).items()
            if not acronym.agrees(long)
            for paper in papers
        }


@cache
def _no_places(count: int) -> "array[int]":
    """Return places of words of no text, shared by thousands of forms."""
    return array("I", [0]) * count
