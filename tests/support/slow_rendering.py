"""Digests rendered the slow way: the same templates, for each subscriber anew, with their own values in them.

Tests compare `render_digest` with it, and the benchmark its speed. It has no size limit: all papers are shown.
"""

from digest import formatting
from digest.rendering import DigestContext, layout
from digest.rendering.contexts import LINK_NAMES
from digest.rendering.digest import CARDS_PER_DIGEST, KEYWORD_COUNTS_LIMIT
from digest.rendering.paper_card import PaperForm, PersonalFields, build_card
from digest.rendering.plain_text import wrap_text
from digest.rendering.templates import render_macro, render_template
from digest.rendering.transactional import leading_keywords, send_time_text


def render_slowly(context: DigestContext) -> tuple[str, str, str]:
    """Return subject, text and HTML."""
    counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
    leading, hidden = leading_keywords(context.keywords), max(0, len(counts) - KEYWORD_COUNTS_LIMIT)
    notice = layout.missed_papers_notice(context, context.left_out)
    subject_values = layout.subject_values(context, counts, matched)
    subject = render_template("digest-subject.txt", is_weekly=context.is_weekly, **subject_values)
    cards_html, cards_text = _render_papers(context, "card", range(min(CARDS_PER_DIGEST, len(context.papers))), 1)
    row_places = range(CARDS_PER_DIGEST, len(context.papers))
    rows_html, rows_text = _render_papers(context, "row", row_places, 1 + CARDS_PER_DIGEST)
    common: dict[str, object] = {
        "subject": formatting.truncate(subject, 90),
        "product": formatting.truncate(context.product),
        "day": context.day,
        "is_weekly": context.is_weekly,
        "links": {name: getattr(context.links, name) for name in LINK_NAMES},
        "frequency": formatting.frequency_label(context.frequency),
        "send_time": send_time_text(context.send_time),
        "address": formatting.truncate(context.address),
        "subscribed_on": formatting.format_date(context.subscribed_on),
        "headline": layout.headline_text(context, matched),
        "preheader": layout.PREHEADER_SEPARATOR.join(layout.preheader_titles(context.papers)),
        "nothing_matched": bool(context.keywords) and not matched,
        "more_keywords": formatting.pluralize(hidden, "more keyword") if hidden else "",
        "keywords": formatting.join_words(leading, len(context.keywords) - len(leading)),
        "notices": [*([notice] if notice else []), *(formatting.truncate(text) for text in context.notices)],
        "postal_address": formatting.truncate(context.postal_address),
        "row_heading": formatting.pluralize(len(row_places), "more paper") if row_places else "",
        "more_papers": formatting.pluralize(context.left_out, "more paper") if context.left_out else "",
    }
    shown = counts[:KEYWORD_COUNTS_LIMIT]
    total = sum(count.papers for count in shown)
    in_html = {
        "keyword_counts": "".join(render_macro("keyword_count", c.keyword, c.position, c.papers) for c in shown),
        "keyword_bar": "".join(render_macro("bar_part", round(100 * c.papers / total), c.position) for c in shown),
        "cards": cards_html,
        "rows": rows_html,
    }
    in_text = {
        "keyword_counts": "".join(wrap_text(f"{c.keyword}: {c.papers}", 6, "  * ") + "\n" for c in shown),
        "cards": cards_text,
        "rows": rows_text,
        "headline": wrap_text(layout.headline_text(context, matched)),
        "subscription_note": wrap_text(render_template("digest-subscription.txt", **common)),
    }
    text, html = (
        render_template("digest-body.txt", **(common | in_text)),
        render_template("digest-body.html", **(common | in_html)),
    )
    return str(common["subject"]), text, html


def _render_papers(context: DigestContext, form: PaperForm, places: range, first_number: int) -> tuple[str, str]:
    papers, ordered = context.papers, list(places)
    if context.is_weekly:
        ordered.sort(key=lambda n: (papers[n].is_late, not papers[n].is_late and papers[n].paper.listed_on))
    in_html, in_text, last_day = "", "", ""
    for number, place in enumerate(ordered, first_number):
        positions = context.keyword_positions[place] if context.keyword_positions else ()
        fields = PersonalFields.for_subscriber(papers[place], context, positions)
        paper_card = build_card(papers[place], context.day, fields, form)
        values = {"card": paper_card, "is_weekly": context.is_weekly, "number": f"{number:>2}. "}
        day = layout.day_heading(papers[place])
        if context.is_weekly and day != last_day:
            last_day = day
            in_html += render_macro(f"day_of_{form}s", day)
            in_text += render_template(f"digest-day-of-{form}s.txt", day=day)
        elif form == "card":
            in_html += render_macro("separator")
        in_html += render_template(f"digest-{form}.html", **values)
        in_text += render_template(f"digest-{form}.txt", **values)
    return in_html, in_text
