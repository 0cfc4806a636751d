"""Rendered papers and other fragments that many e-mails share."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from digest import formatting
from digest.mail import QuotedPrintable, encode_part
from digest.rendering.contexts import PaperView
from digest.rendering.fragments import EncodedPair, Fragment, encode_html_and_text, placeholder
from digest.rendering.layout import render_layout, render_subject, render_subscription_note
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


@dataclass(frozen=True, slots=True)
class PaperStyle:
    """What decides how a paper is rendered, beside itself. `mute` and `mute_author`: whether there are such links."""

    form: PaperForm
    year: int
    is_weekly: bool
    mute: bool
    mute_author: bool


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
        self.subject = lru_cache(render_subject)
        self.subscription_note = lru_cache(render_subscription_note)
        self.layout = lru_cache(64)(render_layout)
        self.day_heading = lru_cache(256)(encode_day_heading)
        self.macro = lru_cache(1024)(encode_macro)
        self.encode = lru_cache(texts)(encode_html_and_text)
        self.wrap = lru_cache(texts)(encode_wrapped)
        self.reason = lru_cache(texts)(encode_reason)
        self.keyword_count = lru_cache(texts)(self._encode_keyword_count)

    @cached_property
    def _keyword_count(self) -> Fragment:
        return Fragment(render_macro("keyword_count", *map(placeholder, ("keyword", "color", "papers"))))

    def _encode_keyword_count(self, keyword: str, color: int, papers: int) -> EncodedPair:
        """Encode the line of one keyword above the papers."""
        values = {
            "keyword": self.encode(keyword)[0],
            "color": self.macro("highlight", color),
            "papers": self.encode(str(papers))[0],
        }
        return self._keyword_count.render(values), encode_part(wrap_text(f"{keyword}: {papers}", 6, "  * ") + "\n")


def render_paper(view: PaperView, style: PaperStyle) -> RenderedPaper:
    """Render a paper with placeholders for all that is personal."""
    fields = PersonalFields.placeholders(view, mute=style.mute, mute_author=style.mute_author)
    card = build_card(view, date(style.year, 1, 1), fields, style.form)
    values = {"card": card, "is_weekly": style.is_weekly, "number": placeholder("number")}
    html, text = (Fragment(render_template(f"digest-{style.form}.{ending}", **values)) for ending in ("html", "txt"))
    numbers = sorted({int(name.split()[1]) for name in (*html.names, *text.names) if " " in name})
    return RenderedPaper(html, text, tuple((n, f"color {n}", f"keyword {n}", f"mute {n}") for n in numbers))


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
