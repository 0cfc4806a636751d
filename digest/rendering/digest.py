"""Digest: papers rendered once for all subscribers, joined with what is personal.

The best ten papers are shown as cards, the rest as rows, and what is left as a count with a link. The size of the
encoded HTML decides, whatever the texts are: first rows at the end become a count, and where the cards alone are too
large, cards become rows.
"""

from collections.abc import Sequence

from digest import formatting
from digest.mail import SOFT_BREAK, EmailContent, QuotedPrintable, SizeBudget, encode_part
from digest.rendering import layout, messages
from digest.rendering.contexts import LINK_NAMES, DigestContext
from digest.rendering.fragment_cache import FragmentCache, RenderedPaper, encode_wrapped
from digest.rendering.fragments import EMPTY, EncodedPair, EncodedValues, encode_html_and_text
from digest.rendering.paper_card import REASON_KEYWORD_LENGTH, PaperForm
from digest.rendering.theme import HIGHLIGHT_COLORS
from digest.tokens import MARK_KINDS, split_mark_tags

HTML_LIMIT = 95_000  # bytes of encoded HTML; Gmail hides what comes after about 102,000
CARDS_HTML_LIMIT = 75_000  # of these, for the layout and the cards
CARDS_PER_DIGEST = 10
KEYWORD_COUNTS_LIMIT = 12
NOTICES_LIMIT, NOTICE_LENGTH = 6, 300
NO_PAPERS = (EMPTY, EMPTY)
TITLE_SEPARATOR = encode_part(layout.PREHEADER_SEPARATOR)


def render_digest(
    context: DigestContext, cache: FragmentCache | None = None, *, all_papers: bool = False
) -> EmailContent:
    """Render the digest of one subscriber and edition. `all_papers`: whatever its size, as on the web."""
    builder = DigestBuilder(context, cache or FragmentCache())
    content = builder.build()
    if all_papers or len(content.encoded_html) <= CARDS_HTML_LIMIT:  # as nearly always
        return content
    total = len(context.papers) + context.left_out
    # The layout counts with the most that it may have to say: the heading of the rows and the longest count.
    return builder.build(SizeBudget(builder.join(NO_PAPERS, NO_PAPERS, row_count=total, more=total).encoded_html))


