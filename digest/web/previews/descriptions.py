"""Feedback on keywords: how each is understood, what it finds, what was probably meant, and how to narrow it."""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.database.models import Frequency
from digest.errors import QueryError
from digest.matching import (
    MAX_LIMITS,
    AcronymTable,
    KeywordInput,
    Query,
    describe,
    other_forms,
    parse,
    parse_canonical,
)
from digest.papers import Correction, KeywordSuggester
from digest.subscribers import Preferences
from digest.web import messages

LIST_DAYS_BY_PERIOD = {"day": 1, "week": 5, "month": 21}  # the sources publish on weekdays
PERIODS = {Frequency.WEEKLY: "week", Frequency.MONTHLY: "month"}  # of one e-mail; else a day
MAX_EXCLUDED_SHARE, MIN_PAPERS = 1 / 3, 30  # of all papers, before an exclusion has a warning; of fewer no share tells
FEW_PAPERS = 3  # of a keyword that is looked at for typos
NARROW_SHARES = (1 / 20, 1 / 2)  # of an e-mail, for a narrowed keyword


@dataclass(frozen=True, slots=True)
class NarrowerKeyword:
    """Phrase that would narrow a keyword, and the keyword line with it."""

    phrase: str
    line: str


@dataclass(frozen=True, slots=True)
class KeywordDescription:
    """Meaning of a keyword, in `text`. `paper_count`: papers that match, None if not counted.

    - `filled_period`: where it alone fills the e-mail of a usual day, week or month, that word
    - `excluded_percent`: of all recent papers that an exclusion leaves out, where these are too many
    - `narrower`: what would narrow it; `corrections`: what was probably meant
    """

    keyword: str
    text: str
    paper_count: int | None = None
    filled_period: str = ""
    excluded_percent: int | None = None
    narrower: tuple[NarrowerKeyword, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class KeywordCounts:
    """How many papers each keyword matches, of how many, in how many list days."""

    matched: Sequence[int]
    considered: int
    days: int


def describe_keywords(
    suggester: KeywordSuggester,
    keywords: Sequence[KeywordInput],
    acronyms: AcronymTable,
    preferences: Preferences,
    counts: KeywordCounts | None = None,
) -> tuple[KeywordDescription, ...]:
    """Describe each keyword, with a warning if it is too broad for the e-mails of these preferences."""
    queries = [parse_canonical(keyword.text) for keyword in keywords]
    if counts is None:
        return tuple(KeywordDescription(query.text, _describe_forms(query, acronyms)) for query in queries)
    rare = [_read(query, acronyms) for query, count in zip(queries, counts.matched, strict=True) if count < FEW_PAPERS]
    corrections = suggester.correct(rare)
    descriptions = []
    for query, count in zip(queries, counts.matched, strict=True):
        period = "" if query.exclude else filled_period(count, counts.days, preferences)
        is_too_wide = query.exclude and count > MAX_EXCLUDED_SHARE * max(counts.considered, MIN_PAPERS)
        descriptions.append(
            KeywordDescription(
                query.text,
                _describe_forms(query, acronyms),
                count,
                period,
                round(100 * count / counts.considered) if is_too_wide else None,
                _narrow(suggester, _read(query, acronyms), counts.days, preferences) if period else (),
                corrections.get(query.text, ()),
            )
        )
    return tuple(descriptions)


def _read(query: Query, acronyms: AcronymTable) -> Query:
    """Return a query as it matches, with the long forms of acronyms; one accepted under other limits stays as it is."""
    try:
        return parse(query.text, MAX_LIMITS, acronyms)
    except QueryError:
        return query


def filled_period(count: int, days: int, preferences: Preferences) -> str:
    """Return the period whose e-mail so many matches in so many list days fill, as a rule; empty where they do not."""
    period = PERIODS.get(Frequency(preferences.frequency), "day")
    return period if count * LIST_DAYS_BY_PERIOD[period] >= preferences.cap * max(days, 1) else ""


def _narrow(
    suggester: KeywordSuggester, query: Query, days: int, preferences: Preferences
) -> tuple[NarrowerKeyword, ...]:
    period = PERIODS.get(Frequency(preferences.frequency), "day")
    full = preferences.cap * max(days, 1) / LIST_DAYS_BY_PERIOD[period]
    lowest, highest = (share * full for share in NARROW_SHARES)
    return tuple(NarrowerKeyword(phrase, line) for phrase, line in suggester.narrow(query, lowest, highest))


def _describe_forms(query: Query, acronyms: AcronymTable) -> str:
    """Return what a query means, and by which other forms of its words it is found."""
    forms = other_forms(query, acronyms)
    return messages.other_forms(describe(query), forms) if forms else describe(query)
