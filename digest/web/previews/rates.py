"""How often each keyword of a subscriber matched in the last weeks, for the rows of the preferences page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from digest.database import read_session
from digest.matching import KeywordInput, parse_canonical, restrict_to_sources
from digest.papers import first_list_days, recent_list_days
from digest.web.context import WebContext
from digest.web.previews.emails import MatchRate, estimate_rate

SPARK_DAYS = 20  # list days, about a month
MAX_MATCHES = 5000  # of one keyword


@dataclass(frozen=True, slots=True)
class KeywordRate:
    """Matches of one keyword by list day, the oldest first. `rate` is None without a match."""

    by_day: tuple[int, ...]
    rate: MatchRate | None


def rate_keywords(
    web: WebContext, keywords: Sequence[KeywordInput], sources: Sequence[str] = ()
) -> dict[str, KeywordRate]:
    """Return the rate of each keyword by its canonical form; of an exclusion, that of what it leaves out.

    With `sources`, papers of these alone count. Empty while there are no papers, and while the recent ones are not
    loaded.
    """
    if not web.recent_papers.is_loaded:
        return {}
    with read_session(web.ctx.engine) as session:
        web.recent_papers.refresh(session)
        days = sorted(recent_list_days(session, SPARK_DAYS))
        matches = {
            keyword.canonical: web.recent_papers.select(
                [replace(parse_canonical(restrict_to_sources(keyword, sources).canonical), exclude=False)], MAX_MATCHES
            ).papers
            for keyword in keywords
        }
        listed_on = first_list_days(session, {paper_id for paper_ids in matches.values() for paper_id in paper_ids})
    rates = {}
    for canonical, paper_ids in matches.items() if days else ():
        by_day = Counter(listed_on[paper_id] for paper_id in paper_ids if paper_id in listed_on)
        rate = estimate_rate(len(paper_ids), web.recent_papers.days)
        rates[canonical] = KeywordRate(tuple(by_day[day] for day in days), rate)
    return rates
