"""Previews: the e-mail that keywords would have brought, how often they match, how each is read, what to add.

The page and its live part show the same. Nothing is stored, and nothing that is typed is ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from digest import planning
from digest.database import read_session
from digest.matching import KeywordInput, parse_canonical, restrict_to_sources
from digest.papers import find_recent_candidates, latest_list_day, papers_on_day
from digest.planning import Preview, preview_recent
from digest.rendering import (
    DigestContext,
    DigestSummary,
    PaperCard,
    PaperView,
    PersonalFields,
    build_card,
    preview_context,
    render_digest,
    summarize_digest,
)
from digest.subscribers import Preferences, parse_keywords
from digest.web import messages
from digest.web.context import WebContext
from digest.web.forms import FieldError, ParsedForm, PreferencesFields, parse_preferences_fields
from digest.web.previews.descriptions import LIST_DAYS_BY_PERIOD, KeywordCounts, KeywordDescription, describe_keywords

SHOWN_PAPERS = 3  # in the window that stands for the e-mail
MAX_PREVIEW_TERMS = 400  # terms of all keywords that one preview looks up
EXAMPLE_KEYWORDS, TRIED_PHRASES = 2, 8
MAX_EXAMPLE_PAPERS = 1000  # that may match one phrase, more than a day has of any
LEAST_OF_A_PERIOD = 0.75  # fewer than that are rather told by a longer period


class MatchRate(NamedTuple):
    """About how many papers match in a period: "day", "week" or "month"."""

    papers: int
    period: str


@dataclass(frozen=True, slots=True)
class EmailPreview:
    """E-mail of `day`, the last one with a match, as far as the window shows it.

    `papers`: its best ones, then those of earlier days where it has fewer; `more`: how many more it has.
    """

    day: date
    summary: DigestSummary
    papers: tuple[PaperCard, ...]
    more: int
    keywords: tuple[str, ...] = ()
    is_example: bool = False


@dataclass(frozen=True, slots=True)
class KeywordPreview:
    """What the keywords would have brought in the last `days` list days.

    `matched` counts each paper once, `counts` those of each keyword. `email` is None when nothing matches.
    """

    email: EmailPreview | None
    counts: tuple[int, ...]
    matched: int
    days: int
    rate: MatchRate | None
    considered: int


@dataclass(frozen=True, slots=True)
class KeywordFeedback:
    """How the keywords are read, and phrases that could be added: `close` are probably meant, too."""

    meanings: tuple[KeywordDescription, ...] = ()
    close: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


def parse_preview_keywords(form: PreferencesFields, web: WebContext) -> ParsedForm:
    """Parse the keywords alone, within the limits of a preview."""
    parsed = parse_preferences_fields(form, web.ctx.settings, web.keyword_limits)
    parsed.errors = parsed.errors_in("keywords")
    queries = [parse_canonical(keyword.canonical) for keyword in parsed.keywords]
    if len({term.canonical for query in queries for term in query.terms}) > MAX_PREVIEW_TERMS:
        message = messages.preview_too_large(MAX_PREVIEW_TERMS)
        parsed.keywords, parsed.errors = [], [*parsed.errors, FieldError("keywords", message)]
    return parsed


def preview_keywords(web: WebContext, parsed: ParsedForm) -> KeywordPreview | None:
    """Preview the keywords in the last list days; None if none can be parsed or there are no papers."""
    if parsed.errors_in("keywords") and not parsed.keywords:
        return None
    keywords = [restrict_to_sources(keyword, parsed.preferences.sources) for keyword in parsed.keywords]
    with read_session(web.ctx.engine) as session:
        found = preview_recent(
            session,
            keywords,
            web.recent_papers,
            web.clock(),
            cap=SHOWN_PAPERS,
            newest_first=True,
            about_only=parsed.preferences.about_only,
        )
    if found is None:
        return None
    matched = len(found.papers) + found.omitted_count
    email = _preview_email(web, parsed.keywords, found) if found.papers else None
    rate = estimate_rate(matched, found.days)
    return KeywordPreview(email, found.match_counts, matched, found.days, rate, found.considered_count)


def estimate_rate(matched: int, days: int) -> MatchRate | None:
    """Say how often so many matches in so many list days are; None without a match."""
    if not matched:
        return None
    rates = {period: matched / days * length for period, length in LIST_DAYS_BY_PERIOD.items()}
    period = next((period for period, rate in rates.items() if rate >= LEAST_OF_A_PERIOD), "month")
    return MatchRate(max(1, round(rates[period])), period)


def preview_example(web: WebContext, phrases: Sequence[str]) -> EmailPreview | None:
    """Preview the e-mail of the latest list day for the phrases that match most; else for no keywords."""
    cache, key = web.recent_papers.cache, ("example", web.papers_version(), tuple(phrases))
    if key in cache:
        example: EmailPreview | None = cache[key]
    else:
        example = cache[key] = _choose_example(web, phrases)
    return example


def _choose_example(web: WebContext, phrases: Sequence[str]) -> EmailPreview | None:
    now, (keywords, _) = web.clock(), parse_keywords(phrases[:TRIED_PHRASES])
    with read_session(web.ctx.engine) as session:
        # Only what may match is read: all papers of a day would take seconds, and 20 MB for their words.
        queries = [parse_canonical(keyword.canonical) for keyword in keywords]
        candidates = find_recent_candidates(session, queries, days=1, scan_limit=MAX_EXAMPLE_PAPERS)
        if candidates is None:
            return None
        papers, day = candidates.papers, candidates.day
        counts = planning.preview(session, keywords, papers, day, now, cap=SHOWN_PAPERS).match_counts if papers else ()
        ranked = sorted(zip(counts, range(len(counts)), strict=True), key=lambda pair: (-pair[0], pair[1]))
        chosen = [keywords[position] for count, position in ranked[:EXAMPLE_KEYWORDS] if count]
        shown = papers if chosen else papers_on_day(session, day)
        found = planning.preview(session, chosen, shown, day, now, cap=SHOWN_PAPERS)
    return replace(_preview_email(web, chosen, found), is_example=True) if found.papers else None


def render_preview_email(web: WebContext, keywords: Sequence[KeywordInput], day: date | None) -> str:
    """Render the whole e-mail of a list day (the latest one, where that day has no list); empty without papers."""
    with read_session(web.ctx.engine) as session:
        papers = papers_on_day(session, day) if day else []
        day = day if papers else latest_list_day(session)
        if day is None:
            return ""
        papers = papers or papers_on_day(session, day)
        found = planning.preview(session, keywords, papers, day, web.clock(), cap=Preferences().cap)
    return render_digest(preview_context(web.ctx, keywords, found.papers, found.omitted_count, day)).html


def describe_form(web: WebContext, entered: str, parsed: ParsedForm, preview: KeywordPreview | None) -> KeywordFeedback:
    """Describe the keywords and suggest others, unless all of the entered ones are invalid."""
    if not parsed.keywords:
        return KeywordFeedback(related=() if entered.strip() else _examples(web))
    counts = KeywordCounts(preview.counts, preview.considered, preview.days) if preview else None
    meanings = describe_keywords(web.suggester, parsed.keywords, web.acronyms, parsed.preferences, counts)
    suggested = web.suggester.suggest([parse_canonical(keyword.canonical) for keyword in parsed.keywords])
    return KeywordFeedback(meanings, suggested.close, suggested.related)


def _examples(web: WebContext) -> tuple[str, ...]:
    cache, key = web.recent_papers.cache, ("examples", web.papers_version())
    if key not in cache:
        with read_session(web.ctx.engine) as session:
            cache[key] = web.suggester.examples(session)
    examples: tuple[str, ...] = cache[key]
    return examples


def _preview_email(web: WebContext, keywords: Sequence[KeywordInput], found: Preview) -> EmailPreview:
    """Return the e-mail of the first paper's list day, and the papers to show."""
    day = found.papers[0].paper.listed_on
    own = [view for view in found.papers if view.paper.listed_on == day]
    omitted = max(found.first_day_count - len(own), 0)
    context = preview_context(web.ctx, keywords, own, omitted, day)
    shown = [0] * len(keywords)
    for view in own:
        for position, _ in view.matched_in:
            shown[position] += 1
    left_out = [max(count - seen, 0) for count, seen in zip(found.first_day_match_counts, shown, strict=True)]
    has_matches = any(view.matched_in for view in own)
    summary = summarize_digest(replace(context, left_out_counts=tuple(left_out) if has_matches else ()))
    cards = tuple(_impersonal_card(web, view, context) for view in found.papers)
    texts = tuple(keyword.text for keyword in keywords)
    return EmailPreview(day, summary, cards, omitted if has_matches else 0, texts)


def _impersonal_card(web: WebContext, view: PaperView, context: DigestContext) -> PaperCard:
    """Return the paper without personal reasons, cached by paper and day."""
    cache = web.recent_papers.cache
    card: PaperCard | None = cache.get((view, context.day))
    if card is None:
        card = build_card(view, context.day, PersonalFields.for_subscriber(view, context))
        card = cache[view, context.day] = replace(card, reasons=(), reason_text="")
    return card
