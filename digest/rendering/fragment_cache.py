"""Rendered papers and other fragments that many e-mails share."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

from digest import formatting
from digest.config import NO_TEMPLATES, TemplateFolder
from digest.mail import QuotedPrintable, encode_part
from digest.rendering import messages
from digest.rendering.contexts import LINK_NAMES, ClosePaper, NewsItem, PaperView
from digest.rendering.fragments import EncodedPair, Fragment, encode_html_and_text, placeholder
from digest.rendering.messages import Period
from digest.rendering.paper_card import (
    REASON_KEYWORD_LENGTH,
    REASONS_PER_PAPER,
    PaperForm,
    PersonalFields,
    build_card,
    mark_links,
    match_reason_text,
)
from digest.rendering.plain_text import wrap_text
from digest.rendering.templates import render_macro, render_template

CLOSE_WORD_LENGTH = 40  # characters of a word that is named as a reason
# What a layout asks for besides links and values that all subscribers share. What has no value is not shown.
LAYOUT_NAMES = (
    *("subject", "preheader", "headline", "keyword_counts", "keyword_bar", "more_keywords", "cards", "row_heading"),
    *("rows", "more_papers", "frequency", "send_time", "subscribed_on", "address", "mute_links"),
    *("papers_headline", "unmatched_keywords", "exclusions", "next_digest_on", "news", "close_papers"),
)


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPaper:
    """Both forms of a paper. `placeholders`: each of its queries with the names of its color and its keyword."""

    html: Fragment
    text: Fragment
    placeholders: tuple[tuple[int, str, str], ...]


class FragmentCache:
    """Everything rendered once for all e-mails of one process. Nothing in it is personal.

    Each method remembers what it returned, least recently used first to go. Threads may share it. All is rendered with
    the same templates; `using` returns the cache for others.
    """

    def __init__(self, papers: int = 4096, texts: int = 8192, *, templates: TemplateFolder = NO_TEMPLATES) -> None:
        self.templates, self._others = templates, dict[TemplateFolder, FragmentCache]()
        self.paper = lru_cache(papers)(partial(render_paper, templates))
        self.layout = lru_cache(64)(partial(render_layout, templates))
        self.macro = lru_cache(1024)(partial(encode_macro, templates))
        self.encode = lru_cache(texts)(encode_html_and_text)
        self.wrap = lru_cache(texts)(encode_wrapped)
        self.reason = lru_cache(texts)(encode_reason)
        self.keyword_count = lru_cache(texts)(partial(encode_keyword_count, templates))
        self.mute_link = lru_cache(1)(partial(render_mute_link, templates))
        self.news = lru_cache(1024)(partial(encode_news, templates))
        self.close_paper = lru_cache(2048)(partial(render_close_paper, templates))

    def using(self, templates: TemplateFolder) -> "FragmentCache":
        """Return the cache of what is rendered with these templates."""
        if templates is self.templates:
            return self
        if templates not in self._others:
            self._others[templates] = FragmentCache(templates=templates)
        return self._others[templates]


def render_paper(  # noqa: PLR0917  - a cache tells calls apart by all of them
    templates: TemplateFolder,
    view: PaperView,
    form: PaperForm,
    year: int,
    period: Period,
    site_url: str,
    thumbnail: bool,
    accent: str,
    marks: bool,
) -> RenderedPaper:
    """Render a paper with placeholders for all that is personal. `marks`, `thumbnail`: whether it has them."""
    fields = PersonalFields.placeholders(view, marks=marks)
    values = {
        "card": build_card(view, date(year, 1, 1), fields, form, period, site_url, thumbnail=thumbnail),
        "number": placeholder("number"),
    }
    names = (f"digest-{form}.{ending}" for ending in ("html", "txt"))
    html, text = (Fragment(render_template(templates, name, accent, **values)) for name in names)
    numbers = sorted({int(name.split()[1]) for name in (*html.names, *text.names) if " " in name})
    return RenderedPaper(html, text, tuple((n, f"color {n}", f"keyword {n}") for n in numbers))


def render_layout(
    templates: TemplateFolder, names: Collection[str], notices: tuple[str, ...], *, accent: str, **values: object
) -> tuple[Fragment, Fragment]:
    """Render the digest around its papers, as HTML and as plain text, with placeholders for what has `names`."""
    missed = [placeholder("missed_papers")] if "missed_papers" in names else []
    values |= {name: placeholder(name) if name in names else "" for name in LAYOUT_NAMES}
    values |= {"links": {name: placeholder(name) if name in names else "" for name in LINK_NAMES}}
    values |= {"notices": (*missed, *notices)}
    bodies = (f"digest-body.{ending}" for ending in ("html", "txt"))
    html, text = (Fragment(render_template(templates, body, accent, **values)) for body in bodies)
    return html, text


def encode_keyword_count(templates: TemplateFolder, keyword: str, color: int, papers: int) -> QuotedPrintable:
    """Encode how many papers a keyword matched, as HTML has it above them."""
    return encode_macro(templates, "keyword_count", keyword, color, papers)


def render_mute_link(templates: TemplateFolder) -> Fragment:
    """Render the link that mutes a keyword."""
    return Fragment(render_macro(templates, "mute_link", placeholder("keyword"), placeholder("url")))


def encode_news(templates: TemplateFolder, items: tuple[NewsItem, ...]) -> EncodedPair:
    """Render and encode the section about papers that a subscriber had."""
    names = (f"digest-news.{ending}" for ending in ("html", "txt"))
    html, text = (encode_part(render_template(templates, name, items=items)) for name in names)
    return html, text


def render_close_paper(
    templates: TemplateFolder,
    item: ClosePaper,
    year: int,
    period: Period,
    site_url: str,
    marks: bool,
    accent: str,
) -> tuple[Fragment, Fragment]:
    """Render a paper that no keyword found, with its reason and placeholders for the links that mark it."""
    view = PaperView(paper=item.paper)
    fields = PersonalFields.placeholders(view, marks=marks)
    card = build_card(view, date(year, 1, 1), fields, "row", period, site_url)
    values = {
        "card": card,
        "reason": messages.close_reason([formatting.truncate(word, CLOSE_WORD_LENGTH) for word in item.words]),
        "marks": mark_links(fields.mark_start, item.paper.id, fields.mark_tags, card.label),
    }
    names = (f"digest-close.{ending}" for ending in ("html", "txt"))
    html, text = (Fragment(render_template(templates, name, accent, **values)) for name in names)
    return html, text


def encode_reason(matched_in: tuple[tuple[str, str], ...]) -> QuotedPrintable:
    """Encode, for the plain text, which keywords matched and where."""
    shown = [
        (formatting.truncate(text, REASON_KEYWORD_LENGTH), place) for text, place in matched_in[:REASONS_PER_PAPER]
    ]
    return encode_wrapped(match_reason_text(shown, max(0, len(matched_in) - REASONS_PER_PAPER)), 4, "    ")


def encode_macro(templates: TemplateFolder, name: str, *values: object) -> QuotedPrintable:
    """Render and encode a macro without placeholders."""
    return encode_part(render_macro(templates, name, *values))


def encode_wrapped(text: str, indent: int = 0, first_indent: str = "") -> QuotedPrintable:
    """Wrap and encode a text that follows `first_indent`, which a template has already."""
    return encode_part(wrap_text(text, indent, first_indent)[len(first_indent) :])
