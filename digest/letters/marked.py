"""Text in pieces: the matched words, each with its keyword's position, and what stands between them."""

from collections.abc import Iterable
from typing import NamedTuple

from digest.letters import say
from digest.matching import Span


class Piece(NamedTuple):
    """`query` is a keyword's position, which has a colour, or a hole that is to be painted later."""

    text: str
    query: int | str | None = None


def pieces(text: str, spans: Iterable[Span], limit: int) -> tuple[Piece, ...]:
    """`text` cut to `limit` characters and split at its spans; a span that does not fit in is left out.

    Cleaning comes after splitting, because spans count the characters of the text as it was given.
    """
    end = len(text) if len(text) <= limit else limit - 1
    made: list[Piece] = []
    at = 0
    for span in sorted(spans):
        if span.start < at or span.end > end or span.end <= span.start:
            continue
        made += [Piece(text[at : span.start]), Piece(text[span.start : span.end], span.query)]
        at = span.end
    made.append(Piece(text[at:end] if end == len(text) else text[at:end].rstrip() + "…"))
    cleaned = (Piece(say.clean(piece.text), piece.query) for piece in made)
    return tuple(piece for piece in cleaned if piece.text)


def starred(parts: Iterable[Piece]) -> str:
    """The pieces for text/plain: matched words between asterisks."""
    return "".join(piece.text if piece.query is None else f"*{piece.text.strip()}*" for piece in parts)


def plain(parts: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in parts).strip()
