"""No digest is too large, whatever its texts are: cards become rows, and rows become a count."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parsel import Selector

from digest.mail import QuotedPrintable, SizeBudget, encode_part
from digest.mail.transfer_encoding import encode_shortest
from digest.rendering import DigestContext, PersonalLinks, render_digest
from digest.rendering.contexts import LINK_NAMES
from digest.rendering.digest import CARDS_HTML_LIMIT, HTML_LIMIT
from digest.rendering.plain_text import display_width
from tests.support.email_factory import make_context, make_view

FIFTY = tuple(f"keyword number {n} of fifty" for n in range(50))
FIFTY_JOINED = "; ".join(FIFTY) * 5
# As long as the addresses of a real service: a token has about 80 characters.
LONG = PersonalLinks(**{name: f"https://digest.example.org/{name}/{'t' * 90}" for name in LINK_NAMES})
EVERYWHERE = tuple((n, "title and abstract") for n in range(50))
CHINESE = "我们研究大型语言模型的后训练如何改变其内部机制" * 200
HEBREW = "אנחנו חוקרים מודלים של שפה ואת האימון שלהם. " * 100


def extreme_context(kind: str) -> DigestContext:
    """Return a digest of 200 papers of one kind."""
    kinds: dict[str, dict[str, Any]] = {
        "ordinary": {"abstract": "We study post-training. " * 60},
        "long titles": {"title": "Post-training " * 290},
        "one long word": {"title": "x" * 4000, "abstract": "y" * 4000},
        "many authors": {"authors": tuple(f"Author Number {n} With a Long Name" for n in range(664))},
        "Chinese": {"title": CHINESE, "abstract": CHINESE, "organization": CHINESE, "authors": (CHINESE,) * 9},
        "Hebrew": {"title": HEBREW, "abstract": HEBREW},
        "fifty keywords highlighted": {"title": FIFTY_JOINED[:4000], "abstract": FIFTY_JOINED, "keywords": FIFTY},
        "every word highlighted": {"title": "quantum " * 500, "abstract": "quantum " * 500},
        "all of fifty keywords": {"matched_in": EVERYWHERE},
        "escapes": {"title": "&\"'<>=" * 700, "abstract": "&\"'<>=" * 700},
        "long addresses": {
            f"{name}_url": f"https://{name}.example/" + "=" * 1970 for name in ("pdf", "code", "project")
        },
    }
    keywords = FIFTY if "fifty" in kind else make_context().keywords
    papers = (make_view(**({"number": n} | kinds[kind])) for n in range(200))
    return make_context(*papers, keywords=keywords, left_out=7, links=LONG)


KINDS = (
    *("ordinary", "long titles", "one long word", "many authors", "Chinese", "Hebrew"),
    *("fifty keywords highlighted", "every word highlighted", "all of fifty keywords", "escapes", "long addresses"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_papers_of_any_kind_stay_within_the_limit(kind: str) -> None:
    email = render_digest(extreme_context(kind))
    assert HTML_LIMIT * 0.7 < len(encode_shortest(email.encoded_html).body) <= HTML_LIMIT == 95_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_is_shown_or_counted(kind: str) -> None:
    selector = Selector(render_digest(extreme_context(kind)).html)
    cards = len(selector.css("h2")) - 1
    rows = len(selector.xpath("//h2[contains(., ' more ')]/following-sibling::p[@class='i']"))
    more = int(selector.xpath("//a[contains(., 'on the web')]/text()").re_first(r"\d+") or 0)
    assert cards > 0
    assert rows > 0
    assert cards + rows + more == 207


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_text_keeps_its_width(kind: str) -> None:
    lines = render_digest(extreme_context(kind)).text.split("\n")
    assert [line for line in lines if display_width(line) > 72 and "https://" not in line] == []


def test_ten_papers_are_cards_and_the_others_rows() -> None:
    selector = Selector(render_digest(make_context(*(make_view(f"Title {n}", number=n) for n in range(25)))).html)
    assert [title.strip() for title in selector.css("h2 ::text").getall()] == [
        *(f"Title {n}" for n in range(10)),
        "15 more matches",
    ]
    assert "on the web" not in " ".join(selector.css("a::text").getall())


def test_where_all_fits_no_more_papers_are_mentioned() -> None:
    email = render_digest(make_context(*(make_view(f"Title {n}", "Of graphs. " * 40, number=n) for n in range(180))))
    assert CARDS_HTML_LIMIT < len(email.encoded_html) <= HTML_LIMIT
    assert "on the web" not in email.html
    assert "170 more papers" in email.html


def test_a_digest_of_twenty_five_papers_is_small() -> None:
    abstract = "We study post-training. It changes what a model knows and how sure it is of it. " * 9
    email = render_digest(make_context(*(make_view(f"Post-training, Part {n}", abstract, number=n) for n in range(25))))
    assert len(encode_shortest(email.encoded_html).body) < 60_000


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=50), st.integers(1, 200))
def test_no_text_makes_a_digest_too_large(title: str, name: str, keywords: list[str], papers: int) -> None:
    where = tuple((n, "title") for n in range(len(keywords)))
    view = make_view(title * 9, title * 20, authors=(name,) * 9, organization=name, matched_in=where)
    email = render_digest(
        make_context(*([view] * papers), keywords=tuple(keywords), notices=(name,) * 20, postal_address=name)
    )
    assert len(encode_shortest(email.encoded_html).body) <= HTML_LIMIT


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=6))
def test_a_budget_takes_what_fits_in_the_shorter_encoding_and_no_more(texts: list[str]) -> None:
    budget, joined = SizeBudget(QuotedPrintable(b"")), QuotedPrintable(b"")
    for text in texts:
        is_taken = budget.try_add(encode_part(text), 150)
        longer = QuotedPrintable(joined + encode_part(text))
        assert is_taken == (len(encode_shortest(longer).body) <= 150)
        joined = longer if is_taken else joined


def test_the_layout_ends_its_parts_with_line_ends() -> None:
    html = render_digest(make_context(*(make_view(number=n) for n in range(12)))).html
    assert re.search(r"</p>\n<hr [^>]*>\n<h2", html)
    assert html.endswith("</html>\n")


@pytest.mark.parametrize("kind", KINDS)
def test_on_the_web_no_paper_is_left_out_for_its_size(kind: str) -> None:
    context = extreme_context(kind)
    selector = Selector(render_digest(replace(context, left_out=0), all_papers=True).html)
    rows = len(selector.xpath("//h2[contains(., ' more ')]/following-sibling::p[@class='i']"))
    assert rows == 200 - 10
    assert not selector.xpath("//a[contains(., 'on the web')]")
