"""E-mails about a subscription: confirm, already subscribed, welcome, copy link, goodbye."""

from dataclasses import asdict, dataclass

from digest import formatting
from digest.mail import EmailContent
from digest.rendering.contexts import NoticeContext, PaperView, WelcomeContext
from digest.rendering.layout import send_time_text
from digest.rendering.paper_card import TextPart, split_text
from digest.rendering.templates import render_email

KEYWORDS_LIMIT, KEYWORDS_LENGTH = 12, 600  # keywords named in an e-mail, and characters of all of them
KEYWORD_LENGTH, TITLE_LENGTH = 60, 200
REASONS_LIMIT = 3  # keywords named as the reason for one paper


@dataclass(frozen=True, slots=True)
class WelcomePaper:
    """One of the first papers, as the welcome shows it."""

    title: tuple[TextPart, ...]
    url: str | None
    byline: str
    reason_text: str


def render_notice(context: NoticeContext) -> EmailContent:
    """Render a short e-mail about a subscription."""
    values = asdict(context) | {"postal_address": formatting.truncate(context.postal_address)}
    return render_email(context.template, values)


def render_welcome(context: WelcomeContext) -> EmailContent:
    """Render the e-mail after the confirmation."""
    first, keywords = context.first_papers, leading_keywords(context.keywords)
    return render_email(
        "welcome",
        {
            "product": context.product,
            "address": formatting.truncate(context.address),
            "frequency": formatting.frequency_label(context.frequency, context.weekday),
            "send_time": send_time_text(context.send_time),
            "keywords": keywords,
            "more_keywords": len(context.keywords) - len(keywords),
            "exclusions": leading_keywords(context.exclusions),
            "first_digest_on": context.first_digest_on,
            "first_papers": first,
            "papers": [_welcome_paper(view, context.keywords) for view in first.papers] if first else [],
            "more_papers": first.matched - len(first.papers) if first else 0,
            "preferences_url": context.preferences_url,
            "unsubscribe_url": context.unsubscribe_url,
            "postal_address": formatting.truncate(context.postal_address),
        },
    )


def _welcome_paper(view: PaperView, keywords: tuple[str, ...]) -> WelcomePaper:
    matches = [(keywords[number], place) for number, place in view.matched_in if number < len(keywords)]
    reasons = [f"{formatting.truncate(keyword, KEYWORD_LENGTH)} in {place}" for keyword, place in matches]
    listed = formatting.join_words(reasons[:REASONS_LIMIT], max(0, len(reasons) - REASONS_LIMIT), "keyword")
    return WelcomePaper(
        title=split_text(view.paper.title, view.title_spans, TITLE_LENGTH),
        url=formatting.safe_url(view.paper.url),
        byline=formatting.format_authors(view.paper.authors),
        reason_text=f"Matched {listed}" if reasons else "Among the most upvoted",
    )


def leading_keywords(keywords: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many keywords as an e-mail names, each on one line and not too long."""
    texts = [formatting.truncate(keyword, KEYWORD_LENGTH) for keyword in keywords]
    return formatting.fit_words(texts, limit=KEYWORDS_LENGTH, max_count=KEYWORDS_LIMIT)
