"""Text in pieces: the matched words, each with its keyword's position, and what stands between them."""

from collections.abc import Iterable
from typing import NamedTuple

from digest.letters import say
from digest.matching import Span


class TextPart(NamedTuple):
    """`query` is a keyword's position, which has a colour, or a hole that is to be painted later."""

    text: str
    query: int | str | None = None


def split_text(text: str, spans: Iterable[Span], limit: int) -> tuple[TextPart, ...]:
    """`text` cut to `limit` characters and split at its spans; a span that does not fit in is left out.

    Cleaning comes after splitting, because spans count the characters of the text as it was given.
    """
    end = len(text) if len(text) <= limit else limit - 1
    made: list[TextPart] = []
    at = 0
    for span in sorted(spans):
        if span.start < at or span.end > end or span.end <= span.start:
            continue
        made += [TextPart(text[at : span.start]), TextPart(text[span.start : span.end], span.query)]
        at = span.end
    made.append(TextPart(text[at:end] if end == len(text) else text[at:end].rstrip() + "…"))
    cleaned = (TextPart(say.clean_line(piece.text), piece.query) for piece in made)
    return tuple(piece for piece in cleaned if piece.text)


def starred(parts: Iterable[TextPart]) -> str:
    """The pieces for text/plain: matched words between asterisks."""
    return "".join(piece.text if piece.query is None else f"*{piece.text.strip()}*" for piece in parts)


def plain(parts: Iterable[TextPart]) -> str:
    return "".join(piece.text for piece in parts).strip()
