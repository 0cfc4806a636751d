"""The four letters about a subscription: confirm, already, welcome, goodbye."""

from digest.letters import say
from digest.letters.templates import letter
from digest.letters.values import AlreadyWords, Clock, ConfirmWords, GoodbyeWords, Letter, WelcomeWords

SHOWN = 12  # keywords named in a letter
SHOWN_LENGTH = 600  # characters of them
KEYWORD = 60  # characters of one keyword


def confirm(words: ConfirmWords) -> Letter:
    return letter(
        "confirm",
        {
            "product": words.product,
            "confirm_url": words.confirm_url,
            "hours": words.hours,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def welcome(words: WelcomeWords) -> Letter:
    return letter(
        "welcome",
        {
            "product": words.product,
            "address": say.one_line(words.address),
            "often": say.often(words.frequency),
            "weekly": words.frequency == "weekly",
            "clock": clock(words.clock),
            "keywords": keywords(words.keywords),
            "more_keywords": len(words.keywords) - len(keywords(words.keywords)),
            "first_on": words.first_on,
            "preferences_url": words.preferences_url,
            "unsubscribe_url": words.unsubscribe_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def already(words: AlreadyWords) -> Letter:
    return letter(
        "already",
        {
            "product": words.product,
            "preferences_url": words.preferences_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def goodbye(words: GoodbyeWords) -> Letter:
    return letter(
        "goodbye",
        {
            "product": words.product,
            "subscribe_url": words.subscribe_url,
            "postal_address": say.one_line(words.postal_address),
        },
    )


def keywords(written: tuple[str, ...]) -> tuple[str, ...]:
    """As many keywords as a letter names, each on one line and not too long."""
    return say.leading([say.cut(keyword, KEYWORD) for keyword in written], limit=SHOWN_LENGTH, most=SHOWN)


def clock(when: Clock) -> str:
    """08:00 (Europe/Berlin)."""
    return f"{when.hour:02}:00 ({when.timezone.replace('_', ' ')})"
