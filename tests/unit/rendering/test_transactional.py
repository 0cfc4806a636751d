"""E-mails about a subscription."""

from dataclasses import fields, replace
from datetime import date

import pytest
from jinja2 import UndefinedError
from parsel import Selector

from digest.config import NO_TEMPLATES
from digest.mail import EmailContent
from digest.rendering import (
    AddressChangeContext,
    AddressChangedContext,
    AddressRestoredContext,
    AlreadySubscribedContext,
    ConfirmContext,
    GoodbyeContext,
    RelayTestContext,
    SendTime,
    WelcomeContext,
    render_notice,
    render_welcome,
    template_folder,
)
from digest.rendering.plain_text import display_width
from digest.rendering.templates import render_email, render_template

SITE = "https://digest.example.org"
WELCOME = WelcomeContext(
    address="reader@example.org",
    frequency="weekdays",
    send_time=SendTime(8, "America/New_York"),
    keywords=("post-training", "<b>bold</b>"),
    next_digest_on=date(2025, 10, 31),
    preferences_url=f"{SITE}/preferences/p1",
    unsubscribe_url=f"{SITE}/unsubscribe/u1",
)
EMAILS = {
    "confirm": (
        render_notice(ConfirmContext(confirm_url=f"{SITE}/confirm/c1", postal_address="1 Example Street")),
        ["confirm/c1"],
    ),
    "welcome": (render_welcome(WELCOME), ["preferences/p1", "unsubscribe/u1"]),
    "already subscribed": (
        render_notice(AlreadySubscribedContext(preferences_url=f"{SITE}/preferences/p1")),
        ["preferences/p1"],
    ),
    "address change": (
        render_notice(AddressChangeContext(change_url=f"{SITE}/address/a1", postal_address="1 Example Street")),
        ["address/a1"],
    ),
    "address changed": (render_notice(AddressChangedContext(undo_url=f"{SITE}/address-undo/b1")), ["address-undo/b1"]),
    "address restored": (render_notice(AddressRestoredContext(subscribe_url=f"{SITE}/")), [""]),
    "relay test": (render_notice(RelayTestContext(postal_address="1 Example Street")), []),
    "goodbye": (
        render_notice(GoodbyeContext(resubscribe_url=f"{SITE}/return/r1", subscribe_url=f"{SITE}/")),
        ["return/r1", ""],
    ),
}


def running_texts(email: EmailContent) -> tuple[str, str]:
    """Return both forms without line breaks."""
    body = Selector(email.html).css("body")
    texts = email.text, "".join(body.css("::text").getall()).replace("\u2019", "'")
    return " ".join(texts[0].split()), " ".join(texts[1].split())


@pytest.mark.parametrize(("email", "pages"), EMAILS.values(), ids=EMAILS)
def test_emails_link_to_their_pages_in_both_forms(email: EmailContent, pages: list[str]) -> None:
    addresses = [f"{SITE}/{page}" for page in pages]
    assert Selector(email.html).css("a::attr(href)").getall() == addresses
    assert [line for line in email.text.split("\n") if line.startswith("https://")] == addresses


@pytest.mark.parametrize(("email", "pages"), EMAILS.values(), ids=EMAILS)
def test_emails_have_one_headline_and_fetch_nothing(email: EmailContent, pages: list[str]) -> None:
    selector = Selector(email.html)
    assert 0 < len(email.subject) <= 90
    assert "\n" not in email.subject
    assert len(selector.css("h1")) == 1
    assert str(selector.css("h1::text").get()).replace("\u2019", "'") == email.text.split("\n", 1)[0]
    assert selector.css("title::text").get() == email.subject
    assert not selector.css("img, script, form")
    assert all(display_width(line) <= 72 for line in email.text.split("\n") if "https://" not in line)


def test_the_confirmation_says_how_long_it_works_and_what_to_do_if_it_was_not_you() -> None:
    email, _ = EMAILS["confirm"]
    for text in (email.text, email.html):
        assert "72 hours" in text
        assert "ignore this e-mail" in text
    assert "1 hour. If" in render_notice(ConfirmContext(confirm_url=SITE, hours=1)).text


def test_the_confirmation_has_no_room_for_words_of_a_stranger() -> None:
    assert {field.name for field in fields(ConfirmContext)} == {
        *("product", "accent", "templates", "confirm_url", "hours", "postal_address")
    }
    assert {field.name for field in fields(AlreadySubscribedContext)} == {
        "product",
        "accent",
        "templates",
        "preferences_url",
        "postal_address",
    }


def test_the_welcome_says_what_comes_when() -> None:
    email, _ = EMAILS["welcome"]
    for text in running_texts(email):
        assert "You'll get new papers that match these keywords every weekday at 08:00 (New York):" in text
        assert "No new papers match right now. That's fine: you'll hear from us only when there is one." in text
        assert "Your first digest may arrive on Friday 31 October." in text
        assert "Keep this e-mail: it's how you manage your subscription. There is no password." in text
    assert "  * post-training\n  * <b>bold</b>\n" in email.text
    assert [text.strip() for text in Selector(email.html).css("span.k::text").getall()] == [
        "post-training",
        "<b>bold</b>",
    ]


def test_exclusions_are_listed_separately() -> None:
    email = render_welcome(replace(WELCOME, exclusions=("survey", 'author:"Ada Example"')))
    for text in running_texts(email):
        assert 'Excluding: survey and author:"Ada Example".' in text
    assert [text.strip() for text in Selector(email.html).css("span.k::text").getall()] == [
        "post-training",
        "<b>bold</b>",
    ]


def test_the_goodbye_can_be_undone_for_thirty_days() -> None:
    email, _ = EMAILS["goodbye"]
    for text in running_texts(email):
        assert "For 30 days you can subscribe again with the same keywords" in text


def test_a_welcome_without_keywords_names_trending_papers() -> None:
    email = render_welcome(
        WelcomeContext(
            address="reader@example.org",
            frequency="weekly",
            send_time=SendTime(18, "UTC"),
            preferences_url=SITE,
            unsubscribe_url=SITE,
        )
    )
    assert email.subject == "Welcome to Paper Digest"
    for text in running_texts(email):
        assert "You'll get the trending papers once a week, on Mondays at 18:00 (UTC)." in text
        assert "match" not in text


def test_of_a_hundred_keywords_some_are_named_and_the_others_counted() -> None:
    many = WelcomeContext(
        address="reader@example.org",
        frequency="daily",
        send_time=SendTime(0, "UTC"),
        keywords=tuple(f"keyword {n}" for n in range(100)),
        preferences_url=SITE,
        unsubscribe_url=SITE,
    )
    assert "  and 88 more keywords\n" in render_welcome(many).text
    assert "and 88 more keywords" in render_welcome(many).html


def test_a_missing_template_variable_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="confirm_url"):
        render_email(NO_TEMPLATES, "confirm", {"product": "P", "hours": 72, "postal_address": ""})


def test_html_is_escaped_and_plain_text_is_not() -> None:
    assert render_template(NO_TEMPLATES, "goodbye-subject.txt", product="<P>").strip() == "You've unsubscribed from <P>"
    assert (
        "You&#39;ve unsubscribed from &lt;P&gt;"
        in render_notice(GoodbyeContext(product="<P>", resubscribe_url="/", subscribe_url="/")).html
    )


def test_a_missing_template_folder_is_named() -> None:
    assert (template_folder("mail") / "digest-body.html").is_file()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        template_folder("nowhere")
