"""Lists of papers: of a day, a week or a month, and what trends. Search results stand at /papers?q=, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlmodel import Session

from digest.database import read_session
from digest.database.models import Paper
from digest.formatting import format_date, format_day, format_number
from digest.papers import (
    FilterChoices,
    PaperFilter,
    PaperOrder,
    SourceProblem,
    best_of_days,
    count_by_day,
    count_choices,
    count_papers,
    latest_list_day,
    list_papers,
    load_source_problems,
    neighbor_list_days,
)
from digest.web import messages
from digest.web.context import SAFE_METHODS, WebContext, WebDep
from digest.web.errors import error_page
from digest.web.forms import ParsedForm
from digest.web.pages.list_options import BY_DAY, PERIOD_ORDERS, ListOptions
from digest.web.pages.paper_entries import MAX_PAGES, PAPERS_PER_PAGE, PaperEntry, paper_entries, parse_page_number
from digest.web.pages.periods import Period, PeriodKind, make_calendar, month_of, parse_period, period_around
from digest.web.pages.search_results import ParsedSearch, search_page
from digest.web.previews import describe_form

router = APIRouter()
PAPERS_PER_DAY = {"week": 6, "month": 3}  # best papers of each day
OF_ONE_DAY = {"failed", "partial", "stale", "missing"}  # problems of one list day
MAX_CATEGORIES = 100  # in the list to choose from
LATEST_VIEWS: dict[str, PeriodKind] = {"week": "week", "month": "month", "trending": "trending"}
PERMANENT_REDIRECT = 308


class ListParameters(BaseModel):
    """Query parameters of a list. All are texts, which `ListOptions` checks."""

    page: str = "1"
    source: str = ""
    category: str = ""
    sort: str = ""
    density: str = ""


class PapersParameters(ListParameters):
    """Query parameters of /papers: those of a list, and of a search. `view` is of earlier versions."""

    q: str = ""
    view: str = ""
    position: str = Field(default="", alias="at")
    since: str = ""


@dataclass(frozen=True, slots=True)
class DayGroup:
    """Best papers of one list day, and how many it has in all."""

    period: Period
    entries: Sequence[PaperEntry]
    total: int


@dataclass(frozen=True, slots=True)
class PaperList:
    """What a page lists: groups by day, or one page of a flat list."""

    total: int
    groups: Sequence[DayGroup] = ()
    entries: Sequence[PaperEntry] = ()
    page: int = 1
    pages: int = 1
    first_without_upvotes: int | None = None


@router.api_route("/papers", methods=SAFE_METHODS)
def papers_page(web: WebDep, parameters: Annotated[PapersParameters, Query()]) -> Response:
    """Show search results for `q`, else the papers of the latest list day."""
    if parameters.q.strip():
        return search_page(
            web,
            parameters.q,
            parameters.position,
            source=parameters.source,
            sort=parameters.sort,
            since=parameters.since,
            density=parameters.density,
        )
    if parameters.view in LATEST_VIEWS:
        query = f"?{urlencode({'page': parameters.page})}" if parameters.page != "1" else ""
        return RedirectResponse(f"{web.root}/papers/{parameters.view}{query}", PERMANENT_REDIRECT)
    return _latest_page(web, "day", parameters)


@router.api_route("/search", methods=SAFE_METHODS)
def search_form_page(web: WebDep, parameters: Annotated[PapersParameters, Query()]) -> Response:
    """Show a field to search; what is already entered is searched at its own address."""
    if parameters.q.strip():
        return RedirectResponse(f"{web.root}/papers?{urlencode({'q': parameters.q})}", PERMANENT_REDIRECT)
    examples = describe_form(web, "", ParsedForm(), None).related
    return web.render("papers-search.html", search=ParsedSearch(""), examples=examples)


@router.api_route("/papers/{period}", methods=SAFE_METHODS)
def period_page(web: WebDep, period: str, parameters: Annotated[ListParameters, Query()]) -> HTMLResponse:
    """Show a day, a week or a month, the latest week or month with papers, or what trends."""
    if kind := LATEST_VIEWS.get(period):
        return _latest_page(web, kind, parameters)
    parsed = parse_period(period)
    if parsed is None:
        return error_page(
            web,
            404,
            title=messages.NO_DATE_TITLE,
            text=messages.NO_DATE,
            links={"/papers": messages.LATEST_PAPERS_LABEL},
        )
    with read_session(web.ctx.engine) as session:
        return _period_page(web, session, parsed, parameters)


def _latest_page(web: WebContext, kind: PeriodKind, parameters: ListParameters) -> HTMLResponse:
    with read_session(web.ctx.engine) as session:
        day = latest_list_day(session)
        if day is None:
            problems = load_source_problems(session, web.clock())
            public = [problem for problem in problems if not problem.is_for_operator]
            return web.render("papers-empty.html", problems=public)
        return _period_page(web, session, period_around(kind, day), parameters)


def _period_page(web: WebContext, session: Session, period: Period, parameters: ListParameters) -> HTMLResponse:
    orders = (BY_DAY | PERIOD_ORDERS) if period.kind in PAPERS_PER_DAY else PERIOD_ORDERS
    choices = count_choices(session, period.first, period.last)
    names = {*web.source_titles, *choices.sources}
    options = ListOptions.parse(
        orders, names, **parameters.model_dump(include={"source", "category", "sort", "density"})
    )
    previous, following = neighbor_list_days(session, period.first, period.last)
    if not choices.sources:
        return _empty_page(web, session, period, previous, following)
    everything = PaperFilter(period.first, period.last, with_upvotes=period.kind == "trending")
    wanted = PaperFilter(
        period.first, period.last, options.source, options.category, with_upvotes=everything.with_upvotes
    )
    papers = _load_list(session, period, wanted, options, parameters.page)
    if papers is None:
        links = {f"/papers/{period.name}{options.query()}": messages.FIRST_PAGE_LABEL}
        return error_page(web, 404, text=messages.NO_SUCH_LIST_PAGE, links=links)
    last_listed = latest_list_day(session, period.last) or period.last
    month = month_of(last_listed)
    counts = count_by_day(session, PaperFilter(month.first, month.last))
    return web.render(
        "papers.html",
        period=period,
        title=period.title(last_listed),
        full_title=period.full_title(last_listed),
        options=options,
        orders=orders,
        sort=options.sort or next(iter(orders)),
        choices=choices,
        source_options=source_options(choices, options, web.source_titles),
        category_options=category_options(choices, options),
        papers=papers,
        total_unfiltered=count_papers(session, everything) if options.is_filtered else papers.total,
        periods={kind: period_around(kind, last_listed) for kind in ("day", "week", "month")},
        previous=period_around(period.kind, previous) if previous and period.kind != "trending" else None,
        following=period_around(period.kind, following) if following and period.kind != "trending" else None,
        calendar=make_calendar(month, counts, period, *neighbor_list_days(session, month.first, month.last)),
        source_titles=web.source_titles,
        feed=ListOptions(options.source, options.category).query(),
        problems=_problems_of(
            load_source_problems(session, web.clock()), period, web.source_titles, is_latest=following is None
        ),
    )


def _load_list(
    session: Session, period: Period, wanted: PaperFilter, options: ListOptions, page_text: str
) -> PaperList | None:
    """Load the best papers of each day, or a page of all; None where there is no such page."""
    if period.kind in PAPERS_PER_DAY and options.sort in {"", *BY_DAY}:
        if page_text != "1":
            return None
        days = best_of_days(session, wanted, PAPERS_PER_DAY[period.kind])
        groups = [
            DayGroup(period_around("day", group.day), paper_entries(session, group.papers), group.total)
            for group in days
        ]
        return PaperList(total=count_papers(session, wanted), groups=groups)
    total = count_papers(session, wanted)
    pages = min(max(1, -(-total // PAPERS_PER_PAGE)), MAX_PAGES)
    number = parse_page_number(page_text, pages)
    if not number:
        return None
    order = PaperOrder(options.sort or PaperOrder.UPVOTES)
    start = (number - 1) * PAPERS_PER_PAGE
    papers = list_papers(session, wanted, order, offset=start, limit=PAPERS_PER_PAGE)
    return PaperList(
        total=total,
        entries=paper_entries(session, papers, with_days=period.kind != "day"),
        page=number,
        pages=pages,
        first_without_upvotes=_first_without_upvotes(papers) if order == PaperOrder.UPVOTES else None,
    )


def _first_without_upvotes(papers: Sequence[Paper]) -> int | None:
    """Return where the papers without upvotes begin, if others stand before them on this page."""
    position = next((number for number, paper in enumerate(papers) if paper.upvotes is None), None)
    return position or None


def source_options(choices: FilterChoices, options: ListOptions, titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return values and labels of the sources of a period, and what was chosen even if no paper has it."""
    names = dict.fromkeys([*choices.sources, *filter(None, [options.source])])
    return sorted(((name, titles.get(name, name)) for name in names), key=lambda option: option[1].casefold())


