"""What every door to the search does: read the query, look, and say where to go on."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from digest import db, desk, search
from digest.errors import QueryError
from digest.matching import Query, parse
from digest.web.front import Front

RESULTS = 25
TRAIL = 30  # pages that "newer" leads back through
_PLACES = re.compile(r"[1-9][0-9]{0,15}(?:\.[1-9][0-9]{0,15}){0,40}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: what was written, what it means (None when it cannot be read), and what is wrong with it."""

    written: str
    query: Query | None = None
    wrong: str = ""
    position: int = 0


def read(at: Front, written: str) -> Asked:
    """Read a query under the operator's limits."""
    try:
        query = parse(written, desk.Rules.of(at.house.settings).limits)
    except QueryError as error:
        return Asked(written, None, str(error), error.position or 1)
    return Asked(written.strip(), query)


def places(written: str) -> list[int] | None:
    """The way to a page of results: below which numbers each one looked. None for what is no such way."""
    if not written:
        return []
    return [int(each) for each in written.split(".")] if _PLACES.fullmatch(written) else None


def found(at: Front, query: Query, way: list[int], most: int = RESULTS) -> search.Found:
    with db.reading(at.house.engine) as session:
        return search.look(session, query, min(way[-1], search.TOP) if way else search.TOP, most=most)


def onward(written: str, way: list[int]) -> str:
    """The query string of a page of results."""
    trail = ".".join(map(str, way[-TRAIL:]))
    return urlencode({"q": written, **({"at": trail} if trail else {})})
