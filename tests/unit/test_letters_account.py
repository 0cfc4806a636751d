"""The four letters about a subscription."""

from datetime import date

import pytest
from jinja2 import UndefinedError
from parsel import Selector

from digest.letters import (
    AlreadyWords,
    Clock,
    ConfirmWords,
    GoodbyeWords,
    Letter,
    WelcomeWords,
    already,
    confirm,
    folder,
    goodbye,
    welcome,
)
from digest.letters.plain import columns
from digest.letters.templates import letter, part

SITE = "https://digest.example.org"
WELCOME = WelcomeWords(
    address="reader@example.org",
    frequency="weekdays",
    clock=Clock(8, "America/New_York"),
    keywords=("post-training", "<b>bold</b>"),
    first_on=date(2025, 10, 31),
    preferences_url=f"{SITE}/preferences/p1",
    unsubscribe_url=f"{SITE}/unsubscribe/u1",
)
LETTERS = {
    "confirm": (
        confirm(ConfirmWords(confirm_url=f"{SITE}/confirm/c1", postal_address="1 Example Street")),
        ["confirm/c1"],
    ),
    "welcome": (welcome(WELCOME), ["preferences/p1", "unsubscribe/u1"]),
    "already": (already(AlreadyWords(preferences_url=f"{SITE}/preferences/p1")), ["preferences/p1"]),
    "goodbye": (goodbye(GoodbyeWords(subscribe_url=f"{SITE}/")), [""]),
}


@pytest.mark.parametrize(("made", "pages"), LETTERS.values(), ids=LETTERS)
def test_each_letter_links_to_its_pages_in_both_forms(made: Letter, pages: list[str]) -> None:
    addresses = [f"{SITE}/{page}" for page in pages]
    assert Selector(made.html).css("a::attr(href)").getall() == addresses
    assert [line for line in made.text.split("\n") if line.startswith("https://")] == addresses


@pytest.mark.parametrize(("made", "pages"), LETTERS.values(), ids=LETTERS)
def test_each_letter_is_whole(made: Letter, pages: list[str]) -> None:
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
    assert "1 hour." in confirm(ConfirmWords(confirm_url=SITE, hours=1)).text


def test_the_confirmation_has_no_room_for_words_of_a_stranger() -> None:
    assert set(ConfirmWords.__dataclass_fields__) == {"product", "confirm_url", "hours", "postal_address"}
    assert set(AlreadyWords.__dataclass_fields__) == {"product", "preferences_url", "postal_address"}


def test_the_welcome_tells_what_comes_when() -> None:
    made, _ = LETTERS["welcome"]
    assert "every weekday at 08:00 (America/New York), first on Friday 31 October." in " ".join(made.text.split())
    assert "  * post-training\n  * <b>bold</b>\n" in made.text
    assert [k.strip() for k in Selector(made.html).css("span.k::text").getall()] == ["post-training", "<b>bold</b>"]


def test_a_welcome_without_keywords_speaks_of_trending_papers() -> None:
    made = welcome(
        WelcomeWords(
            address="reader@example.org",
            frequency="weekly",
            clock=Clock(18, "UTC"),
            preferences_url=SITE,
            unsubscribe_url=SITE,
        )
    )
    assert made.subject == "Welcome: Paper Digest comes once a week"
    assert "trending papers" in made.text
    assert "trending papers" in made.html


def test_a_hundred_keywords_are_named_in_part_and_counted() -> None:
    many = WelcomeWords(
        address="reader@example.org",
        frequency="daily",
        clock=Clock(0, "UTC"),
        keywords=tuple(f"keyword {n}" for n in range(100)),
        preferences_url=SITE,
        unsubscribe_url=SITE,
    )
    assert "  and 88 more keywords\n" in welcome(many).text
    assert "and 88 more keywords" in welcome(many).html


def test_a_name_that_a_template_asks_for_and_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="confirm_url"):
        letter("confirm", {"product": "P", "hours": 72, "postal_address": ""})


def test_html_is_escaped_and_plain_text_is_not() -> None:
    assert part("goodbye-subject.txt", product="<P>").strip() == "Done: <P> no longer comes"
    assert "Done: &lt;P&gt;" in letter("goodbye", {"product": "<P>", "subscribe_url": "/", "postal_address": ""}).html


def test_a_folder_that_is_not_there_is_named() -> None:
    assert (folder("mail") / "digest-body.html").is_file()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        folder("nowhere")
