"""What the digest says: subject, reasons, marks, links, and that text from outside stays text."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsel import Selector

from digest.mail import EmailContent
from digest.matching import Span
from digest.rendering import PersonalLinks, render_digest
from tests.support.email_factory import DAY, KEYWORDS, LINKS, paper, words

DATA = Path(__file__).parents[2] / "data" / "letters"
NASTY = "<script>alert('x')</script> & \"quoted\" \u202egnip\x00\x1b[2J\r\nBcc: all@example.org"


def page(letter: EmailContent) -> Selector:
    return Selector(letter.html)


def seen(selector: Selector) -> str:
    """The text as a reader sees it."""
    return re.sub(r"\s+", " ", "".join(selector.xpath(".//text()").getall())).strip()


def test_the_plain_letter_reads_like_a_letter() -> None:
    first = paper(
        organization="Example Lab",
        authors=tuple(f"Author {name}" for name in "ABCDEFG"),
        upvotes=42,
        comments=1,
        discussion_url="https://huggingface.co/papers/2510.00001",
        code_url="https://github.com/example/code",
        code_stars=1310,
    )
    second = paper("Quantum Cats", "Cats and boxes.", number=2, late=True, listed_on=date(2025, 10, 24))
    trending = paper("A Paper Everybody Likes", "It is liked.", number=3, trending=True, upvotes=300)
    notice = "arXiv did not answer on Wednesday 29 October; its papers will be in your next digest."
    letter = render_digest(words(first, second, trending, left_out=5, notices=(notice,)))
    assert letter.text == (DATA / "digest.txt").read_text()


@pytest.mark.parametrize(
    ("many", "said"),
    [(1, "1 new paper matches your keywords"), (2, "2 new papers match your keywords")],
)
def test_the_headline_counts_in_good_english(many: int, said: str) -> None:
    letter = render_digest(words(*(paper(number=n) for n in range(many))))
    assert page(letter).css("h1::text").get() == said
    assert letter.text.startswith(said)


def test_the_subject_names_the_busiest_keywords_first() -> None:
    other = paper("No Hallucination", "None.", number=2)
    assert render_digest(words(paper(), other)).subject == "2 papers: hallucination, post-training"
    assert render_digest(words(paper("Post-Training", "Short."))).subject == "1 paper: post-training"


def test_papers_that_were_left_out_are_counted_in_the_subject_and_linked() -> None:
    letter = render_digest(words(paper(), left_out=30))
    assert letter.subject.startswith("31 papers: ")
    assert ("30 more papers on the web", LINKS.view) in [
        (link.css("::text").get(), link.attrib["href"]) for link in page(letter).css("a")
    ]
    assert "30 more papers on the web" in letter.text


@given(st.lists(st.text(min_size=1, max_size=120), min_size=1, max_size=8), st.sampled_from(["daily", "weekly"]))
def test_the_subject_is_one_line_of_at_most_ninety_characters(keywords: list[str], frequency: str) -> None:
    matched = paper("T", "A", where=tuple((n, "title") for n in range(len(keywords))))
    subject = render_digest(words(matched, keywords=tuple(keywords), frequency=frequency, left_out=1000)).subject
    assert 0 < len(subject) <= 90
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", subject)


def test_a_weekly_letter_says_so() -> None:
    letter = render_digest(words(frequency="weekly"))
    assert letter.subject == "1 paper this week: post-training, hallucination"
    assert "1 new paper this week matches your keywords" in letter.text
    assert "once a week" in letter.text
    assert "Weekly, Thursday 30 October" in seen(page(letter))


def test_a_reader_without_keywords_gets_the_trending_papers() -> None:
    letter = render_digest(words(paper("Liked", "By all.", trending=True), keywords=()))
    assert letter.subject == "1 trending paper: Liked"
    assert page(letter).css("h1::text").get() == "Today's trending papers"
    assert "Among the most upvoted today" in letter.text
    assert "Among the most upvoted today" in seen(page(letter))
    assert "keywords of your own" in letter.text


def test_matched_words_are_marked_in_their_keywords_colour() -> None:
    selector = page(render_digest(words()))
    assert selector.css("h2 span.k0::text").getall() == ["Post-Training"]
    assert selector.css("h2 + p + p + p span.k0::text").getall() == ["post-training"]
    assert selector.css("h2 + p + p + p span.k1::text").getall() == ["hallucination"]
    assert seen(selector.css("h2")[0]) == "How Post-Training Reshapes Models"
    assert "How *Post-Training* Reshapes" in render_digest(words()).text


def test_a_seventh_keyword_takes_the_first_colour_again() -> None:
    keywords = ("a1", "b2", "c3", "d4", "e5", "f6", "seventh")
    matched = paper("The Seventh Seal", "A film.", keywords=keywords)
    assert page(render_digest(words(matched, keywords=keywords))).css("h2 span.k0::text").getall() == ["Seventh"]


def test_spans_that_cannot_be_are_left_out() -> None:
    wrong = (Span(0, 3, 0), Span(2, 5, 1), Span(4, 4, 0), Span(90, 99, 0))
    selector = page(render_digest(words(paper("How Post-Training Reshapes Models", title_spans=wrong))))
    assert selector.css("h2 span::text").getall() == ["How"]
    assert seen(selector.css("h2")[0]) == "How Post-Training Reshapes Models"


def test_the_reason_is_told_in_words() -> None:
    selector = page(render_digest(words()))
    assert "Matched post-training in title and abstract, hallucination in abstract" in seen(selector)


def test_a_late_paper_is_marked_in_full_and_as_a_row() -> None:
    late = paper("Late", "", late=True, listed_on=date(2024, 12, 30))
    selector = page(render_digest(words(late, *(paper(number=n) for n in range(9)), late)))
    assert [p for p in map(seen, selector.css("p")) if "listed earlier" in p.lower()] == [
        "2 papers were listed earlier and are made up for here.",
        "Listed earlier, on Monday 30 December 2024",
        "Ada Byron +1 · 29 October · listed earlier, on Monday 30 December 2024",
    ]


def test_notices_stand_before_the_papers() -> None:
    said = seen(page(render_digest(words(notices=("arXiv did not answer.",)))))
    assert said.index("arXiv did not answer.") < said.index("Ada Byron")


def test_a_paper_without_anything_but_a_title_has_no_empty_lines() -> None:
    bare = paper("Bare", "", authors=(), published_on=None, pdf_url=None, where=((0, "title"),))
    selector = page(render_digest(words(bare)))
    assert [link.css("::text").get() for link in selector.css("hr + h2 ~ p a.l")][:1] == ["Abstract"]
    assert not [node for node in selector.css("p, h1, h2, a") if not seen(node)]


def test_links_lead_where_they_should_and_nowhere_else() -> None:
    known = paper(
        discussion_url="https://huggingface.co/papers/1",
        code_url="javascript:alert(1)",
        project_url='https://x.example/"onmouseover="x',
    )
    found = page(render_digest(words(known))).css("a::attr(href)").getall()
    assert found == [
        LINKS.view,
        known.url,
        known.url,
        known.pdf_url,
        "https://huggingface.co/papers/1",
        LINKS.mute + "/101",
        LINKS.mute + "/102",
        LINKS.never + "/1",
        LINKS.preferences,
        LINKS.fewer,
        LINKS.pause,
        LINKS.unsubscribe,
    ]


def test_links_of_the_same_kind_have_names_of_their_own() -> None:
    selector = page(render_digest(words(paper("One"), paper("Two", number=2))))
    names = [link.attrib.get("aria-label") or seen(link) for link in selector.css("a")]
    assert "PDF: One" in names
    assert "PDF: Two" in names
    assert {"Never this author: One", "Never this author: Two"} < set(names)
    assert {"Mute hallucination: One", "Mute hallucination: Two"} < set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("field", ["title", "abstract", "authors", "organization", "keywords", "notices"])
def test_text_from_outside_stays_text(field: str) -> None:
    value = NASTY if field in {"title", "abstract", "organization"} else (NASTY,)
    if field in {"keywords", "notices"}:
        letter = render_digest(words(paper(where=((0, "title"),), title_spans=(), abstract_spans=()), **{field: value}))
    else:
        changes: dict[str, Any] = {field: value, "title_spans": (), "abstract_spans": ()}
        letter = render_digest(words(paper(**changes)))
    selector = page(letter)
    assert "<script>alert('x')</script> &" in seen(selector)
    assert not selector.css("script")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", letter.text + letter.html + letter.subject)
    assert not re.search(r"(?m)^Bcc:", letter.text)


def test_a_letter_fetches_nothing() -> None:
    letter = render_digest(words())
    selector = page(letter)
    assert not selector.css("img, script, link, iframe, object, video, form, mark, [background], [src]")
    assert "url(" not in letter.html
    assert "@import" not in letter.html


def test_the_letter_tells_its_language_and_leaves_directions_to_the_text() -> None:
    selector = page(render_digest(words(paper("שלום hallucination"))))
    assert selector.css("html::attr(lang)").get() == "en"
    assert selector.css("h2::attr(dir)").get() == "auto"
    rows = page(render_digest(words(*(paper("שלום", number=n) for n in range(12)))))
    assert rows.xpath("//p[a[contains(., 'שלום')]]/@dir").getall() == ["auto", "auto"]
    assert len(selector.css("h1")) == 1
    assert seen(selector.css("h1")[0]) == "1 new paper matches your keywords"


def test_the_preheader_shows_the_first_titles() -> None:
    selector = page(render_digest(words(*(paper(f"Title {n}", number=n) for n in range(5)))))
    assert selector.css("body > div.v::text").get() == "Title 0 · Title 1 · Title 2"


def test_without_a_postal_address_nothing_stands_in_its_place() -> None:
    assert seen(page(render_digest(words(postal_address="")))).endswith("Unsubscribe")
    assert render_digest(words(postal_address="")).text.endswith(LINKS.view + "\n")


def test_what_a_reader_can_ask_for_depends_on_what_there_is() -> None:
    weekly = render_digest(words(frequency="weekly", links=LINKS._replace(fewer="")))
    assert "Fewer mails" not in weekly.text + weekly.html
    assert "Pause for two weeks" in weekly.html
    nobody = render_digest(words(paper(authors=()), links=PersonalLinks(view="v", preferences="p", unsubscribe="u")))
    assert not re.search("Mute|Never|Fewer|Pause", nobody.text + nobody.html)
    assert "Never" not in render_digest(words(paper(authors=()))).html


def test_a_row_has_no_links_to_mute() -> None:
    letter = render_digest(words(*(paper(number=n) for n in range(1, 15))))
    found = page(letter).css("a::attr(href)").getall()
    assert sum(url.startswith(LINKS.never) for url in found) == 10
    assert letter.text.count(LINKS.never) == 10


def test_a_machines_summary_says_that_it_is_one_and_leaves_the_abstract_a_click_away() -> None:
    letter = render_digest(words(paper(summary="It trains <b>models</b> after training.")))
    said = seen(page(letter))
    assert "It trains <b>models</b> after training. AI summary by Hugging Face" in said
    assert "    It trains <b>models</b> after training.\n    (AI summary by Hugging Face)\n" in letter.text
    assert "We study" not in said + letter.text
    assert "Abstract: How Post-Training Reshapes Models" in page(letter).css("a::attr(aria-label)").getall()
    assert "AI summary" not in seen(page(render_digest(words(paper(summary=" "))))) + render_digest(words()).text


WEEK = tuple(
    paper(f"Paper {n}", number=n, listed_on=DAY - timedelta(days=n % 3), late=n % 5 == 4, where=((0, "title"),))
    for n in range(1, 14)
)


def test_a_weekly_letter_is_grouped_by_day_and_late_papers_come_last() -> None:
    letter = render_digest(words(*WEEK, frequency="weekly"))
    headings = [seen(each) for each in page(letter).css("h2, h3")]
    assert headings == [
        *("Tuesday 28 October", "Paper 2", "Paper 5", "Paper 8"),
        *("Wednesday 29 October", "Paper 1", "Paper 7", "Paper 10"),
        *("Thursday 30 October", "Paper 3", "Paper 6"),
        *("Listed earlier", "Paper 4", "Paper 9"),
        *("3 more papers", "Tuesday 28 October", "Wednesday 29 October", "Thursday 30 October"),
    ]
    assert re.findall(r"(?m)^ ?(\d+)\. Paper (\d+)$", letter.text) == [
        *(("1", "2"), ("2", "5"), ("3", "8"), ("4", "1"), ("5", "7"), ("6", "10"), ("7", "3"), ("8", "6")),
        *(("9", "4"), ("10", "9"), ("11", "11"), ("12", "13"), ("13", "12")),
    ]
    assert re.findall(r"(?m)^(?:=+\n)?(?:[A-Z]\w+day \d+ October|Listed earlier):?$", letter.text) == [
        *("=" * 72 + f"\n{day} October" for day in ("Tuesday 28", "Wednesday 29", "Thursday 30")),
        "=" * 72 + "\nListed earlier",
        *("Tuesday 28 October:", "Wednesday 29 October:", "Thursday 30 October:"),
    ]


def test_a_daily_letter_is_not_grouped() -> None:
    letter = render_digest(words(*WEEK))
    assert [seen(each) for each in page(letter).css("h2, h3")][:3] == ["Paper 1", "Paper 2", "Paper 3"]
    assert "Listed earlier\n" not in letter.text


def test_a_letter_after_a_pause_says_what_it_makes_up_for() -> None:
    late = [paper(number=n, late=True, listed_on=date(2025, 10, 3)) for n in range(1, 21)]
    said = "Catching up since 3 October: the best 20 papers here, 111 more on the web."
    for form in (render_digest(words(*late, left_out=111)).text, seen(page(render_digest(words(*late, left_out=111))))):
        assert said in " ".join(form.split())
        assert "111 more papers on the web" in form
    assert "Catching up since 3 October: these papers were listed" in render_digest(words(*late)).text
    assert "1 paper was listed earlier and is made up for here." in render_digest(words(late[0], paper(), paper())).text
    assert "Catching up" not in render_digest(words(left_out=5)).text


def test_every_keyword_that_found_something_is_tallied() -> None:
    letter = render_digest(words(paper(), paper("Quantum", "", number=2), keywords=KEYWORDS))
    assert "post-training 1 hallucination 1 quantum 1" in seen(page(letter)).replace("\xa0", " ")
    assert "  * post-training: 1\n  * hallucination: 1\n  * quantum: 1\n" in letter.text