def category_options(choices: FilterChoices, options: ListOptions) -> list[tuple[str, str]]:
    """Return values and labels of the MAX_CATEGORIES most frequent categories, and of the chosen one."""
    frequent = sorted(choices.categories, key=lambda name: -choices.categories[name])[:MAX_CATEGORIES]
    names = sorted({*frequent, *filter(None, [options.category])})
    return [(name, f"{name} ({format_number(choices.categories.get(name, 0))})") for name in names]


def _problems_of(
    problems: Sequence[SourceProblem], period: Period, titles: Mapping[str, str], *, is_latest: bool
) -> list[SourceProblem]:
    """Return what concerns this period: one problem for the days of a source, and on the latest one those that last."""
    is_lasting = {"down", "quiet"}
    concerning = [
        problem
        for problem in problems
        if not problem.is_for_operator
        and (
            is_latest if problem.kind in is_lasting else problem.is_error and period.first <= problem.day <= period.last
        )
    ]
    by_source: dict[str, list[SourceProblem]] = {}
    for problem in concerning:
        by_source.setdefault(problem.source if problem.kind in OF_ONE_DAY else problem.sentence, []).append(problem)
    return [_merge_days(group, titles) for group in by_source.values()]


def _merge_days(problems: Sequence[SourceProblem], titles: Mapping[str, str]) -> SourceProblem:
    """Return one problem in place of those that several days of one source have."""
    newest = max(problems, key=lambda problem: problem.day)
    if len(problems) == 1:
        return newest
    first, last = format_day(min(problem.day for problem in problems)), format_day(newest.day)
    title = titles.get(newest.source, newest.source)
    return replace(newest, sentence=messages.several_days(title, len(problems), first, last))


def _empty_page(
    web: WebContext, session: Session, period: Period, previous: date | None, following: date | None
) -> HTMLResponse:
    today = web.clock().date()
    problems = _problems_of(load_source_problems(session, web.clock()), period, web.source_titles, is_latest=False)
    links: dict[str, str] = {}
    for nearest in filter(None, (previous, following)):
        near = period_around(period.kind if period.kind != "trending" else "day", nearest)
        links[f"/papers/{near.name}"] = near.full_title()
    if period.first > today:
        text = messages.in_future(format_date(period.first))
    elif problems:
        text = " ".join(problem.sentence for problem in problems)
    elif period.first <= today <= period.last:
        text = messages.NOT_PUBLISHED_YET
    else:
        text = messages.NOT_LISTED
    if links:
        text = f"{text} {messages.NEAREST_LISTS}"
    return error_page(web, 404, title=messages.no_papers_title(period.full_title()), text=text, links=links or None)
