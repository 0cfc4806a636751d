"""Digest: papers rendered once for all subscribers, joined with what is personal.

The best ten papers are shown as cards, the rest as rows, and what is left as a count with a link. The size of the
encoded HTML decides, whatever the texts are: first rows at the end become a count, and where the cards alone are too
large, cards become rows.
"""

from collections.abc import Sequence

from digest import formatting
from digest.mail import SOFT_BREAK, EmailContent, QuotedPrintable, SizeBudget, encode_part
from digest.rendering import layout
from digest.rendering.contexts import LINK_NAMES, DigestContext
from digest.rendering.fragment_cache import FragmentCache, RenderedPaper
from digest.rendering.fragments import EMPTY, EncodedPair, EncodedValues, encode_html_and_text
from digest.rendering.paper_card import HIGHLIGHT_COLORS, REASON_KEYWORD_LENGTH, PaperForm
from digest.rendering.plain_text import wrap_text
from digest.rendering.templates import SUBJECT_LENGTH
from digest.rendering.transactional import leading_keywords, send_time_text

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
        self._context, self._cache = context, cache
        self._positions = layout.keyword_positions(context)
        self._days = [layout.day_heading(view) if context.is_weekly else "" for view in context.papers]
        self._encoded_keywords: dict[int, tuple[QuotedPrintable, ...]] = {}
        has_mute, has_mute_author = bool(context.links.mute and context.keyword_ids), bool(context.links.mute_author)
        self._style = context.day.year, context.is_weekly, has_mute, has_mute_author
        # Personal values of the layout, by the names of their placeholders.
        self._html: EncodedValues = {}
        self._text: EncodedValues = {}
        for name in LINK_NAMES:
            if url := getattr(context.links, name):
                page, slash, token = url.rpartition("/")
                parts = zip(cache.encode(page + slash), encode_html_and_text(token), strict=True)
                self._add(name, [QuotedPrintable(start + end) for start, end in parts])
        counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
        self._nothing_matched = bool(context.keywords) and not matched
        self._subject = formatting.truncate(
            self._render_sentence(
                "digest-subject.txt", layout.subject_values(context, counts, matched), is_weekly=context.is_weekly
            ),
            SUBJECT_LENGTH,
        )
        self._add_heading(layout.headline_text(context, matched), counts)
        self._add_subscription()

    def build(self, budget: SizeBudget | None = None) -> EmailContent:
        """Render as many papers as fit into the budget; all of them without one."""
        places = range(len(self._context.papers))
        cards = self._papers_within("card", places[:CARDS_PER_DIGEST], budget, CARDS_HTML_LIMIT)
        rows = self._papers_within("row", places[len(cards) :], budget, HTML_LIMIT)
        more = len(places) + self._context.left_out - len(cards) - len(rows)
        encoded_cards = self._render_in_order("card", cards, 1)
        encoded_rows = self._render_in_order("row", rows, 1 + len(cards))
        return self.join(encoded_cards, encoded_rows, row_count=len(rows), more=more)

    def join(self, cards: EncodedPair, rows: EncodedPair, *, row_count: int, more: int) -> EmailContent:
        """Join the layout with the papers, of which `more` are on the web only."""
        context, cache = self._context, self._cache
        values = {"cards": cards, "rows": rows}
        for name, count in (("row_heading", row_count), ("more_papers", more)):
            if count:
                values[name] = cache.encode(formatting.pluralize(count, "more paper"))
        if notice := layout.missed_papers_notice(context, more):
            values["missed_papers"] = (cache.encode(notice)[0], cache.wrap(notice, 2, "! "))
        html_values = self._html | {name: html for name, (html, _) in values.items()}
        text_values = self._text | {name: text for name, (_, text) in values.items()}
        html, text = cache.layout(
            frozenset(html_values.keys() | text_values.keys()),
            tuple(formatting.truncate(notice, NOTICE_LENGTH) for notice in context.notices[:NOTICES_LIMIT]),
            product=formatting.truncate(context.product),
            day=context.day,
            is_weekly=context.is_weekly,
            postal_address=formatting.truncate(context.postal_address),
            nothing_matched=self._nothing_matched,
        )
        return EmailContent(self._subject, text.render(text_values), html.render(html_values))

    def _add(self, name: str, encoded: Sequence[QuotedPrintable]) -> None:
        """Add a value of the layout, in HTML and in text."""
        self._html[name], self._text[name] = encoded

    def _render_sentence(self, template: str, values: dict[str, str], **flags: bool) -> str:
        """Render a template of plain text from its cached format."""
        names = tuple(name for name, value in values.items() if value)
        empty_names = tuple(name for name, value in values.items() if not value)
        return self._cache.sentence(template, names, empty_names, **flags).format_map(values)

    def _add_heading(self, headline: str, counts: Sequence[layout.KeywordCount]) -> None:
        """Add what stands above the papers: headline, counts by keyword, and the bar that shows them."""
        cache, shown, hidden = self._cache, counts[:KEYWORD_COUNTS_LIMIT], len(counts) - KEYWORD_COUNTS_LIMIT
        titles = [cache.encode(title)[0] for title in layout.preheader_titles(self._context.papers)]
        self._html["preheader"] = QuotedPrintable(TITLE_SEPARATOR.join(titles))
        self._html["subject"] = encode_html_and_text(self._subject)[0]
        self._add("headline", (cache.encode(headline)[0], cache.wrap(headline)))
        if not shown:
            return
        total = sum(count.papers for count in shown)
        colors = [count.position % len(HIGHLIGHT_COLORS) for count in shown]
        pairs = list(zip(shown, colors, strict=True))
        lines = [cache.keyword_count(count.keyword, color, count.papers) for count, color in pairs]
        bar = [cache.macro("bar_part", round(100 * count.papers / total), color) for count, color in pairs]
        self._add("keyword_counts", [QuotedPrintable(b"".join(parts)) for parts in zip(*lines, strict=True)])
        self._html["keyword_bar"] = QuotedPrintable(b"".join(bar))
        if hidden > 0:
            self._add("more_keywords", cache.encode(formatting.pluralize(hidden, "more keyword")))

    def _add_subscription(self) -> None:
        """Add why the subscriber gets the digest."""
        context = self._context
        leading = leading_keywords(context.keywords)
        schedule = {
            "frequency": formatting.frequency_label(context.frequency),
            "send_time": send_time_text(context.send_time),
            "subscribed_on": formatting.format_date(context.subscribed_on),
        }
        keywords = formatting.join_words(leading, len(context.keywords) - len(leading))
        personal = {"address": formatting.truncate(context.address), "keywords": keywords}
        self._html |= {name: self._cache.encode(text)[0] for name, text in schedule.items()}
        self._html |= {name: encode_html_and_text(text)[0] for name, text in personal.items() if text}
        note = self._render_sentence("digest-subscription.txt", schedule | personal)
        self._text["subscription_note"] = encode_part(wrap_text(note))

    def _papers_within(
        self, form: PaperForm, places: Sequence[int], budget: SizeBudget | None, limit: int
    ) -> Sequence[int]:
        """Return as many of these papers as fit; all of them without a budget."""
        headings: set[str] = set()
        for fitting, place in enumerate(places if budget else ()):
            day = self._days[place]
            heading, _ = self._heading(form, "" if day in headings else day)
            rendered, html_values, _ = self._render_paper(form, place, 0)
            part = QuotedPrintable(b"".join([heading, *rendered.html.fill(html_values)]))
            if budget and not budget.try_add(part, limit):
                return places[:fitting]
            headings.add(day)
        return places

    def _render_in_order(self, form: PaperForm, places: Sequence[int], first_number: int) -> EncodedPair:
        """Render papers as HTML and as text: those of a weekly digest by day, late ones at the end."""
        if self._context.is_weekly:
            views = self._context.papers
            places = sorted(places, key=lambda n: (views[n].is_late, not views[n].is_late and views[n].paper.listed_on))
        html: list[QuotedPrintable] = []
        text: list[QuotedPrintable] = []
        last_day = ""
        for number, place in enumerate(places, first_number):
            day = self._days[place]
            html_heading, text_heading = self._heading(form, "" if day == last_day else day)
            rendered, html_values, text_values = self._render_paper(form, place, number)
            html += [html_heading, *rendered.html.fill(html_values)]
            text += [text_heading, *rendered.text.fill(text_values)]
            last_day = day
        return QuotedPrintable(b"".join(html)), QuotedPrintable(b"".join(text))

    def _heading(self, form: PaperForm, day: str) -> EncodedPair:
        """Return what stands before a paper: its day where that begins, else a rule between cards."""
        if day:
            return self._cache.day_heading(form, day)
        return (self._cache.macro("separator") if form == "card" else EMPTY), EMPTY

    def _render_paper(
        self, form: PaperForm, place: int, number: int
    ) -> tuple[RenderedPaper, EncodedValues, EncodedValues]:
        """Return a rendered paper, and what fills its placeholders in HTML and in text."""
        context, cache = self._context, self._cache
        view, positions = context.papers[place], self._positions[place]
        rendered = cache.paper(view, form, *self._style)
        html = {"mute_author": self._html.get("mute_author", EMPTY)}
        text = {"mute_author": self._text.get("mute_author", EMPTY), "number": cache.encode(f"{number:>2}. ")[1]}
        for query, color, keyword, mute in rendered.placeholders:
            encoded = self._encode_keyword(positions[query])
            html[color], html[keyword], text[keyword], html[mute], text[mute] = encoded
        if view.matched_in:
            matched_in = tuple([(context.keywords[positions[query]], where) for query, where in view.matched_in])
            text["reason"] = cache.reason(matched_in)
        return rendered, html, text

    def _encode_keyword(self, position: int) -> tuple[QuotedPrintable, ...]:
        """Return a keyword's color, and its text and the URL that mutes it, these in HTML and in text."""
        if encoded := self._encoded_keywords.get(position):
            return encoded
        context, mute = self._context, [EMPTY, EMPTY]
        if context.links.mute and context.keyword_ids:
            suffix = b"/%d%b" % (context.keyword_ids[position], SOFT_BREAK)
            mute = [QuotedPrintable(values["mute"] + suffix) for values in (self._html, self._text)]
        color = self._cache.macro("highlight", position % len(HIGHLIGHT_COLORS))
        keyword = self._cache.encode(formatting.truncate(context.keywords[position], REASON_KEYWORD_LENGTH))
        encoded = self._encoded_keywords[position] = (color, *keyword, *mute)
        return encoded
