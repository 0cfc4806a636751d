"""Digests rendered the slow way: the same templates, for each subscriber anew, with their own values in them.

Tests compare `render_digest` with it, and the benchmark its speed. It has no size limit: all papers are shown.
"""

from typing import Any

from digest import formatting
from digest.config import NO_TEMPLATES
from digest.rendering import DigestContext, PaperView, layout, messages
from digest.rendering.contexts import LINK_NAMES
from digest.rendering.digest import CARDS_PER_DIGEST, KEYWORD_COUNTS_LIMIT
from digest.rendering.paper_card import PaperForm, PersonalFields, build_card, mark_links
from digest.rendering.plain_text import wrap_text
from digest.rendering.templates import render_macro, render_template


def render_slowly(context: DigestContext) -> tuple[str, str, str]:
    """Return subject, text and HTML."""
    counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
    shown, hidden = counts[:KEYWORD_COUNTS_LIMIT], max(0, len(counts) - KEYWORD_COUNTS_LIMIT)
    notice = layout.missed_papers_notice(context, context.left_out)
    cards_html, cards_text = _render_papers(context, "card", range(min(CARDS_PER_DIGEST, len(context.papers))))
    row_places = range(CARDS_PER_DIGEST, len(context.papers))
    rows_html, rows_text = _render_papers(context, "row", row_places)
    row_heading = messages.MORE_MATCHES if matched else messages.MORE_PAPERS
    product, headline = formatting.truncate(context.product), layout.headline_text(context, matched)
    welcome = {"unmatched_keywords": "", "exclusions": "", "next_digest_on": ""} | layout.welcome_values(
        context, counts
    )
    common: dict[str, Any] = {
        "subject": layout.subject_text(context, counts, matched),
        "product": product,
        "date": layout.date_text(context),
        "site_url": context.site_url,
        "links": {name: getattr(context.links, name) for name in LINK_NAMES},
        "headline": messages.WELCOME_HEADLINE.format(product=product) if context.welcome else headline,
        "papers_headline": headline if context.welcome else "",
        "is_first": context.welcome is not None,
        **welcome,
        "preheader": layout.PREHEADER_SEPARATOR.join(layout.preheader_titles(context.papers)),
        "nothing_matched": bool(context.keywords) and not matched,
        "more_keywords": messages.MORE_KEYWORDS.format(hidden) if hidden else "",
        "notices": [*([notice] if notice else []), *(formatting.truncate(text) for text in context.notices)],
        "postal_address": formatting.truncate(context.postal_address),
        "row_heading": row_heading.format(len(row_places)) if row_places else "",
        "more_papers": messages.ON_THE_WEB.format(context.left_out) if context.left_out else "",
        "address": formatting.truncate(context.address),
        "has_keywords": bool(context.keywords),
        **layout.subscription_values(context),
    }
    total = sum(count.papers for count in shown)
    mute_urls = [f"{context.links.mute}/{context.keyword_ids[c.position]}" for c in shown if context.links.mute]
    in_html = {
        "keyword_counts": "".join(
            render_macro(NO_TEMPLATES, "keyword_count", c.keyword, c.position, c.papers) for c in shown
        ),
        "keyword_bar": "".join(
            render_macro(NO_TEMPLATES, "bar_part", round(100 * c.papers / total), c.position) for c in shown
        ),
        "mute_links": "".join(
            render_macro(NO_TEMPLATES, "mute_link", c.keyword, url)
            for c, url in zip(shown, mute_urls, strict=bool(mute_urls))
        ),
        "cards": cards_html,
        "rows": rows_html,
        "news": render_template(NO_TEMPLATES, "digest-news.html", items=context.news) if context.news else "",
        "close_papers": _render_close_papers(context, "html"),
    }
    in_text = {
        "keyword_counts": layout.keyword_bars(shown) if shown else "",
        "cards": cards_text,
        "rows": rows_text,
        "news": render_template(NO_TEMPLATES, "digest-news.txt", items=context.news) if context.news else "",
        "close_papers": _render_close_papers(context, "txt"),
        "headline": wrap_text(str(common["headline"])),
        **{name: wrap_text(value, 2)[2:] for name, value in welcome.items()},
    }
    text, html = (
        render_template(NO_TEMPLATES, "digest-body.txt", **(common | in_text)),
        render_template(NO_TEMPLATES, "digest-body.html", **(common | in_html)),
    )
    return str(common["subject"]), text, html


def _render_close_papers(context: DigestContext, ending: str) -> str:
    rendered = ""
    for item in context.close_papers:
        view = PaperView(paper=item.paper)
        fields = PersonalFields.for_subscriber(view, context)
        card = build_card(view, context.day, fields, "row", context.period, context.site_url)
        marks = mark_links(fields.mark_start, item.paper.id, fields.mark_tags, card.label)
        reason = messages.close_reason([formatting.truncate(word, 40) for word in item.words])
        rendered += render_template(NO_TEMPLATES, f"digest-close.{ending}", card=card, reason=reason, marks=marks)
    return rendered


def _render_papers(context: DigestContext, form: PaperForm, places: range) -> tuple[str, str]:
    papers, in_html, in_text = context.papers, "", ""
    for place in places:
        positions = context.keyword_positions[place] if context.keyword_positions else ()
        fields = PersonalFields.for_subscriber(papers[place], context, positions)
        card = build_card(
            papers[place], context.day, fields, form, context.period, context.site_url, thumbnail=context.thumbnails
        )
        in_html += render_macro(NO_TEMPLATES, "separator") if form == "card" else ""
        in_html += render_template(NO_TEMPLATES, f"digest-{form}.html", card=card)
        in_text += render_template(NO_TEMPLATES, f"digest-{form}.txt", card=card, number=f"{place + 1:>2}. ")
    return in_html, in_text
