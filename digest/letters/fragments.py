"""Templates rendered and encoded once, with holes for what is a reader's own.

    template with holes -> text -> pieces in wire form, a hole between each two
    pieces + what belongs into the holes -> bytes, by joining

A hole is a name between two control characters. Text from outside has no such characters left (`say.clean`), so nobody
can write one into a title or a keyword.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from markupsafe import escape

from digest.letters.wire import Quoted, piece

_HOLE = re.compile("\x02([^\x03]*)\x03")


def hole(name: str) -> str:
    """What stands in a rendered template where something called `name` is to be filled in."""
    return f"\x02{name}\x03"


def said(text: str, values: Mapping[str, str]) -> str:
    """A rendered sentence with its holes filled, for what is encoded only afterwards."""
    return _HOLE.sub(lambda found: values[found[1]], text)


def html(text: str) -> Quoted:
    """Text for a hole in HTML."""
    return piece(str(escape(text)))


def both(text: str) -> tuple[Quoted, Quoted]:
    """Text for a hole in HTML, and for one in text/plain."""
    escaped, plain = str(escape(text)), piece(text)
    return (plain if escaped == text else piece(escaped)), plain


# The same for what many letters say: a clock, a date, how often.
common = lru_cache(maxsize=4096)(both)


class Fragment:
    """A rendered template in wire form. It knows nobody: what is a reader's own comes with `filled` and is not kept."""

    __slots__ = ("_parts", "names")

    def __init__(self, rendered: str) -> None:
        parts = _HOLE.split(rendered)
        self.names = tuple(parts[1::2])
        self._parts = [piece(part) for part in parts]

    def filled(self, values: Mapping[str, Quoted]) -> Quoted:
        """The whole in wire form. KeyError for a hole that has no value."""
        parts = self._parts.copy()
        parts[1::2] = [values[name] for name in self.names]
        return Quoted(b"".join(parts))
