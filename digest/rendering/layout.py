"""Digest around its papers: subject, headline and keyword counts above them, the reason for the e-mail below."""

from collections.abc import Sequence
from typing import NamedTuple

from digest import formatting
from digest.rendering import messages
from digest.rendering.contexts import DigestContext, PaperView, SendTime
from digest.rendering.paper_card import REASON_KEYWORD_LENGTH
from digest.rendering.plain_text import display_width, wrap_text
from digest.rendering.templates import SUBJECT_LENGTH

TOPICS_LIMIT, TOPIC_LENGTH = 3, 40  # keywords in the subject, and characters of each
PRODUCT_LENGTH = 50  # characters of the service's name in the subject
PREHEADER_TITLES, PREHEADER_LENGTH = 3, 200  # more hidden text looks like spam
PREHEADER_SEPARATOR = " · "
KEYWORDS_LIMIT, KEYWORDS_LENGTH = 12, 600  # keywords named in a welcome, and characters of all of them
BAR_LENGTH, BAR_INDENT = 20, 36  # of the bars in plain text: signs of the longest, and columns before it at most


class KeywordCount(NamedTuple):
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


def subject_text(context: DigestContext, counts: Sequence[KeywordCount], matched: int) -> str:
    """Return the subject: how many papers, and the busiest keywords, or the first title of trending ones."""
    number = matched or len(context.papers) + context.left_out
    if not number:
        return messages.EMPTY_SUBJECT
    if context.welcome:
        product = formatting.truncate(context.product, PRODUCT_LENGTH)
        return formatting.truncate(messages.WELCOME_SUBJECT.format(number, product=product), SUBJECT_LENGTH)
    sentence = (messages.SUBJECTS if matched else messages.TRENDING_SUBJECTS)[context.period]
    room = SUBJECT_LENGTH - len(sentence.format(number, topics=""))
    names = [formatting.truncate(count.keyword, TOPIC_LENGTH) for count in counts]
    topics = formatting.truncate(context.papers[0].paper.title, room) if context.papers and not names else ""
    for shown in range(min(TOPICS_LIMIT, len(names)), 0, -1):
        topics, more = ", ".join(names[:shown]), len(names) - shown
        topics = messages.TOPICS_AND_MORE.format(topics=topics, more=more) if more else topics
        if len(topics) <= room:
            break
    return formatting.truncate(sentence.format(number, topics=topics), SUBJECT_LENGTH)


def headline_text(context: DigestContext, matched: int) -> str:
    """Return the headline."""
    if matched:
        return messages.HEADLINES[context.period].format(matched)
    return messages.TRENDING_HEADLINES[context.period] if context.papers else messages.EMPTY_HEADLINE


def date_text(context: DigestContext) -> str:
    """Return the day of the digest, or of the end of its week or month."""
    return messages.DATES[context.period].format(day=formatting.format_day(context.day))


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


def keyword_bars(counts: Sequence[KeywordCount]) -> str:
    """Return the counts as bars of plain text, one a line; of a longer keyword the count goes without its column."""
    indent = min(BAR_INDENT, max(display_width(count.keyword) for count in counts))
    unit = max(1.0, max(count.papers for count in counts) / BAR_LENGTH)
    lines = []
    for keyword, _, papers in counts:
        bar = f"{'#' * max(1, round(papers / unit))} {formatting.format_number(papers)}"
        padding = indent - display_width(keyword)
        lines.append(f"  {keyword}{' ' * padding}  {bar}" if padding >= 0 else wrap_text(f"{keyword} {bar}", 4, "  "))
    return "\n".join(lines)


def missed_papers_notice(context: DigestContext, more_papers: int) -> str:
    """Say that an earlier digest should have had some papers; of all, `more_papers` are on the web only.

    Where most are late, the subscriber was away or the service down, and the digest says that it catches up.
    """
    late = [view.paper.listed_on for view in context.papers if view.is_late]
    if not late:
        return ""
    if 2 * len(late) <= len(context.papers):
        return messages.LATE_PAPERS.format(len(late))
    since = formatting.format_date(min(late), context.day)
    if not more_papers:
        return messages.CATCHING_UP.format(since=since)
    shown = len(context.papers) + context.left_out - more_papers
    more = formatting.format_number(more_papers)
    return messages.CATCHING_UP_IN_PART.format(shown, since=since, more=more)


def welcome_values(context: DigestContext, counts: Sequence[KeywordCount]) -> dict[str, str]:
    """Return what the first digest names: keywords that nothing matched yet, exclusions, the day of the next one."""
    if context.welcome is None:
        return {}
    exclusions, next_on = context.welcome.exclusions, context.welcome.next_digest_on
    matched = {count.position for count in counts}
    unmatched = [keyword for position, keyword in enumerate(context.keywords) if position not in matched]
    keywords, excluded = leading_keywords(unmatched), leading_keywords(exclusions)
    values = {
        "unmatched_keywords": formatting.join_words(keywords, len(unmatched) - len(keywords)),
        "exclusions": formatting.join_words(excluded, len(exclusions) - len(excluded)),
        "next_digest_on": formatting.format_day(next_on) if next_on else "",
    }
    return {name: value for name, value in values.items() if value}


def leading_keywords(keywords: Sequence[str]) -> tuple[str, ...]:
    """Return as many keywords as an e-mail names, each on one line and not too long."""
    texts = [formatting.truncate(keyword, REASON_KEYWORD_LENGTH) for keyword in keywords]
    return formatting.fit_words(texts, limit=KEYWORDS_LENGTH, max_count=KEYWORDS_LIMIT)


def subscription_values(context: DigestContext) -> dict[str, str]:
    """Return when the subscriber gets the digest, and since when."""
    return {
        "frequency": formatting.frequency_label(context.frequency, context.weekday),
        "send_time": send_time_text(context.send_time),
        "subscribed_on": formatting.format_date(context.subscribed_on),
    }


def send_time_text(send_time: SendTime) -> str:
    """Return, for example, "08:00 (Berlin)"."""
    area, _, place = send_time.timezone.rpartition("/")
    zone = send_time.timezone if area == "Etc" else place
    return f"{send_time.hour:02}:00 ({zone.replace('_', ' ')})"
