"""Sentences of e-mails that depend on counts and frequency, each whole, as a translator needs them.

Sentences that are always the same stand in the templates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from digest.formatting import format_number, join_words

Period = Literal["day", "week", "month"]  # that a digest is about
PERIODS: Mapping[str, Period] = {"weekly": "week", "monthly": "month"}  # by frequency; all others: "day"


@dataclass(frozen=True, slots=True)
class CountedSentence:
    """Sentence for one and for many."""

    one: str
    many: str

    def format(self, count: int, **values: object) -> str:
        """Fill in the count and other values."""
        return (self.one if count == 1 else self.many).format(count=format_number(count), **values)


HEADLINES: Mapping[Period, CountedSentence] = {
    "day": CountedSentence("1 new paper matches your keywords", "{count} new papers match your keywords"),
    "week": CountedSentence("1 new paper this week", "{count} new papers this week"),
    "month": CountedSentence("1 new paper this month", "{count} new papers this month"),
}
WELCOME_HEADLINE = "Welcome to {product}"
TRENDING_HEADLINES: Mapping[Period, str] = {
    "day": "Today's trending papers",
    "week": "This week's trending papers",
    "month": "This month's trending papers",
}
EMPTY_HEADLINE = EMPTY_SUBJECT = "No new papers match your keywords"  # a preview

SUBJECTS: Mapping[Period, CountedSentence] = {
    "day": CountedSentence("1 paper: {topics}", "{count} papers: {topics}"),
    "week": CountedSentence("1 paper this week: {topics}", "{count} papers this week: {topics}"),
    "month": CountedSentence("1 paper this month: {topics}", "{count} papers this month: {topics}"),
}
WELCOME_SUBJECT = CountedSentence(
    "Welcome to {product}: your first paper", "Welcome to {product}: your first {count} papers"
)
TRENDING_SUBJECTS: Mapping[Period, CountedSentence] = {
    "day": CountedSentence("1 trending paper: {topics}", "{count} trending papers: {topics}"),
    "week": CountedSentence("1 trending paper this week: {topics}", "{count} trending papers this week: {topics}"),
    "month": CountedSentence("1 trending paper this month: {topics}", "{count} trending papers this month: {topics}"),
}

TOPICS_AND_MORE = "{topics} and {more} more"  # keywords in the subject

DATES: Mapping[Period, str] = {"day": "{day}", "week": "Week to {day}", "month": "Month to {day}"}
NEWS_SENTENCES = {
    "retracted": "It was retracted.",
    "withdrawn": "It was withdrawn.",
    "concern": "There is an expression of concern about it.",
    "corrected": "A correction was published.",
    "published": "It was published in a journal or at a conference.",
    "revised": "A new version has a changed abstract.",
    "code": "Its code was released.",
    "project": "It has a project page now.",
    "popular": "It has ten times the upvotes of its first day.",
}
MORE_MATCHES = CountedSentence("1 more match", "{count} more matches")
MORE_PAPERS = CountedSentence("1 more paper", "{count} more papers")  # where nothing matched: trending ones
ON_THE_WEB = CountedSentence("1 more on the web", "{count} more on the web")
MORE_KEYWORDS = CountedSentence("and 1 more keyword", "and {count} more keywords")

MATCHED_IN = "{keyword} in {place}"
MORE_REASONS = CountedSentence("and 1 more keyword", "and {count} more keywords")
TRENDING_REASONS: Mapping[Period, str] = {
    "day": "Among the most upvoted today",
    "week": "Among the most upvoted this week",
    "month": "Among the most upvoted this month",
}
KINDS = {"editorial": "Editorial"}  # of what is no paper
LISTED_EARLIER = "listed {day}"
# What the links that mark a paper say, and their names for screen readers.
MARK_LABELS = {
    "more": ("More like this", "More like this: {title}"),
    "less": ("Less", "Less like this: {title}"),
    "saved": ("Save", "Save: {title}"),
}
COMMENTS = CountedSentence("1 comment", "{count} comments")
CODE_STARS = CountedSentence("Code, 1 star", "Code, {count} stars")

LATE_PAPERS = CountedSentence(
    "1 of these papers was listed on an earlier day.", "{count} of these papers were listed on earlier days."
)
CATCHING_UP = "Catching up since {since}: these are the papers from the days without an e-mail."
CATCHING_UP_IN_PART = CountedSentence(
    "Catching up since {since}: the best paper is here, {more} more on the web.",
    "Catching up since {since}: the best {count} papers are here, {more} more on the web.",
)


def news_sentence(kind: str, venue: str = "") -> str:
    """Return what has happened to a paper that a subscriber had; `kind` is that of the event."""
    if kind == "published" and venue:
        return f"It was published in {venue}."
    return NEWS_SENTENCES[kind]


def close_reason(words: Sequence[str]) -> str:
    """Return why a paper that no keyword found is in a digest: words of the subscriber's profile that it has."""
    quoted = join_words([f"“{word}”" for word in words])
    return f"Has your word {quoted}." if len(words) == 1 else f"Has your words {quoted}."


def keywords_also_match(keywords: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return the sentence about other forms of words that keywords match since they were saved."""
    if len(keywords) == 1:
        keyword, forms = keywords[0]
        return f"New: your keyword “{keyword}” also matches {join_words([f'“{form}”' for form in forms])}."
    listed = "; ".join(f"“{keyword}” also {join_words([f'“{form}”' for form in forms])}" for keyword, forms in keywords)
    return f"New: your keywords match other spellings, too: {listed}."


def no_templates(area: str, folders: Sequence[object]) -> str:
    """Return where templates were looked for: the package was installed without them."""
    return f"There are no templates named {area!r}. Looked in: {', '.join(map(str, folders))}"
