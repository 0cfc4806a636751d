"""What every door to the search does: read the query, look, and say where to go on."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from digest import db, desk, search
from digest.errors import QueryError
from digest.matching import Query, parse
from digest.web.front import WebContext

RESULTS_PER_PAGE = 25
MAX_TRAIL = 30  # pages that "newer" leads back through
_TRAIL_PATTERN = re.compile(r"[1-9][0-9]{0,15}(?:\.[1-9][0-9]{0,15}){0,40}")


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """A search: what was written, what it means (None when it cannot be read), and what is wrong with it."""

    written: str
    query: Query | None = None
    wrong: str = ""
    position: int = 0


def parse_search(web: WebContext, text: str) -> ParsedSearch:
    """Read a query under the operator's limits."""
    try:
        query = parse(text, desk.KeywordLimits.from_settings(web.ctx.settings).limits)
    except QueryError as error:
        return ParsedSearch(text, None, str(error), error.position or 1)
    return ParsedSearch(text.strip(), query)


def parse_trail(text: str) -> list[int] | None:
    """The way to a page of results: below which numbers each one looked. None for what is no such way."""
    if not text:
        return []
    return [int(each) for each in text.split(".")] if _TRAIL_PATTERN.fullmatch(text) else None


def run_search(web: WebContext, query: Query, trail: list[int], limit: int = RESULTS_PER_PAGE) -> search.SearchPage:
    with db.read_session(web.ctx.engine) as session:
        return search.search_papers(
            session, query, min(trail[-1], search.MAX_PAPER_ID) if trail else search.MAX_PAPER_ID, limit=limit
        )


def search_parameters(text: str, way: list[int]) -> str:
    """The query string of a page of results."""
    position = ".".join(map(str, way[-MAX_TRAIL:]))
    return urlencode({"q": text, **({"at": position} if position else {})})
