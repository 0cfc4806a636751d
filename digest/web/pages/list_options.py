"""Query parameters of the lists of papers: filters, sort and density, checked and written back into links."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from digest.web.errors import InvalidParameterError

CATEGORY_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,29}")
PERIOD_ORDERS = {
    "upvotes": "Most upvoted",
    "newest": "Newest",
    "stars": "Most code stars",
    "comments": "Most discussed",
}
BY_DAY = {"days": "By day"}
SEARCH_ORDERS = {"newest": "Newest", "upvotes": "Most upvoted", "stars": "Most code stars"}
SEARCH_PERIODS = {"": "Any time", "7": "Last 7 days", "30": "Last 30 days", "365": "Last year"}


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Choices of a visitor. Empty are those that are not made."""

    source: str = ""
    category: str = ""
    sort: str = ""
    since: str = ""
    density: str = ""

    @classmethod
    def parse(cls, orders: Mapping[str, str], sources: Collection[str], **values: str) -> Self:
        """Check the parameters. `orders`: those that this list can be sorted by; `sources`: those that papers are of.

        Raises InvalidParameterError, which says what is wrong and what there is to choose.
        """
        options = cls(**{name: value.strip() for name, value in values.items()})
        if options.source and options.source not in sources:
            raise InvalidParameterError("source", options.source, choices=sorted(sources))
        if options.category and not CATEGORY_PATTERN.fullmatch(options.category):
            raise InvalidParameterError("category", options.category, choices=["cs.CL", "math.CO", "hep-th"])
        if options.sort and options.sort not in orders:
            raise InvalidParameterError("sort", options.sort, choices=list(orders))
        if options.since not in SEARCH_PERIODS:
            raise InvalidParameterError("since", options.since, choices=[days for days in SEARCH_PERIODS if days])
        if options.density not in {"", "compact"}:
            raise InvalidParameterError("density", options.density, choices=["compact"])
        return options

    @property
    def is_filtered(self) -> bool:
        """Whether papers are left out."""
        return bool(self.source or self.category or self.since)

    def query(self, first: Mapping[str, str | int] | None = None, **changes: str) -> str:
        """Return these choices, with changes, as a query string with its question mark; `first` stands before them."""
        changed = replace(self, **changes)
        names = ("source", "category", "sort", "since", "density")
        values = {**(first or {}), **{name: getattr(changed, name) for name in names}}
        parameters = urlencode({name: value for name, value in values.items() if value})
        return f"?{parameters}" if parameters else ""
