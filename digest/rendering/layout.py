"""Digest around its papers: subject, headline, keyword counts and notices above them, links and footer below."""

from collections.abc import Sequence
from dataclasses import dataclass

from digest import formatting
from digest.rendering.contexts import DigestContext, PaperView
from digest.rendering.paper_card import REASON_KEYWORD_LENGTH
from digest.rendering.templates import SUBJECT_LENGTH

TOPICS_LIMIT, TOPIC_LENGTH = 3, 40  # keywords in the subject, and characters of each
PREHEADER_TITLES, PREHEADER_LENGTH = 3, 200  # more hidden text looks like spam
PREHEADER_SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class KeywordCount:
    """How many papers of a digest a keyword matched."""

    keyword: str
    position: int
    papers: int


def keyword_positions(context: DigestContext) -> Sequence[Sequence[int]]:
    """Return, for each paper, the position of the keyword that each of its query numbers stands for."""
    return context.keyword_positions or [range(len(context.keywords))] * len(context.papers)


def count_by_keyword(context: DigestContext) -> list[KeywordCount]:
    """Count the papers of each keyword that matched, the busiest first, else in the subscriber's order."""
    papers = [*context.left_out_counts, *[0] * (len(context.keywords) - len(context.left_out_counts))]
    for view, positions in zip(context.papers, keyword_positions(context), strict=True):
        for number, _ in view.matched_in:
            if number < len(positions):
                papers[positions[number]] += 1
    counts = [
        KeywordCount(formatting.truncate(keyword, REASON_KEYWORD_LENGTH), position, papers[position])
        for position, keyword in enumerate(context.keywords)
        if papers[position]
    ]
    return sorted(counts, key=lambda count: -count.papers)


def count_matched(context: DigestContext) -> int:
    """Count the papers that a keyword matched, with those that the edition left out."""
    shown = sum(bool(view.matched_in) for view in context.papers)
    return shown + context.left_out if shown else 0


def subject_values(context: DigestContext, counts: Sequence[KeywordCount], matched: int) -> dict[str, str]:
    """Return what the subject says: how many papers, and the busiest keywords, or the first title of trending ones."""
    noun, number = ("paper", matched) if matched else ("trending paper", len(context.papers) + context.left_out)
    start = formatting.pluralize(number, noun) if number else "No papers"
    room = SUBJECT_LENGTH - len(start) - len(": this week")
    names = [formatting.truncate(count.keyword, TOPIC_LENGTH) for count in counts]
    topics = formatting.truncate(context.papers[0].paper.title, room) if context.papers and not names else ""
    for shown in range(min(TOPICS_LIMIT, len(names)), 0, -1):
        more = len(names) - shown
        topics = ", ".join(names[:shown]) + (f" and {more} more" if more else "")
        if len(topics) <= room:
            break
    return {"count": start, "topics": topics}


def headline_text(context: DigestContext, matched: int) -> str:
    """Return the headline."""
    if not matched and not context.papers:  # a preview
        return "No new papers match your keywords"
    if not matched:
        return "This week's trending papers" if context.is_weekly else "Today's trending papers"
    week = " this week" if context.is_weekly else ""
    return f"{formatting.pluralize(matched, 'new paper')}{week} {'matches' if matched == 1 else 'match'} your keywords"


def preheader_titles(papers: Sequence[PaperView]) -> list[str]:
    """Return what a list of mails shows after the subject: the first titles, as far as there is room."""
    titles: list[str] = []
    room = PREHEADER_LENGTH
    for view in papers[:PREHEADER_TITLES]:
        if room <= 1:
            break
        titles.append(formatting.truncate(view.paper.title, room))
        room -= len(titles[-1]) + len(PREHEADER_SEPARATOR)
    return titles


def day_heading(view: PaperView) -> str:
    """Return the heading that a paper stands under in a weekly digest."""
    return "Listed earlier" if view.is_late else formatting.format_day(view.paper.listed_on)


def missed_papers_notice(context: DigestContext, more_papers: int) -> str:
    """Say that an earlier digest should have had some papers; of all, `more_papers` are on the web only.

    Where most are late, the subscriber was away or the service down, and the digest says that it catches up.
    """
    late = [view.paper.listed_on for view in context.papers if view.is_late]
    if not late:
        return ""
    if 2 * len(late) <= len(context.papers):
        verbs = "was listed earlier and is" if len(late) == 1 else "were listed earlier and are"
        return f"{formatting.pluralize(len(late), 'paper')} {verbs} made up for here."
    since = formatting.format_date(min(late), context.day)
    if not more_papers:
        return f"Catching up since {since}: these papers were listed while no letter reached you."
    shown = formatting.pluralize(len(context.papers) + context.left_out - more_papers, "paper")
    return f"Catching up since {since}: the best {shown} here, {formatting.format_number(more_papers)} more on the web."
