"""Templates rendered and encoded once, with placeholders for what is personal.

    template with placeholders -> text -> encoded parts, a placeholder between each two
    encoded parts + encoded values -> bytes, by joining

A placeholder is a name between two control characters. Text from outside has none left (`formatting.clean_line`), so it
cannot forge one.
"""

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from markupsafe import escape

from digest.mail import QuotedPrintable, encode_part

_PLACEHOLDER = re.compile("\x02([^\x03]*)\x03")
_ESCAPED_CHARACTER = re.compile("[&<>'\"]")

EMPTY = QuotedPrintable(b"")
EncodedPair = tuple[QuotedPrintable, QuotedPrintable]  # for the HTML part and for the plain text
EncodedValues = dict[str, QuotedPrintable]


def placeholder(name: str) -> str:
    """Return what marks the place of a value in a rendered template."""
    return f"\x02{name}\x03"


def encode_html_and_text(text: str) -> EncodedPair:
    """Encode a value for either part of an e-mail, escaped in HTML."""
    plain = encode_part(text)
    # The search is faster than the escaping, and nearly all values need none.
    return (encode_part(str(escape(text))) if _ESCAPED_CHARACTER.search(text) else plain), plain


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
