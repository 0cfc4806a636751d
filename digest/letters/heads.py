"""What stands above the papers of a digest: subject, headline, tally, preheader, and what is made up for."""

from collections.abc import Sequence
from typing import NamedTuple

from digest.letters import say
from digest.letters.cards import KEYWORD
from digest.letters.templates import SUBJECT
from digest.letters.values import DigestContext, PaperView

TOPICS, TOPIC = 3, 40  # keywords in the subject, and characters of each
TITLED, PREHEADER = 3, 200  # titles in the preheader, and characters of it: more hidden text looks like spam
PREHEADER_SEPARATOR = " · "  # titles of the preheader


class Tally(NamedTuple):
    """How many of the letter's papers a keyword brought."""

    keyword: str
    query: int
    papers: int


def positions(words: DigestContext) -> Sequence[Sequence[int]]:
    """For each paper which position among the keywords each of its numbers means."""
    return words.positions or [range(len(words.keywords))] * len(words.papers)


def tally(words: DigestContext) -> list[Tally]:
    """The keywords that brought papers, the busiest first, else in the reader's order."""
    papers = [*words.left_out_counts, *[0] * (len(words.keywords) - len(words.left_out_counts))]
    for paper, known in zip(words.papers, positions(words), strict=True):
        for number, _ in paper.where:
            if number < len(known):
                papers[known[number]] += 1
    found = [
        Tally(say.truncate_cached(keyword, KEYWORD), query, papers[query])
        for query, keyword in enumerate(words.keywords)
        if papers[query]
    ]
    return sorted(found, key=lambda one: -one.papers)


def period(weekly: bool) -> str:
    return "this week" if weekly else "today"


def matched(words: DigestContext) -> int:
    """Papers that a keyword brought, those included that the edition left out."""
    found = len([paper for paper in words.papers if paper.where])
    return found + words.left_out if found else 0


def counted(words: DigestContext, found: int) -> str:
    """The first words of the subject. `found`: papers that matched."""
    if found:
        return say.pluralize(found, "paper")
    return say.pluralize(len(words.papers) + words.left_out, "trending paper")


def headline(words: DigestContext, found: int) -> str:
    weekly = words.frequency == "weekly"
    if not found:
        return "This week's trending papers" if weekly else "Today's trending papers"
    week = " this week" if weekly else ""
    return f"{say.pluralize(found, 'new paper')}{week} {'matches' if found == 1 else 'match'} your keywords"


def topics(words: DigestContext, tallies: Sequence[Tally], count: str) -> str:
    """What the subject names after its `count`: the busiest keywords, or the first title when papers are trending."""
    room = SUBJECT - len(count) - len(": this week")
    names = [say.truncate_cached(one.keyword, TOPIC) for one in tallies]
    if not names:
        return say.truncate_cached(words.papers[0].title, room) if words.papers else ""
    for shown in range(min(TOPICS, len(names)), 1, -1):
        said = _named(names, shown)
        if len(said) <= room:
            return said
    return _named(names, 1)


def _named(names: Sequence[str], shown: int) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more else "")


def preheader(papers: Sequence[PaperView]) -> list[str]:
    """What a list of mails shows after the subject: the first titles, as far as there is room."""
    shown: list[str] = []
    room = PREHEADER
    for paper in papers[:TITLED]:
        if room <= 1:
            break
        shown.append(say.truncate_cached(paper.title, room))
        room -= len(shown[-1]) + len(PREHEADER_SEPARATOR)
    return shown


def day_of(paper: PaperView) -> str:
    """The heading that a paper stands under in a weekly letter."""
    return "Listed earlier" if paper.late else say.format_day(paper.listed_on)


def made_up(words: DigestContext, more: int) -> str:
    """What to say of papers that an earlier letter should have had; `more` are on the web only. Else nothing.

    When most of them are late, the reader was away, or we were: then it is a letter that catches up.
    """
    late = [paper for paper in words.papers if paper.late]
    if not late:
        return ""
    if 2 * len(late) <= len(words.papers):
        was = "was listed earlier and is" if len(late) == 1 else "were listed earlier and are"
        return f"{say.pluralize(len(late), 'paper')} {was} made up for here."
    since = say.format_date(min(paper.listed_on for paper in late), words.day)
    shown = len(words.papers) + words.left_out - more
    if more:
        return f"Catching up since {since}: the best {say.pluralize(shown, 'paper')} here, {say.format_number(more)} more on the web."
    return f"Catching up since {since}: these papers were listed while no letter reached you."
