"""Templates rendered and encoded once, with holes for what is a reader's own.

    template with holes -> text -> pieces in wire form, a hole between each two
    pieces + what belongs into the holes -> bytes, by joining

A hole is a name between two control characters. Text from outside has no such characters left (`say.clean`), so nobody
can write one into a title or a keyword.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, Self, TypeVar

from markupsafe import escape

from digest.mail import SOFT_BREAK, QuotedPrintable, encode_part, encode_plain

_HOLE = re.compile("\x02([^\x03]*)\x03")


_HARMLESS = re.compile(r"[ !#-%(-;?-~]+")  # stands for itself in HTML and in quoted-printable


_TOKEN = re.compile(r"[\w-][\w.-]{0,74}", re.ASCII)  # so does this, and fits into a line


NOTHING = QuotedPrintable(b"")


Part = TypeVar("Part", str, QuotedPrintable)


def hole(name: str) -> str:
    """What stands in a rendered template where something called `name` is to be filled in."""
    return f"\x02{name}\x03"


def html(text: str) -> QuotedPrintable:
    """Text for a hole in HTML."""
    return encode_plain(text) if _HARMLESS.fullmatch(text) else encode_part(str(escape(text)))


def both(text: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    """Text for a hole in HTML, and for one in text/plain."""
    if _HARMLESS.fullmatch(text):
        same = encode_plain(text)
        return same, same
    escaped, plain = str(escape(text)), encode_part(text)
    return (plain if escaped == text else encode_part(escaped)), plain


# The same for what many letters say: a clock, a date, how often.
common = lru_cache(maxsize=4096)(both)


def address(url: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    """As `both`, for one of our own pages: all letters share what stands before the token."""
    page, slash, token = url.rpartition("/")
    begin = common(page + slash)
    if _TOKEN.fullmatch(token):
        raw = token.encode() + SOFT_BREAK
        return QuotedPrintable(begin[0] + raw), QuotedPrintable(begin[1] + raw)
    end = both(token)
    return QuotedPrintable(begin[0] + end[0]), QuotedPrintable(begin[1] + end[1])


def _split(text: str) -> tuple[list[str], list[str]]:
    """What stands around holes, and their names."""
    parts = _HOLE.split(text)
    return parts[::2], parts[1::2]


class _Holed(Generic[Part]):
    """Parts, with a hole between each two."""

    __slots__ = ("_picked", "_whole", "names")

    def __init__(self, parts: Sequence[Part], names: Sequence[str]) -> None:
        # What stands in a hole here is never looked at.
        self._whole: list[Part] = [each for part in parts for each in (part, part)][:-1]
        self.names = tuple(names)
        self._picked: Any = itemgetter(*names) if names[1:] else lambda given: tuple(map(given.__getitem__, names))

    @property
    def parts(self) -> list[Part]:
        """One more than there are names."""
        return self._whole[::2]

    def pieces(self, values: Mapping[str, Part]) -> list[Part]:
        """The whole, to be joined with others: what is joined twice is copied twice. KeyError without a value."""
        whole = self._whole.copy()
        whole[1::2] = self._picked(values)
        return whole


class Sentence(_Holed[str]):
    """A rendered sentence, for what is encoded only afterwards."""

    __slots__ = ()

    @classmethod
    def rendered(cls, text: str) -> Self:
        """A template in which holes were printed."""
        return cls(*_split(text))

    def filled(self, values: Mapping[str, str]) -> str:
        """The whole. KeyError for a hole that has no value."""
        return "".join(self.pieces(values))


class Fragment(_Holed[QuotedPrintable]):
    """A rendered template in wire form. It knows nobody: what is a reader's own comes with `filled` and is not kept."""

    __slots__ = ()

    @classmethod
    def rendered(cls, text: str) -> Self:
        """A template in which holes were printed."""
        parts, names = _split(text)
        return cls([encode_part(part) for part in parts], names)

    @classmethod
    def of(
        cls, many: Sequence["Fragment"], known: Sequence[Mapping[str, QuotedPrintable]], between: QuotedPrintable
    ) -> Self:
        """Several as one, with `between` between each two. For each of them some values are `known` already."""
        parts: list[list[QuotedPrintable]] = [[]]
        names: list[str] = []
        for number, (each, values) in enumerate(zip(many, known, strict=True)):
            parts[-1] += [between] if number else []
            first, *others = each.parts
            parts[-1].append(first)
            for name, part in zip(each.names, others, strict=True):
                if name in values:
                    parts[-1] += [values[name], part]
                else:
                    names.append(name)
                    parts.append([part])
        return cls([QuotedPrintable(b"".join(each)) for each in parts], names)

    def filled(self, values: Mapping[str, QuotedPrintable]) -> QuotedPrintable:
        """The whole in wire form. KeyError for a hole that has no value."""
        return QuotedPrintable(b"".join(self.pieces(values)))

    def around(
        self, values: dict[str, QuotedPrintable], long: Mapping[str, Sequence[QuotedPrintable]]
    ) -> QuotedPrintable:
        """The whole, where some holes, the last one last, take many pieces. `values` get them as empty ones."""
        values.update(dict.fromkeys(long, NOTHING))
        whole = self.pieces(values)
        for name, many in reversed(list(long.items())):
            if many:
                place = 2 * self.names.index(name) + 1
                whole[place : place + 1] = many
        return QuotedPrintable(b"".join(whole))
