"""The four letters about a subscription."""

from dataclasses import replace
from datetime import date

import pytest
from jinja2 import UndefinedError
from parsel import Selector

from digest.mail import EmailContent
from digest.matching import Span
from digest.rendering import FirstPapers, PaperView, SendTime, template_folder
from digest.rendering.contexts import AlreadySubscribedContext, ConfirmContext, GoodbyeContext, WelcomeContext
from digest.rendering.plain_text import columns
from digest.rendering.templates import part, render_email
from digest.rendering.transactional import render_already_subscribed, render_confirm, render_goodbye, render_welcome

SITE = "https://digest.example.org"
WELCOME = WelcomeContext(
    address="reader@example.org",
    frequency="weekdays",
    clock=SendTime(8, "America/New_York"),
    keywords=("post-training", "<b>bold</b>"),
    first_on=date(2025, 10, 31),
    preferences_url=f"{SITE}/preferences/p1",
    unsubscribe_url=f"{SITE}/unsubscribe/u1",
)
LETTERS = {
    "confirm": (
        render_confirm(ConfirmContext(confirm_url=f"{SITE}/confirm/c1", postal_address="1 Example Street")),
        ["confirm/c1"],
    ),
    "welcome": (render_welcome(WELCOME), ["preferences/p1", "unsubscribe/u1"]),
    "already": (
        render_already_subscribed(AlreadySubscribedContext(preferences_url=f"{SITE}/preferences/p1")),
        ["preferences/p1"],
    ),
    "goodbye": (
        render_goodbye(GoodbyeContext(return_url=f"{SITE}/return/r1", subscribe_url=f"{SITE}/")),
        ["return/r1", ""],
    ),
}


@pytest.mark.parametrize(("made", "pages"), LETTERS.values(), ids=LETTERS)
def test_each_letter_links_to_its_pages_in_both_forms(made: EmailContent, pages: list[str]) -> None:
    addresses = [f"{SITE}/{page}" for page in pages]
    assert Selector(made.html).css("a::attr(href)").getall() == addresses
    assert [line for line in made.text.split("\n") if line.startswith("https://")] == addresses


@pytest.mark.parametrize(("made", "pages"), LETTERS.values(), ids=LETTERS)
def test_each_letter_is_whole(made: EmailContent, pages: list[str]) -> None:
    selector = Selector(made.html)
    assert 0 < len(made.subject) <= 90
    assert "\n" not in made.subject
    assert len(selector.css("h1")) == 1
    assert selector.css("h1::text").get() == made.text.split("\n", 1)[0]
    assert selector.css("title::text").get() == made.subject
    assert not selector.css("img, script, form")
    assert all(columns(line) <= 72 for line in made.text.split("\n") if "https://" not in line)


def test_the_confirmation_tells_how_long_it_works_and_what_to_do_if_it_was_not_you() -> None:
    made, _ = LETTERS["confirm"]
    for said in (made.text, made.html):
        assert "72 hours" in said
        assert "ignore this letter" in said
    assert "1 hour." in render_confirm(ConfirmContext(confirm_url=SITE, hours=1)).text


def test_the_confirmation_has_no_room_for_words_of_a_stranger() -> None:
    assert set(ConfirmContext.__dataclass_fields__) == {"product", "confirm_url", "hours", "postal_address"}
    assert set(AlreadySubscribedContext.__dataclass_fields__) == {"product", "preferences_url", "postal_address"}


def test_the_welcome_tells_what_comes_when() -> None:
    made, _ = LETTERS["welcome"]
    assert "every weekday at 08:00 (America/New York), whenever" in " ".join(made.text.split())
    assert "The first letter may come on Friday 31 October." in made.text
    assert "  * post-training\n  * <b>bold</b>\n" in made.text
    assert [k.strip() for k in Selector(made.html).css("span.k::text").getall()] == ["post-training", "<b>bold</b>"]


