"""Digest around its papers: subject, headline, keyword counts and notices above them, links and footer below."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from digest import formatting
from digest.rendering.contexts import LINK_NAMES, DigestContext, PaperView
from digest.rendering.fragments import Fragment, placeholder
from digest.rendering.paper_card import REASON_KEYWORD_LENGTH
from digest.rendering.templates import SUBJECT_LENGTH, render_template

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


def subject_count(context: DigestContext, matched: int) -> str:
    """Return the first words of the subject."""
    if matched:
        return formatting.pluralize(matched, "paper")
    return formatting.pluralize(len(context.papers) + context.left_out, "trending paper")


def subject_topics(context: DigestContext, counts: Sequence[KeywordCount], subject_start: str) -> str:
    """Return what the subject names then: the busiest keywords, or the first title where papers are trending."""
    room = SUBJECT_LENGTH - len(subject_start) - len(": this week")
    names = [formatting.truncate(count.keyword, TOPIC_LENGTH) for count in counts]
    if not names:
        return formatting.truncate(context.papers[0].paper.title, room) if context.papers else ""
    for shown in range(min(TOPICS_LIMIT, len(names)), 0, -1):
        more = len(names) - shown
        topics = ", ".join(names[:shown]) + (f" and {more} more" if more else "")
        if len(topics) <= room:
            break
    return topics


def headline_text(context: DigestContext, matched: int) -> str:
    """Return the headline."""
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


@dataclass(frozen=True, slots=True)
class LayoutKey:
    """What decides how a layout is rendered, apart from personal values. `optional`: placeholders that it has."""

    product: str
    day: date
    is_weekly: bool
    notices: tuple[str, ...]
    postal_address: str
    nothing_matched: bool
    optional: frozenset[str]


ALWAYS = (
    *("subject", "preheader", "headline", "frequency", "send_time", "address", "subscribed_on", "subscription_note"),
    *("cards", "rows"),
)
OPTIONAL = ("keyword_counts", "keyword_bar", "more_keywords", "keywords", "row_heading", "more_papers")


def render_subject(*, is_weekly: bool, has_topics: bool) -> str:
    """Render the subject with placeholders."""
    topics = placeholder("topics") if has_topics else ""
    return render_template("digest-subject.txt", count=placeholder("count"), is_weekly=is_weekly, topics=topics)


def render_subscription_note(*, has_keywords: bool) -> str:
    """Render, for the plain text, why the subscriber gets the digest, with placeholders."""
    names = ("frequency", "send_time", "subscribed_on", "address", "keywords")
    values = {name: placeholder(name) for name in names} | ({} if has_keywords else {"keywords": ""})
    return render_template("digest-subscription.txt", **values)


def render_layout(key: LayoutKey) -> tuple[Fragment, Fragment]:
    """Render the layout as HTML and as plain text."""
    missed = [placeholder("missed_papers")] if "missed_papers" in key.optional else []
    values: dict[str, object] = {
        **{name: placeholder(name) for name in ALWAYS},
        **{name: placeholder(name) if name in key.optional else "" for name in OPTIONAL},
        "links": {name: placeholder(name) if name in key.optional else "" for name in LINK_NAMES},
        "notices": (*missed, *key.notices),
        "product": key.product,
        "day": key.day,
        "is_weekly": key.is_weekly,
        "postal_address": key.postal_address,
        "nothing_matched": key.nothing_matched,
    }
    html, text = (Fragment(render_template(f"digest-body.{ending}", **values)) for ending in ("html", "txt"))
    return html, text
