"""Templates rendered and encoded once, with placeholders for what is personal.

    template with placeholders -> text -> encoded parts, a placeholder between each two
    encoded parts + encoded values -> bytes, by joining

A placeholder is a name between two control characters. Text from outside has none left (`formatting.clean_line`), so it
cannot forge one.
"""

import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from markupsafe import escape

from digest.mail import SOFT_BREAK, QuotedPrintable, encode_part, encode_plain

_PLACEHOLDER = re.compile("\x02([^\x03]*)\x03")
_VERBATIM = re.compile(r"[ !#-%(-;?-~]+")  # stands for itself in HTML and in quoted-printable
_VERBATIM_TOKEN = re.compile(r"[\w-][\w.-]{0,74}", re.ASCII)  # so does this, and fits into a line

EMPTY = QuotedPrintable(b"")
EncodedPair = tuple[QuotedPrintable, QuotedPrintable]  # for the HTML part and for the plain text


def placeholder(name: str) -> str:
    """Return what marks the place of a value in a rendered template."""
    return f"\x02{name}\x03"


def fill_placeholders(template: str, values: Mapping[str, str]) -> str:
    """Fill in a rendered template before it is encoded."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def encode_html_and_text(text: str) -> EncodedPair:
    """Encode a value for either part of an e-mail, escaped in HTML."""
    if _VERBATIM.fullmatch(text):
        encoded = encode_plain(text)
        return encoded, encoded
    escaped, plain = str(escape(text)), encode_part(text)
    return (plain if escaped == text else encode_part(escaped)), plain


def add_token(page: EncodedPair, token: str) -> EncodedPair:
    """Append the last segment of a URL to the encoded rest of it."""
    if _VERBATIM_TOKEN.fullmatch(token):
        encoded = token.encode() + SOFT_BREAK
        return QuotedPrintable(page[0] + encoded), QuotedPrintable(page[1] + encoded)
    html, text = encode_html_and_text(token)
    return QuotedPrintable(page[0] + html), QuotedPrintable(page[1] + text)


class Fragment:
    """Rendered template in its encoded form. It holds nothing personal: values come with each call and are not kept."""

    __slots__ = ("_select_values", "_slots", "names")

    def __init__(self, template: str) -> None:
        parts = _PLACEHOLDER.split(template)
        self.names = tuple(parts[1::2])
        # Values replace every other slot.
        self._slots: list[QuotedPrintable] = [EMPTY] * len(parts)
        self._slots[::2] = map(encode_part, parts[::2])
        self._select_values: Any = (
            itemgetter(*self.names) if self.names[1:] else lambda values: [values[name] for name in self.names]
        )

    def fill(self, values: Mapping[str, QuotedPrintable]) -> list[QuotedPrintable]:
        """Return all parts, to be joined with others. Raises KeyError without a value."""
        slots = self._slots.copy()
        slots[1::2] = self._select_values(values)
        return slots

    def render(self, values: Mapping[str, QuotedPrintable]) -> QuotedPrintable:
        """Join all parts. Raises KeyError without a value."""
        return QuotedPrintable(b"".join(self.fill(values)))

    def render_lists(
        self, values: Mapping[str, QuotedPrintable], lists: Mapping[str, Sequence[QuotedPrintable]]
    ) -> QuotedPrintable:
        """Join all parts, where some values are lists of parts, in the order of their placeholders."""
        slots = self.fill({**values, **dict.fromkeys(lists, EMPTY)})
        for name, parts in reversed(list(lists.items())):
            if parts:
                position = 2 * self.names.index(name) + 1
                slots[position : position + 1] = parts
        return QuotedPrintable(b"".join(slots))
