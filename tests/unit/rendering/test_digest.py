"""What a digest says: subject, reasons, highlights, links; and that text from outside stays text."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsel import Selector

from digest.mail import EmailContent
from digest.matching import Span
from digest.rendering import PersonalLinks, Welcome, render_digest
from tests.support.email_factory import KEYWORDS, LINKS, SITE, make_context, make_view

DATA = Path(__file__).parents[2] / "data" / "emails"
NASTY = "<script>alert('x')</script> & \"quoted\" \u202egnip\x00\x1b[2J\r\nBcc: all@example.org"


def page(email: EmailContent) -> Selector:
    return Selector(email.html)


def visible_text(selector: Selector) -> str:
    """Return the text as a subscriber sees it."""
    return re.sub(r"\s+", " ", "".join(selector.xpath(".//text()").getall())).strip()


def test_the_plain_text_is_the_golden_file() -> None:
    first = make_view(
        organization="Example Lab",
        authors=tuple(f"Author {name}" for name in "ABCDEFG"),
        upvotes=42,
        comments=1,
        discussion_url="https://huggingface.co/papers/2510.00001",
        code_url="https://github.com/example/code",
        code_stars=1310,
    )
    second = make_view("Quantum Cats", "Cats and boxes.", number=2, is_late=True, listed_on=date(2025, 10, 24))
    trending = make_view("A Paper Everybody Likes", "It is liked.", number=3, is_trending=True, upvotes=300)
    notice = "arXiv did not answer on Wednesday 29 October; its papers will be in your next digest."
    email = render_digest(make_context(first, second, trending, left_out=5, notices=(notice,)))
    assert email.text == (DATA / "digest.txt").read_text()


@pytest.mark.parametrize(
    ("count", "headline"),
    [(1, "1 new paper matches your keywords"), (2, "2 new papers match your keywords")],
)
def test_the_headline_counts_in_good_english(count: int, headline: str) -> None:
    email = render_digest(make_context(*(make_view(number=n) for n in range(count))))
    assert page(email).css("h1::text").get() == headline
    assert email.text.startswith(headline)


def test_the_subject_names_the_busiest_keywords_first() -> None:
    other = make_view("No Hallucination", "None.", number=2)
    assert render_digest(make_context(make_view(), other)).subject == "2 papers: hallucination, post-training"
    assert render_digest(make_context(make_view("Post-Training", "Short."))).subject == "1 paper: post-training"


def test_papers_that_were_left_out_are_counted_in_the_subject_and_linked() -> None:
    email = render_digest(make_context(make_view(), left_out=30))
    assert email.subject.startswith("31 papers: ")
    assert ("30 more on the web", LINKS.view) in [
        (link.css("::text").get(), link.attrib["href"]) for link in page(email).css("a")
    ]
    assert f"30 more on the web:\n{LINKS.view}" in email.text


@given(st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=8), st.sampled_from(["daily", "weekly"]))
def test_the_subject_is_one_line_of_at_most_ninety_characters(keywords: list[str], frequency: str) -> None:
    matched = make_view("T", "A", matched_in=tuple((n, "title") for n in range(len(keywords))))
    subject = render_digest(make_context(matched, keywords=tuple(keywords), frequency=frequency, left_out=1000)).subject
    assert 0 < len(subject) <= 90
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", subject)


@pytest.mark.parametrize(("frequency", "period"), [("weekly", "week"), ("monthly", "month")])
def test_a_digest_of_a_week_or_month_says_so_and_dates_its_papers(frequency: str, period: str) -> None:
    views = make_view(), make_view(number=2, listed_on=date(2025, 10, 27))
    email = render_digest(make_context(*views, frequency=frequency))
    assert email.subject == f"2 papers this {period}: post-training, hallucination"
    assert email.text.startswith(f"2 new papers this {period}\n")
    for text in (email.text, visible_text(page(email))):
        assert f"{period.title()} to Thursday 30 October" in text
        assert text.index("30 October", text.index("How ")) < text.index("27 October")
    assert "27 October" not in render_digest(make_context(*views)).html


def test_a_preview_that_finds_nothing_says_so() -> None:
    email = render_digest(replace(make_context(), papers=()))
    assert email.subject == "No new papers match your keywords"
    assert page(email).css("h1::text").get() == "No new papers match your keywords"


def test_a_subscriber_without_keywords_gets_the_trending_papers() -> None:
    email = render_digest(make_context(make_view("Liked", "By all.", is_trending=True), keywords=()))
    assert email.subject == "1 trending paper: Liked"
    assert page(email).css("h1::text").get() == "Today's trending papers"
    assert "Among the most upvoted today" in email.text
    assert "Among the most upvoted today" in visible_text(page(email))
    assert "Add keywords to get papers on your topics" in " ".join(email.text.split())


def test_matched_words_are_highlighted_in_the_color_of_their_keyword() -> None:
    selector = page(render_digest(make_context()))
    assert selector.css("h2 span.k0::text").getall() == ["Post-Training"]
    assert selector.css("h2 + p + p span.k0::text").getall() == ["post-training"]
    assert selector.css("h2 + p + p span.k1::text").getall() == ["hallucination"]
    assert visible_text(selector.css("h2")[0]) == "How Post-Training Reshapes Models"
    assert "How *Post-Training* Reshapes" in render_digest(make_context()).text


def test_a_seventh_keyword_takes_the_first_color_again() -> None:
    keywords = ("a1", "b2", "c3", "d4", "e5", "f6", "seventh")
    matched = make_view("The Seventh Seal", "A film.", keywords=keywords)
    assert page(render_digest(make_context(matched, keywords=keywords))).css("h2 span.k0::text").getall() == ["Seventh"]


def test_impossible_spans_are_left_out() -> None:
    wrong = (Span(0, 3, 0), Span(2, 5, 1), Span(4, 4, 0), Span(90, 99, 0))
    selector = page(render_digest(make_context(make_view("How Post-Training Reshapes Models", title_spans=wrong))))
    assert selector.css("h2 span::text").getall() == ["How"]
    assert visible_text(selector.css("h2")[0]) == "How Post-Training Reshapes Models"


def test_a_card_says_above_the_title_which_keywords_matched_and_where() -> None:
    email = render_digest(make_context())
    assert "post-training in title and abstract, hallucination in abstract How Post" in visible_text(page(email))
    assert "    post-training in title and abstract; hallucination in abstract\n" in email.text


def test_a_late_paper_says_so_as_a_card_and_as_a_row() -> None:
    late = make_view("Late", "", is_late=True, listed_on=date(2024, 12, 30))
    selector = page(render_digest(make_context(late, *(make_view(number=n) for n in range(9)), late)))
    assert [p for p in map(visible_text, selector.css("p")) if "listed" in p] == [
        "2 of these papers were listed on earlier days.",
        "Ada Byron, Emmy Noether · listed 30 December 2024",
        "Ada Byron +1 · listed 30 December 2024",
    ]


def test_notices_come_before_the_papers() -> None:
    text = visible_text(page(render_digest(make_context(notices=("arXiv did not answer.",)))))
    assert text.index("arXiv did not answer.") < text.index("Ada Byron")


def test_a_paper_without_anything_but_a_title_has_no_empty_lines() -> None:
    bare = make_view("Bare", "", authors=(), pdf_url=None, matched_in=((0, "title"),))
    selector = page(render_digest(make_context(bare)))
    assert [link.css("::text").get() for link in selector.css("hr + p ~ p a.l")][:1] == ["Abstract"]
    assert not [node for node in selector.css("p, h1, h2, a") if not visible_text(node)]


def test_links_lead_where_they_should_and_nowhere_else() -> None:
    view = make_view(
        discussion_url="https://huggingface.co/papers/1",
        comments=3,
        code_url="javascript:alert(1)",
        project_url='https://x.example/"onmouseover="x',
    )
    urls = page(render_digest(make_context(view))).css("a::attr(href)").getall()
    assert urls == [
        LINKS.view,
        f"{SITE}/papers/1",
        view.paper.pdf_url,
        "https://huggingface.co/papers/1",
        f"{LINKS.mark}.1.more.mmmmmmmmmmmm",
        f"{LINKS.mark}.1.less.llllllllllll",
        f"{LINKS.mark}.1.saved.ssssssssssss",
        LINKS.preferences,
        LINKS.weekly,
        LINKS.pause,
        LINKS.unsubscribe,
        LINKS.mute + "/101",
        LINKS.mute + "/102",
        f"{SITE}/",
    ]
    assert page(render_digest(make_context(view, site_url=""))).css("h2 a::attr(href)").get() == view.paper.url


def test_a_card_has_one_line_of_links_and_the_plain_text_only_addresses_that_one_reads() -> None:
    view = make_view(
        discussion_url="https://huggingface.co/papers/1",
        comments=1,
        code_url="https://github.com/example/code",
        code_stars=1310,
        project_url="https://example.org/project",
    )
    email = render_digest(make_context(view))
    (line,) = [p for p in page(email).css("p") if "PDF" in visible_text(p)]
    assert visible_text(line) == "PDF Code, 1,310 stars 1 comment Project More like this Less Save"
    paper_text = email.text.partition("-- \n")[0]
    # One link for all papers of the digest, where they can be marked.
    assert re.findall("https?://.*", paper_text) == [view.paper.url, "https://github.com/example/code", LINKS.marks]


TITLES = ("One", "Two")


def test_links_of_the_same_kind_have_names_of_their_own() -> None:
    selector = page(render_digest(make_context(make_view(TITLES[0]), make_view(TITLES[1], number=2))))
    names = [link.attrib.get("aria-label") or visible_text(link) for link in selector.css("a")]
    labels = {f"{label}: {title}" for label in ("PDF", "More like this", "Less like this", "Save") for title in TITLES}
    assert labels < set(names)
    assert {"Mute hallucination", "Mute post-training"} < set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("field", ["title", "abstract", "authors", "organization", "keywords", "notices"])
def test_text_from_outside_stays_text(field: str) -> None:
    value = NASTY if field in {"title", "abstract", "organization"} else (NASTY,)
    if field in {"keywords", "notices"}:
        email = render_digest(
            make_context(make_view(matched_in=((0, "title"),), title_spans=(), abstract_spans=()), **{field: value})
        )
    else:
        changes: dict[str, Any] = {field: value, "title_spans": (), "abstract_spans": ()}
        email = render_digest(make_context(make_view(**changes)))
    selector = page(email)
    assert "<script>alert('x')</script> &" in visible_text(selector)
    assert not selector.css("script")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", email.text + email.html + email.subject)
    assert not re.search(r"(?m)^Bcc:", email.text)


def test_a_digest_fetches_nothing() -> None:
    email = render_digest(make_context())
    selector = page(email)
    assert not selector.css("img, script, link, iframe, object, video, form, mark, [background], [src]")
    assert "url(" not in email.html
    assert "@import" not in email.html


def test_a_digest_states_its_language_and_leaves_directions_to_the_text() -> None:
    selector = page(render_digest(make_context(make_view("שלום hallucination"))))
    assert selector.css("html::attr(lang)").get() == "en"
    assert selector.css("h2::attr(dir)").get() == "auto"
    rows = page(render_digest(make_context(*(make_view("שלום", number=n) for n in range(12)))))
    assert rows.xpath("//p[a[contains(., 'שלום')]]/@dir").getall() == ["auto", "auto"]
    assert len(selector.css("h1")) == 1
    assert visible_text(selector.css("h1")[0]) == "1 new paper matches your keywords"


def test_the_preheader_shows_the_first_titles() -> None:
    selector = page(render_digest(make_context(*(make_view(f"Title {n}", number=n) for n in range(5)))))
    assert selector.css("body > div.v::text").get() == "Title 0 · Title 1 · Title 2"


def test_without_a_postal_address_nothing_is_in_its_place() -> None:
    assert visible_text(page(render_digest(make_context(postal_address="")))).endswith("Get your own digest.")
    assert render_digest(make_context(postal_address="")).text.endswith(f"{SITE}/\n")


def test_links_without_an_address_are_not_shown() -> None:
    weekly = render_digest(make_context(frequency="weekly", links=replace(LINKS, weekly="")))
    assert "Switch to weekly" not in weekly.text + weekly.html
    assert "Pause for two weeks" in weekly.html
    bare = render_digest(
        make_context(make_view(authors=()), links=PersonalLinks(view="v", preferences="p", unsubscribe="u"))
    )
    assert not re.search("Mute|More like|Less|Save|Switch|Pause", bare.text + bare.html)


def test_a_row_has_no_links_that_mark_it_but_all_papers_have_a_page_for_that() -> None:
    email = render_digest(make_context(*(make_view(number=n) for n in range(1, 15))))
    urls = page(email).css("a::attr(href)").getall()
    assert sum(url.startswith(f"{LINKS.mark}.") for url in urls) == 3 * 10
    assert urls.count(LINKS.marks) == email.text.count(LINKS.marks) == 1
    assert LINKS.marks not in render_digest(make_context()).html  # each paper has its own


def test_an_ai_summary_says_that_it_is_one_and_replaces_the_snippet() -> None:
    email = render_digest(
        make_context(make_view(has_summary=True, ai_summary="It trains <b>models</b> after training."))
    )
    text = visible_text(page(email))
    assert "It trains <b>models</b> after training. AI summary by Hugging Face" in text
    assert "    It trains <b>models</b> after training.\n    (AI summary by Hugging Face)\n" in email.text
    assert "We study" not in text + email.text
    assert (
        "AI summary"
        not in visible_text(page(render_digest(make_context(make_view(has_summary=True, ai_summary=" ")))))
        + render_digest(make_context()).text
    )


def test_a_digest_after_a_pause_says_what_it_makes_up_for() -> None:
    late = [make_view(number=n, is_late=True, listed_on=date(2025, 10, 3)) for n in range(1, 21)]
    notice = "Catching up since 3 October: the best 20 papers are here, 111 more on the web."
    for text in (
        render_digest(make_context(*late, left_out=111)).text,
        visible_text(page(render_digest(make_context(*late, left_out=111)))),
    ):
        assert notice in " ".join(text.split())
        assert "111 more on the web" in text
    assert "Catching up since 3 October: these are the papers from" in render_digest(make_context(*late)).text
    assert (
        "1 of these papers was listed on an earlier day."
        in render_digest(make_context(late[0], make_view(), make_view())).text
    )
    assert "Catching up" not in render_digest(make_context(left_out=5)).text


def test_papers_are_counted_for_each_keyword() -> None:
    email = render_digest(make_context(make_view(), make_view("Quantum", "", number=2), keywords=KEYWORDS))
    assert "post-training 1 hallucination 1 quantum 1" in visible_text(page(email)).replace("\xa0", " ")
    assert "  post-training  # 1\n  hallucination  # 1\n  quantum        # 1\n" in email.text


def test_bars_of_plain_text_have_room_for_any_count_and_keyword() -> None:
    views = [make_view("T", "", number=n, matched_in=((0, "title"),)) for n in range(1, 100)]
    keywords = ("quantum", "a keyword that is far too long to have a column of its own here")
    email = render_digest(make_context(*views, make_view("T", "", matched_in=((1, "title"),)), keywords=keywords))
    assert f"  quantum                               {'#' * 20} 99\n" in email.text
    assert "\n  a keyword that is far too long to have a column of its own… # 1\n" in email.text


def test_the_first_digest_is_the_welcome_too() -> None:
    keywords = ("post-training", "quantum")
    welcome = Welcome(exclusions=("survey", "<b>"), next_digest_on=date(2025, 10, 31))
    email = render_digest(make_context(make_view(keywords=keywords), keywords=keywords, welcome=welcome))
    assert email.subject == "Welcome to Paper Digest: your first paper"
    assert page(email).css("h1::text").get() == email.text.partition("\n")[0] == "Welcome to Paper Digest"
    for text in (" ".join(email.text.split()), visible_text(page(email)).replace("\u2019", "'")):
        assert "You'll get new papers that match your keywords every weekday at 08:00 (Berlin)." in text
        assert "This is your first digest; the next one may arrive on Friday 31 October." in text
        assert "Nothing new yet for: quantum" in text
        assert "Excluding: survey and <b>" in text
        assert "Keep this e-mail: it's how you manage your subscription. There is no password." in text
        assert (
            text.index("There is no password")
            < text.index("1 new paper matches your keywords")
            < text.rindex("Reshapes")
        )
    later = render_digest(make_context(make_view(keywords=keywords), keywords=keywords))
    assert not re.search("Welcome|password|first digest", later.subject + later.text + later.html)


def test_the_first_digest_of_trending_papers_says_how_to_get_others() -> None:
    views = [make_view("Liked", "By all.", number=n, is_trending=True) for n in (1, 2)]
    email = render_digest(make_context(*views, keywords=(), welcome=Welcome()))
    assert email.subject == "Welcome to Paper Digest: your first 2 papers"
    assert (
        "You'll get the trending papers\nevery weekday at 08:00 (Berlin).\nThis is your first digest.\n" in email.text
    )
    assert "Nothing new yet" not in email.text


def test_pictures_are_shown_to_whom_wants_them_and_come_from_us_alone() -> None:
    views = [make_view(number=n, thumbnail_url="https://elsewhere.example/1.png") for n in range(1, 13)]
    images = page(render_digest(make_context(*views, make_view("Bare"), thumbnails=True))).css("img")
    assert [image.attrib["src"] for image in images] == [f"{SITE}/papers/{n}/thumbnail" for n in range(1, 11)]
    assert {image.attrib["alt"] for image in images} == {""}
    assert not page(render_digest(make_context(*views))).css("img")
    assert not page(render_digest(make_context(make_view(), thumbnails=True))).css("img, table + table td[width]")
