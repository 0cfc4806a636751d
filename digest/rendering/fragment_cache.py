"""Rendered papers and other fragments that many e-mails share."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from digest import formatting
from digest.mail import QuotedPrintable, encode_part
from digest.rendering.contexts import LINK_NAMES, PaperView
from digest.rendering.fragments import EncodedPair, Fragment, encode_html_and_text, placeholder
from digest.rendering.paper_card import (
    REASON_KEYWORD_LENGTH,
    REASONS_PER_PAPER,
    PaperForm,
    PersonalFields,
    build_card,
    match_reason_text,
)
from digest.rendering.plain_text import wrap_text
from digest.rendering.templates import render_macro, render_template

# What a layout asks for besides links and values that all subscribers share. What has no value is not shown.
LAYOUT_NAMES = (
    *("subject", "preheader", "headline", "frequency", "send_time", "address", "subscribed_on", "subscription_note"),
    *("keyword_counts", "keyword_bar", "more_keywords", "keywords", "cards", "row_heading", "rows", "more_papers"),
)


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPaper:
    """Both forms of a paper. `placeholders`: each of its queries with the names of its color, keyword and mute URL."""

    html: Fragment
    text: Fragment
    placeholders: tuple[tuple[int, str, str, str], ...]


class FragmentCache:
    """Everything rendered once for all e-mails of one process. Nothing in it is personal.

    Each method remembers what it returned, least recently used first to go. Threads may share it.
    """

    def __init__(self, papers: int = 4096, texts: int = 8192) -> None:
        self.paper = lru_cache(papers)(render_paper)
        self.layout = lru_cache(64)(render_layout)
        self.sentence = lru_cache(render_sentence)
        self.day_heading = lru_cache(256)(encode_day_heading)
        self.macro = lru_cache(1024)(encode_macro)
        self.encode = lru_cache(texts)(encode_html_and_text)
        self.wrap = lru_cache(texts)(encode_wrapped)
        self.reason = lru_cache(texts)(encode_reason)
        self.keyword_count = lru_cache(texts)(encode_keyword_count)


def render_paper(
    view: PaperView, form: PaperForm, year: int, is_weekly: bool, mute: bool, mute_author: bool
) -> RenderedPaper:
    """Render a paper with placeholders for all that is personal. `mute`, `mute_author`: whether it has such links."""
    fields = PersonalFields.placeholders(view, mute=mute, mute_author=mute_author)
    card = build_card(view, date(year, 1, 1), fields, form)
    values = {"card": card, "is_weekly": is_weekly, "number": placeholder("number")}
    html, text = (Fragment(render_template(f"digest-{form}.{ending}", **values)) for ending in ("html", "txt"))
    numbers = sorted({int(name.split()[1]) for name in (*html.names, *text.names) if " " in name})
    return RenderedPaper(html, text, tuple((n, f"color {n}", f"keyword {n}", f"mute {n}") for n in numbers))


def render_layout(names: Collection[str], notices: tuple[str, ...], **values: object) -> tuple[Fragment, Fragment]:
    """Render the digest around its papers, as HTML and as plain text, with placeholders for what has `names`."""
    missed = [placeholder("missed_papers")] if "missed_papers" in names else []
    values |= {name: placeholder(name) if name in names else "" for name in LAYOUT_NAMES}
    values |= {"links": {name: placeholder(name) if name in names else "" for name in LINK_NAMES}}
    values |= {"notices": (*missed, *notices)}
    html, text = (Fragment(render_template(f"digest-body.{ending}", **values)) for ending in ("html", "txt"))
    return html, text


def render_sentence(template: str, names: Collection[str], empty_names: Collection[str], **flags: bool) -> str:
    """Render a template of plain text as a format string, in which `names` are to be filled in."""
    values = dict.fromkeys(empty_names, "") | {name: f"{{{name}}}" for name in names}
    return render_template(template, **values, **flags)


def encode_keyword_count(keyword: str, position: int, papers: int) -> EncodedPair:
    """Encode how many papers a keyword matched, as it stands above them."""
    text = wrap_text(f"{keyword}: {papers}", 6, "  * ") + "\n"
    return encode_macro("keyword_count", keyword, position, papers), encode_part(text)


def encode_reason(matched_in: tuple[tuple[str, str], ...]) -> QuotedPrintable:
    """Encode, for the plain text, which keywords matched and where."""
    shown = [
        (formatting.truncate(text, REASON_KEYWORD_LENGTH), place) for text, place in matched_in[:REASONS_PER_PAPER]
    ]
    return encode_wrapped(match_reason_text(shown, max(0, len(matched_in) - REASONS_PER_PAPER)), 4, "    ")


def encode_day_heading(form: PaperForm, day: str) -> EncodedPair:
    """Encode what stands above the papers of a day."""
    text = render_template(f"digest-day-of-{form}s.txt", day=day)
    return encode_macro(f"day_of_{form}s", day), encode_part(text)


def encode_macro(name: str, *values: object) -> QuotedPrintable:
    """Render and encode a macro without placeholders."""
    return encode_part(render_macro(name, *values))


def encode_wrapped(text: str, indent: int = 0, first_indent: str = "") -> QuotedPrintable:
    """Wrap and encode a text that follows `first_indent`, which a template has already."""
    return encode_part(wrap_text(text, indent, first_indent)[len(first_indent) :])
