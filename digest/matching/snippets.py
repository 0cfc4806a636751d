"""The few sentences of an abstract that show why it was chosen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from digest.matching.explain import Span

# A sentence ends with a full stop, quotes or brackets behind it, then a blank and something that can begin one.
# Nothing is tried twice (++): forty thousand full stops in a row must not take long.
_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]]*+(?=\s++[^\sa-z,;:.)\]])|[\u3002\uff0e\uff01\uff1f]+[\u300d\u300f\u201d\uff09]*"
)


_NO_END = re.compile(
    r"(?:\b(?:e\.\s?g|i\.\s?e|cf|etc|vs|resp|approx|al|fig|figs|eq|eqs|sec|secs|tab|ref|refs|ch|no|nos|vol|pp|dr|prof|mr|mrs"
    r"|ms|st|jr|dept|univ|w\.r\.t|a\.k\.a)|(?<![\w.])[A-Z]|\b[A-Z](?:\.[A-Z])+)\.$",
    re.IGNORECASE,
)


_WIDE = re.compile("[\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Snippet:
    """`text` is a piece of the original, the spans count from its beginning; cut_* say that something was left out."""

    text: str
    spans: tuple[Span, ...]
    truncated_before: bool
    truncated_after: bool


def snippet(text: str, spans: Sequence[Span], *, sentences: int = 3, limit: int = 420) -> Snippet:
    """At most `sentences` sentences and `limit` characters: those with the most queries, then the most marks.

    Of equals the ones that begin with a mark, so that reading on tells what it is about. Without spans the text's
    beginning. A sentence that is too long alone is cut between words around its marks.
    """
    bounds = _bounds(text)
    if not bounds:
        return Snippet("", (), truncated_before=False, truncated_after=False)
    start, end = _best(bounds, spans, sentences, limit)
    if end - start > limit:
        start, end = _cut(text, start, end, [span for span in spans if start <= span.start < end], limit)
    inside = (Span(max(s.start, start) - start, min(s.end, end) - start, s.query) for s in spans)
    return Snippet(
        text[start:end],
        tuple(span for span in inside if span.start < span.end),
        truncated_before=bool(text[:start].strip()),
        truncated_after=bool(text[end:].strip()),
    )


def _bounds(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without the blanks around it."""
    bounds = []
    start = 0
    for found in [*_END.finditer(text), None]:
        end = len(text) if found is None else found.end()
        if found and _goes_on(text, start, found):
            continue
        if text[start:end].strip():
            bounds.append((end - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())))
        start = end
    return bounds


def _goes_on(text: str, start: int, end: re.Match[str]) -> bool:
    """Whether this full stop belongs to an abbreviation or to an initial (et al., Fig. 3, J. Smith)."""
    if end.group() != ".":
        return False
    head = text[max(start, end.start() - 12) : end.end()]
    return bool(_NO_END.search(head))


def _best(bounds: list[tuple[int, int]], spans: Sequence[Span], sentences: int, limit: int) -> tuple[int, int]:
    best: tuple[tuple[int, int, int, int], tuple[int, int]] | None = None
    firsts = range(len(bounds)) if spans else range(1)
    for first in firsts:
        start, end = bounds[first]
        size = 1
        for following in bounds[first + 1 : first + sentences]:
            if following[1] - start > limit:
                break
            end = following[1]
            size += 1
        marks = [span for span in spans if start <= span.start < end]
        leads = any(span.start < bounds[first][1] for span in marks)
        rank = (len({span.query for span in marks}), len(marks), size + leads, -first)
        if best is None or rank > best[0]:
            best = (rank, (start, end))
    return best[1] if best else (0, 0)


def _cut(text: str, start: int, end: int, marks: Sequence[Span], limit: int) -> tuple[int, int]:
    """At most `limit` characters of an overlong sentence, from before its first mark on, between words."""
    stops = _stops(text, start, end)
    if marks and marks[0].end - start > limit:
        lead = max(start, min(marks[0].start - limit // 4, marks[0].end - limit // 2))
        start = next((stop for stop in stops if lead <= stop <= marks[0].start), marks[0].start)
    start = end - len(text[start:end].lstrip())
    last = max((stop for stop in stops if start < stop <= start + limit), default=min(end, start + limit))
    piece = text[start:last]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _stops(text: str, start: int, end: int) -> list[int]:
    """Where a cut splits no word: at blanks, and beside characters of scripts without blanks."""
    stops = []
    for place in range(start, end + 1):
        before, after = text[place - 1 : place], text[place : place + 1]
        if place in {start, end} or before.isspace() or after.isspace() or (_WIDE.match(before) and _WIDE.match(after)):
            stops.append(place)
    return stops
