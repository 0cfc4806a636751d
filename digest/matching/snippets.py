"""Snippets: the few sentences of an abstract that show why a paper was chosen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.matching.explain import Span

# A sentence ends with a period, quotes or brackets after it, then a blank and something that can begin one.
# Possessive quantifiers (++) keep this linear: forty thousand periods in a row must not take long.
_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]]*+(?=\s++[^\sa-z,;:.)\]])|[\u3002\uff0e\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.\s?g|i\.\s?e|cf|etc|vs|resp|approx|al|fig|figs|eq|eqs|sec|secs|tab|ref|refs|ch|no|nos|vol|pp|dr|prof|mr|mrs"
    r"|ms|st|jr|dept|univ|w\.r\.t|a\.k\.a)|(?<![\w.])[A-Z]|\b[A-Z](?:\.[A-Z])+)\.$",
    re.IGNORECASE,
)
_LONGEST_ABBREVIATION = 12  # characters that may belong to one
_WIDE_CHARACTER = re.compile("[\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Piece of a text. Its spans count from its beginning; truncated_* tell that something was left out."""

    text: str
    spans: tuple[Span, ...]
    truncated_before: bool
    truncated_after: bool


def snippet(text: str, spans: Sequence[Span], *, sentences: int = 3, limit: int = 420) -> Snippet:
    """Return at most `sentences` sentences and `limit` characters: those with the most queries, then the most spans.

    Of equals the ones that begin with a span, so that reading on tells what it is about. Without spans, the beginning
    of the text. A sentence that is too long alone is cut between words around its spans.
    """
    bounds = _sentence_bounds(text)
    if not bounds:
        return Snippet("", (), truncated_before=False, truncated_after=False)
    start, end = _best_sentences(bounds, spans, sentences, limit)
    if end - start > limit:
        start, end = _truncate_sentence(text, start, end, [s for s in spans if start <= s.start < end], limit)
    inside = (Span(max(s.start, start) - start, min(s.end, end) - start, s.query) for s in spans)
    return Snippet(
        text[start:end],
        tuple(span for span in inside if span.start < span.end),
        truncated_before=bool(text[:start].strip()),
        truncated_after=bool(text[end:].strip()),
    )


def _sentence_bounds(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence, without the blanks around it."""
    bounds = []
    start = 0
    for match in [*_SENTENCE_END.finditer(text), None]:
        end = len(text) if match is None else match.end()
        if match and match.group() == ".":  # also after abbreviations and initials (et al., Fig. 3, J. Smith)
            head = text[max(start, match.start() - _LONGEST_ABBREVIATION) : end]
            if _ABBREVIATION.search(head):
                continue
        if text[start:end].strip():
            bounds.append((end - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())))
        start = end
    return bounds


def _best_sentences(
    bounds: list[tuple[int, int]], spans: Sequence[Span], sentences: int, limit: int
) -> tuple[int, int]:
    """Return the start and end of the consecutive sentences that rank best."""
    ranked: list[tuple[tuple[int, int, int, int], tuple[int, int]]] = []
    for first in range(len(bounds)) if spans else range(1):
        start, end = bounds[first]
        size = 1
        for following in bounds[first + 1 : first + sentences]:
            if following[1] - start > limit:
                break
            end = following[1]
            size += 1
        inside = [span for span in spans if start <= span.start < end]
        leads = any(span.start < bounds[first][1] for span in inside)
        rank = (len({span.query for span in inside}), len(inside), size + leads, -first)
        ranked.append((rank, (start, end)))
    return max(ranked)[1]


def _truncate_sentence(text: str, start: int, end: int, spans: Sequence[Span], limit: int) -> tuple[int, int]:
    """Return at most `limit` characters of an overlong sentence, from before its first span on, between words."""
    # Where a cut splits no word: at blanks, and beside characters of scripts without blanks.
    breaks = []
    for position in range(start, end + 1):
        before, after = text[position - 1 : position], text[position : position + 1]
        is_wide = _WIDE_CHARACTER.match(before) and _WIDE_CHARACTER.match(after)
        if position in {start, end} or before.isspace() or after.isspace() or is_wide:
            breaks.append(position)
    if spans and spans[0].end - start > limit:
        earliest = max(start, min(spans[0].start - limit // 4, spans[0].end - limit // 2))
        start = next((stop for stop in breaks if earliest <= stop <= spans[0].start), spans[0].start)
    start = end - len(text[start:end].lstrip())
    last = max((stop for stop in breaks if start < stop <= start + limit), default=min(end, start + limit))
    piece = text[start:last]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
