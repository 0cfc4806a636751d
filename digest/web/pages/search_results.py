"""Search results: the papers that match a query, their number, and how many come a day."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select

from digest.database import read_session
from digest.database.models import Paper
from digest.errors import QueryError
from digest.formatting import pluralize
from digest.matching import Query, describe, parse
from digest.papers import (
    MatchCount,
    SearchOrder,
    SearchPage,
    SearchRequest,
    count_by_list_day,
    recent_list_days,
    search_papers,
)
from digest.subscribers import KeywordLimits
from digest.web import messages
from digest.web.context import WebContext
from digest.web.errors import error_page
from digest.web.pages.list_options import SEARCH_ORDERS, SEARCH_PERIODS, ListOptions
from digest.web.pages.paper_entries import highlighted_entries

RESULTS_PER_PAGE = 25
MAX_TRAIL = 30  # pages that "previous" links lead back through
TRAIL_PATTERN = re.compile(r"[1-9][0-9]{0,15}(?:\.[1-9][0-9]{0,15}){0,40}")
RHYTHM_DAYS = 30  # list days of the chart
MIN_RHYTHM_DAYS = 5  # with fewer, a chart tells nothing
SPELLING_TITLES = 2000  # latest papers whose titles have the words that a search may have meant
MIN_SPELLING_LENGTH = 4
SPELLING_CUTOFF = 0.8


@dataclass(frozen=True, slots=True)
class ParsedSearch:
    """Parsed search text. `query` is None if it is invalid; then `error` and `position` say why."""

    text: str
    query: Query | None = None
    error: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the matching papers spread over the last list days, oldest first."""

    counts: tuple[int, ...]
    total: int
    days: int
    most: int
    most_on: date
    is_exact: bool

    @property
    def per_week(self) -> str:
        """Average of five list days, in words."""
        rate = 5 * self.total / self.days
        return messages.per_week(round(rate)) if rate >= 1 else messages.LESS_THAN_WEEKLY


def parse_search(web: WebContext, text: str) -> ParsedSearch:
    """Parse a query under the operator's limits."""
    try:
        limits = KeywordLimits.from_context(web.ctx)
        query = parse(text, limits.query_limits, limits.acronyms)
    except QueryError as error:
        return ParsedSearch(text, None, str(error), error.position or 1)
    return ParsedSearch(text.strip(), query)


def parse_trail(text: str) -> list[int] | None:
    """Parse the trail to a page of results: the position at which each page before it ended. None if it is invalid."""
    if not text:
        return []
    return [int(position) for position in text.split(".")] if TRAIL_PATTERN.fullmatch(text) else None


def run_search(web: WebContext, request: SearchRequest, trail: list[int], limit: int = RESULTS_PER_PAGE) -> SearchPage:
    """Return one page of results."""
    with read_session(web.ctx.engine) as session:
        return search_papers(session, request, trail[-1] if trail else 0, limit=limit)


def search_parameters(text: str, trail: list[int]) -> dict[str, str]:
    """Return the query parameters of a page of results."""
    position = ".".join(map(str, trail[-MAX_TRAIL:]))
    return {"q": text, **({"at": position} if position else {})}


def search_page(web: WebContext, text: str, trail_text: str, **parameters: str) -> HTMLResponse:
    """Show a page of results. `parameters` are those of `ListOptions`."""
    options = ListOptions.parse(SEARCH_ORDERS, web.source_titles, **parameters)
    search, trail = parse_search(web, text), parse_trail(trail_text)
    if search.query is None:
        return web.render("papers-search.html", status=422, search=search, entries=())
    first = options.query(search_parameters(search.text, []))
    if trail is None:
        return error_page(web, 404, links={f"/papers{first}": messages.FIRST_PAGE_LABEL})
    request = SearchRequest(
        search.query,
        SearchOrder(options.sort or SearchOrder.NEWEST),
        options.source,
        web.clock().date() - timedelta(days=int(options.since)) if options.since else None,
    )
    with read_session(web.ctx.engine) as session:
        results = search_papers(session, request, trail[-1] if trail else 0, limit=RESULTS_PER_PAGE)
        entries = highlighted_entries(session, results.papers, search.query)
        suggestion = "" if entries or options.is_filtered else suggest_spelling(session, search.text)
        rhythm = load_rhythm(session, results) if results.count and not options.is_filtered else None
    last = results.next_position
    return web.render(
        "papers-search.html",
        search=search,
        meaning=describe(search.query),
        options=options,
        orders=SEARCH_ORDERS,
        periods=SEARCH_PERIODS,
        sources=web.known_sources,
        sort=options.sort or SearchOrder.NEWEST,
        count_text=count_text(results.count),
        rhythm=rhythm,
        entries=entries,
        results=results,
        suggestion=suggestion,
        previous=options.query(search_parameters(search.text, trail[:-1])) if trail else "",
        following=options.query(search_parameters(search.text, [*trail, last])) if last else "",
        first=first,
        unfiltered=ListOptions(density=options.density).query(search_parameters(search.text, [])),
        feed=ListOptions().query(search_parameters(search.text, [])),
    )


def count_text(count: MatchCount | None) -> str:
    """Return the number of results in words; empty where it is not known."""
    if count is None or not (count.number or count.is_exact):
        return ""
    papers = pluralize(count.number, "paper")
    if count.is_exact:
        return papers
    return f"more than {papers}" if count.is_minimum else f"about {papers}"


def load_rhythm(session: Session, results: SearchPage) -> Rhythm | None:
    """Count the results of the last list days; None where these are too few, or most candidates do not match."""
    days = sorted(recent_list_days(session, RHYTHM_DAYS))
    if len(days) < MIN_RHYTHM_DAYS or not results.papers:
        return None
    if results.count and not results.count.is_exact and 2 * results.count.number < len(results.candidates):
        return None
    counts = count_by_list_day(session, results.candidates, days)
    most = max(counts.values(), default=0)
    if not most:
        return None
    return Rhythm(
        counts=tuple(counts.get(day, 0) for day in days),
        total=sum(counts.values()),
        days=len(days),
        most=most,
        most_on=max(day for day in days if counts.get(day, 0) == most),
        is_exact=bool(results.count and results.count.is_exact),
    )


def suggest_spelling(session: Session, text: str) -> str:
    """Return the search with its unknown words replaced by similar ones of recent titles; empty if there are none."""
    if not re.fullmatch(r"[\w\s-]+", text):
        return ""
    titles = session.exec(select(Paper.title).order_by(col(Paper.id).desc()).limit(SPELLING_TITLES))
    known = Counter(word for title in titles for word in re.findall(r"[a-z]+", str(title).lower()))
    words = [word for word, _ in known.most_common() if len(word) >= MIN_SPELLING_LENGTH]

    def correct(match: re.Match[str]) -> str:
        word = match[0].lower()
        if len(word) < MIN_SPELLING_LENGTH or word in known:
            return match[0]
        similar = get_close_matches(word, words, n=1, cutoff=SPELLING_CUTOFF)
        return similar[0] if similar else match[0]

    corrected = re.sub(r"[A-Za-z]+", correct, text)
    return corrected if corrected != text else ""