PAPERS = (
    PaperView(
        title="Post-training <i>that</i> works",
        title_spans=(Span(0, 13, 0),),
        authors=("Ada Example", "Ben Example"),
        listed_on=date(2025, 10, 30),
        url="https://arxiv.org/abs/2510.00001",
        where=((0, "title"), (1, "abstract")),
    ),
    PaperView(title="Voted for", listed_on=date(2025, 10, 30), url="javascript:alert(1)", trending=True),
)
FIRST = FirstPapers(day=date(2025, 10, 30), papers=PAPERS, matched=9, follows=True)


def said(made: EmailContent) -> tuple[str, str]:
    """Both forms as running text."""
    body = Selector(made.html).css("body")
    return " ".join(made.text.split()), " ".join("".join(body.css("::text").getall()).split())


def test_the_welcome_shows_the_first_papers_and_why() -> None:
    made = render_welcome(replace(WELCOME, first=FIRST))
    for text in said(made):
        assert "For you on the list of Thursday 30 October" in text
        assert "Ada Example, Ben Example" in text
        assert "Matched post-training in title and <b>bold</b> in abstract" in text
        assert "Among the most upvoted" in text
        assert "And 7 more papers. Your first letter follows this one at once; the next may come on Friday" in text
    assert " 1. *Post-training* <i>that</i> works\n" in made.text
    links = Selector(made.html).css("a::attr(href)").getall()
    assert links == ["https://arxiv.org/abs/2510.00001", WELCOME.preferences_url, WELCOME.unsubscribe_url]
    assert "javascript" not in made.text
    assert all(columns(line) <= 72 for line in made.text.split("\n") if "https://" not in line)


def test_the_welcome_promises_no_letter_that_is_not_coming() -> None:
    quiet = render_welcome(replace(WELCOME, first=FirstPapers(day=date(2025, 10, 30))))
    there = render_welcome(replace(WELCOME, first=replace(FIRST, follows=False)))
    for text in said(quiet):
        assert "Nothing on the list of Thursday 30 October was for you." in text
        assert "on such days no mail comes. The next look is on Friday 31 October." in text
    for text in said(there):
        assert "And 7 more papers. The next letter may come on Friday 31 October." in text
        assert "at once" not in text


def test_lines_that_keep_papers_away_are_told_apart() -> None:
    made = render_welcome(replace(WELCOME, exclusions=("-survey", '-author:"Ada Example"')))
    for text in said(made):
        assert "What these lines find stays away:" in text
    assert [k.strip() for k in Selector(made.html).css("span.k::text").getall()] == ["post-training", "<b>bold</b>"]
    assert '  * -author:"Ada Example"\n' in made.text


def test_the_goodbye_can_be_undone_for_thirty_days() -> None:
    made, _ = LETTERS["goodbye"]
    for text in said(made):
        assert "For 30 days this brings everything back" in text


def test_a_welcome_without_keywords_speaks_of_trending_papers() -> None:
    made = render_welcome(
        WelcomeContext(
            address="reader@example.org",
            frequency="weekly",
            clock=SendTime(18, "UTC"),
            preferences_url=SITE,
            unsubscribe_url=SITE,
        )
    )
    assert made.subject == "Welcome: Paper Digest comes once a week"
    assert "trending papers" in made.text
    assert "trending papers" in made.html


def test_a_hundred_keywords_are_named_in_part_and_counted() -> None:
    many = WelcomeContext(
        address="reader@example.org",
        frequency="daily",
        clock=SendTime(0, "UTC"),
        keywords=tuple(f"keyword {n}" for n in range(100)),
        preferences_url=SITE,
        unsubscribe_url=SITE,
    )
    assert "  and 88 more keywords\n" in render_welcome(many).text
    assert "and 88 more keywords" in render_welcome(many).html


def test_a_name_that_a_template_asks_for_and_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="confirm_url"):
        render_email("confirm", {"product": "P", "hours": 72, "postal_address": ""})


def test_html_is_escaped_and_plain_text_is_not() -> None:
    assert part("goodbye-subject.txt", product="<P>").strip() == "Done: <P> no longer comes"
    assert "Done: &lt;P&gt;" in render_goodbye(GoodbyeContext(product="<P>", return_url="/", subscribe_url="/")).html


def test_a_folder_that_is_not_there_is_named() -> None:
    assert (template_folder("mail") / "digest-body.html").is_file()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        template_folder("nowhere")