class DigestBuilder:
    """One digest in the making. Papers are named by their places in the edition."""

    def __init__(self, context: DigestContext, cache: FragmentCache) -> None:
        self._context, self._cache = context, cache.using(context.templates)
        self._positions = layout.keyword_positions(context)
        self._encoded_keywords: dict[int, tuple[QuotedPrintable, ...]] = {}
        self._style = (context.day.year, context.period, context.site_url, context.thumbnails, context.accent)
        # Personal values of the layout, by the names of their placeholders.
        self._html: EncodedValues = {}
        self._text: EncodedValues = {}
        for name in LINK_NAMES:
            if url := getattr(context.links, name):
                page, slash, token = url.rpartition("/")
                parts = zip(cache.encode(page + slash), encode_html_and_text(token), strict=True)
                self._add(name, [QuotedPrintable(start + end) for start, end in parts])
        self._mute_url = self._html.get("mute", EMPTY) if context.keyword_ids else EMPTY
        counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
        self._is_matched = bool(matched)
        self._subject = layout.subject_text(context, counts, matched)
        self._add_heading(layout.headline_text(context, matched), counts)
        if context.links.preferences:
            for name, value in layout.subscription_values(context).items():
                self._add(name, cache.encode(value))
            self._add("address", encode_html_and_text(formatting.truncate(context.address)))
        for name, value in layout.welcome_values(context, counts).items():
            self._html[name], self._text[name] = encode_html_and_text(value)[0], encode_wrapped(value, 2, "  ")

        if context.news:
            self._add("news", cache.news(context.news))
        if context.close_papers:
            self._add("close_papers", self._render_close_papers())

    def build(self, budget: SizeBudget | None = None) -> EmailContent:
        """Render as many papers as fit into the budget; all of them without one."""
        places = range(len(self._context.papers))
        cards = self._papers_within("card", places[:CARDS_PER_DIGEST], budget, CARDS_HTML_LIMIT)
        rows = self._papers_within("row", places[len(cards) :], budget, HTML_LIMIT)
        more = len(places) + self._context.left_out - len(cards) - len(rows)
        encoded_cards = self._render_papers("card", cards)
        encoded_rows = self._render_papers("row", rows)
        return self.join(encoded_cards, encoded_rows, row_count=len(rows), more=more)

    def join(self, cards: EncodedPair, rows: EncodedPair, *, row_count: int, more: int) -> EmailContent:
        """Join the layout with the papers, of which `more` are on the web only."""
        context, cache = self._context, self._cache
        values = {"cards": cards, "rows": rows}
        if row_count:
            heading = messages.MORE_MATCHES if self._is_matched else messages.MORE_PAPERS
            values["row_heading"] = cache.encode(heading.format(row_count))
        if more:
            values["more_papers"] = cache.encode(messages.ON_THE_WEB.format(more))
        if notice := layout.missed_papers_notice(context, more):
            values["missed_papers"] = (cache.encode(notice)[0], cache.wrap(notice))
        html_values = self._html | {name: html for name, (html, _) in values.items()}
        text_values = self._text | {name: text for name, (_, text) in values.items()}
        html, text = cache.layout(
            frozenset(html_values.keys() | text_values.keys()),
            tuple(formatting.truncate(notice, NOTICE_LENGTH) for notice in context.notices[:NOTICES_LIMIT]),
            accent=context.accent,
            product=formatting.truncate(context.product),
            date=layout.date_text(context),
            site_url=context.site_url,
            postal_address=formatting.truncate(context.postal_address),
            is_first=context.welcome is not None,
            has_keywords=bool(context.keywords),
            nothing_matched=bool(context.keywords) and not self._is_matched,
        )
        return EmailContent(self._subject, text.render(text_values), html.render(html_values))

    def _add(self, name: str, encoded: Sequence[QuotedPrintable]) -> None:
        """Add a value of the layout, in HTML and in text."""
        self._html[name], self._text[name] = encoded

    def _add_heading(self, headline: str, counts: Sequence[layout.KeywordCount]) -> None:
        """Add what stands above the papers: headline, counts by keyword, and the bar that shows them."""
        cache, shown, hidden = self._cache, counts[:KEYWORD_COUNTS_LIMIT], len(counts) - KEYWORD_COUNTS_LIMIT
        titles = [cache.encode(title)[0] for title in layout.preheader_titles(self._context.papers)]
        self._html["preheader"] = QuotedPrintable(TITLE_SEPARATOR.join(titles))
        self._html["subject"] = encode_html_and_text(self._subject)[0]
        if self._context.welcome:
            self._add("papers_headline", cache.encode(headline))
            headline = messages.WELCOME_HEADLINE.format(product=formatting.truncate(self._context.product))
        self._add("headline", (cache.encode(headline)[0], cache.wrap(headline)))
        if not shown:
            return
        total = sum(count.papers for count in shown)
        in_html, bar, mute_links = [], [], []
        for keyword, position, papers in shown:
            color = position % len(HIGHLIGHT_COLORS)
            in_html.append(cache.keyword_count(keyword, color, papers))
            bar.append(cache.macro("bar_part", round(100 * papers / total), color))
            if self._mute_url:
                url = QuotedPrintable(self._mute_url + b"/%d%b" % (self._context.keyword_ids[position], SOFT_BREAK))
                mute_links += cache.mute_link().fill({"keyword": cache.encode(keyword)[0], "url": url})
        text = encode_part(layout.keyword_bars(shown))
        self._add("keyword_counts", (QuotedPrintable(b"".join(in_html)), text))
        self._html["keyword_bar"] = QuotedPrintable(b"".join(bar))
        if mute_links:
            self._html["mute_links"] = QuotedPrintable(b"".join(mute_links))
        if hidden > 0:
            self._add("more_keywords", cache.encode(messages.MORE_KEYWORDS.format(hidden)))

    def _papers_within(
        self, form: PaperForm, places: Sequence[int], budget: SizeBudget | None, limit: int
    ) -> Sequence[int]:
        """Return as many of these papers as fit; all of them without a budget."""
        for fitting, place in enumerate(places if budget else ()):
            rendered, html_values, _ = self._render_paper(form, place)
            part = QuotedPrintable(b"".join([self._separator(form), *rendered.html.fill(html_values)]))
            if budget and not budget.try_add(part, limit):
                return places[:fitting]
        return places

    def _render_papers(self, form: PaperForm, places: Sequence[int]) -> EncodedPair:
        """Render papers as HTML and as text."""
        html: list[QuotedPrintable] = []
        text: list[QuotedPrintable] = []
        separator = self._separator(form)
        for place in places:
            rendered, html_values, text_values = self._render_paper(form, place)
            html += [separator, *rendered.html.fill(html_values)]
            text += rendered.text.fill(text_values)
        return QuotedPrintable(b"".join(html)), QuotedPrintable(b"".join(text))

    def _separator(self, form: PaperForm) -> QuotedPrintable:
        return self._cache.macro("separator") if form == "card" else EMPTY

    def _render_paper(self, form: PaperForm, place: int) -> tuple[RenderedPaper, EncodedValues, EncodedValues]:
        """Return a rendered paper, and what fills its placeholders in HTML and in text."""
        context, cache = self._context, self._cache
        view, positions = context.papers[place], self._positions[place]
        html = self._mark_values(view.paper.id) if form == "card" else {}
        rendered = cache.paper(view, form, *self._style, bool(html))
        text = {"number": cache.encode(f"{place + 1:>2}. ")[1]}
        for query, color, keyword in rendered.placeholders:
            html[color], html[keyword], text[keyword] = self._encode_keyword(positions[query])
        if view.matched_in:
            matched_in = tuple([(context.keywords[positions[query]], where) for query, where in view.matched_in])
            text["reason"] = cache.reason(matched_in)
        return rendered, html, text

    def _render_close_papers(self) -> EncodedPair:
        """Render the papers that no keyword found, as HTML and as text."""
        context, html, text = self._context, b"", b""
        for item in context.close_papers:
            marks = self._mark_values(item.paper.id)
            style = context.day.year, context.period, context.site_url, bool(marks), context.accent
            in_html, in_text = self._cache.close_paper(item, *style)
            html, text = html + in_html.render(marks), text + in_text.render({})
        return QuotedPrintable(html), QuotedPrintable(text)

    def _mark_values(self, paper_id: int) -> EncodedValues:
        """Return what fills the links that mark a paper; nothing where it has none."""
        tags = self._context.mark_tags.get(paper_id, "") if "mark" in self._html else ""
        if not tags:
            return {}
        values = {"mark": self._html["mark"]}
        for kind, tag in zip(MARK_KINDS, split_mark_tags(tags), strict=True):
            values[kind] = QuotedPrintable(tag.encode() + SOFT_BREAK)
        return values

    def _encode_keyword(self, position: int) -> tuple[QuotedPrintable, ...]:
        """Return a keyword's color, and its text in HTML and in plain text."""
        if encoded := self._encoded_keywords.get(position):
            return encoded
        color = self._cache.macro("highlight", position % len(HIGHLIGHT_COLORS))
        keyword = self._cache.encode(formatting.truncate(self._context.keywords[position], REASON_KEYWORD_LENGTH))
        encoded = self._encoded_keywords[position] = (color, *keyword)
        return encoded
