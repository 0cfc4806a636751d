"""Sentences of errors and hints about subscriptions: for subscribers, for operators, about papers given as examples."""

from collections.abc import Collection
from datetime import date

from digest.formatting import format_number, join_words, pluralize

# Preferences, keywords and addresses.
NO_DOT_IN_ADDRESS = "The part after the @ has no dot. Write the address like ada@example.org."
ALL_MUTED = "At least one keyword must not be muted. To stop all e-mails for a while, pause instead."

# Links that are not valid any more.
SUBSCRIPTION_GONE = "This link belongs to a subscription that no longer exists."
NOT_RUNNING = "This subscription is not running. You can subscribe again."
ENDED_SINCE = "This subscription has ended since the link was sent. You can subscribe again."
SIGNED_UP_AGAIN = "You have signed up again since then. Use the link in the newer confirmation e-mail."
UNSUBSCRIPTION_FINAL = "This cannot be undone any longer. You can subscribe again."
PAPER_GONE = "This paper is no longer stored. Use the link in a newer e-mail."
DIGEST_GONE = "This digest is no longer stored. Use the link in a newer e-mail."
NOT_IN_DIGEST = "This paper is not in the digest that the link is for."
OTHER_PAPER = "This link belongs to another paper, so it cannot be undone. Change it on your page of saved papers."
OTHER_ACTION = "This link belongs to another action, so it cannot be undone. Change it in your preferences."
DAMAGED_UNDO = "This link is damaged, so it cannot be undone. Change it in your preferences."
NO_AUTHOR_CHOSEN = "Choose one of the authors."

# Change of address.
LINK_OUTDATED = "This link no longer works: the address was changed, or a newer link was sent."
ADDRESS_TAKEN = "This address has a subscription of its own now, so nothing was changed."
ADDRESS_DECLINED = "This address gets no e-mails from us, because its owner declined them."
ADDRESS_CHANGE_GONE = "This link belongs to a change of address that no longer exists."
SAME_ADDRESS = "Your digest already goes to this address."

# Actions of operators.
KEYWORDS_DELETED = "The keywords of this subscriber are deleted by now. Only they can subscribe again."
STAYS_SUPPRESSED = "This subscriber reported an e-mail as spam and stays suppressed."
LEFT_THEMSELVES = "This subscriber has unsubscribed. Only they can subscribe again."
SUBSCRIPTION_CHANGED = "The subscription has changed since then, so this cannot be undone."
CHOICES_CHANGED = "Preferences or keywords have changed since then, so this cannot be undone."
NOT_A_DIGEST = "Only digests have a web copy."
ALREADY_SENT_TODAY = "This link has already been sent today."

# Papers given as examples.
SEED_FOUND = "Found among our papers."
SEED_STORED = "Not among our papers. We use its title and abstract."
SEED_STORED_TITLE = "Not among our papers. We use its title."
SEED_WAITING = "Not among our papers yet. It counts as soon as one of our sources lists it."
SEED_KNOWN = "You have given this paper before."
SEED_UNKNOWN_IDENTIFIER = "We cannot look up papers by this identifier. Use an arXiv ID, a DOI or the title."

EXPORT_NOTICE = (
    "All your data, by database table; /privacy explains each item. Papers and keywords are stored once for all, and "
    "yours are listed here. Not included are the counters against abuse, which name no one and are kept for at most a "
    "day, and checksums of addresses that declined e-mails."
)


def invalid_frequency(value: str) -> str:
    return f"Choose daily, weekdays, weekly or monthly, not {value!r}."


def invalid_weekday(value: int) -> str:
    return f"Choose a day of the week from 0 (Monday) to 6 (Sunday), not {value}."


def unknown_weekday(text: str) -> str:
    return f"Choose a day of the week, such as monday or friday, not {text[:20]!r}."


def invalid_hour(value: int) -> str:
    return f"Choose an hour from 0 to 23, not {value}."


def unknown_timezone(name: str) -> str:
    return f"There is no time zone {name!r}. Write it like Europe/Berlin."


def invalid_cap(most: int, value: int) -> str:
    return f"Choose from 1 to {most} papers per e-mail, not {value}."


def unknown_source(name: str, known: Collection[str]) -> str:
    return f"There is no source {name[:40]!r}. Choose from {join_words(sorted(known))}."


def too_many_keywords(max_keywords: int, count: int) -> str:
    return f"You can have at most {pluralize(max_keywords, 'keyword')}, and these are {count}."


def keyword_error(text: str, message: str) -> str:
    return f"keyword {text!r}: {message}"


def no_room_for_author(count: int, limit: int) -> str:
    return f"You have {count} keywords and exclusions, and the limit is {limit}. Remove one in your preferences first."


def too_many_marks(limit: int) -> str:
    return (
        f"You have marked {pluralize(limit, 'paper')} like this, which is the limit. Remove some on your page of saved "
        "papers first."
    )


def address_too_long(limit: int) -> str:
    return f"This is too long for an e-mail address; {limit} characters are the most."


def invalid_address(why: str) -> str:
    return f"This is not an e-mail address that we can reach: {why}"


def address_suppressed(address: str) -> str:
    return (
        f"{address} declined a confirmation or reported our mail as spam, and gets none again. If its owner wants one "
        "after all: digest subscribers allow"
    )


def unknown_address(email: str) -> str:
    return f"There is no subscriber {email}."


def unknown_id(subscriber_id: int) -> str:
    return f"There is no subscriber {subscriber_id}."


def already_subscribed(email: str, status: str) -> str:
    return f"{email} is already {status}. Nothing was changed."


def pause_not_allowed(status: str) -> str:
    return f"This subscriber is {status} and cannot be paused."


def resume_not_allowed(status: str) -> str:
    return f"This subscriber is {status} and cannot be resumed."


def removal_not_allowed(status: str) -> str:
    return f"This subscriber is {status} and cannot be removed."


def restore_not_allowed(status: str) -> str:
    return f"This subscriber is {status} and cannot be restored."


def change_not_allowed(status: str) -> str:
    return f"This subscriber is {status} and cannot be changed."


def invalid_pause(until: date, latest: date) -> str:
    return f"Choose a day after today and up to {latest} for the end of the pause, not {until}."


def not_pending(status: str) -> str:
    return f"This subscriber is {status}, and only pending ones get a confirmation."


def too_many_confirmations(limit: int) -> str:
    return f"The daily limit of {limit} confirmations per subscriber is reached. Try again tomorrow."


def gets_no_emails(status: str) -> str:
    return f"This subscriber is {status} and gets no e-mails."


def web_copy_expired(days: int) -> str:
    return f"Web copies are available for {pluralize(days, 'day')}, and this e-mail is older."


def too_many_copies(limit: int) -> str:
    return f"The daily limit of {limit} links per subscriber is reached. Try again tomorrow."


def seed_full(limit: int) -> str:
    return f"There is no room for it: you can give at most {format_number(limit)} papers. Remove some first."


def invalid_weight(word: str) -> str:
    return f"“{word[:40]}” cannot have this weight. Use a number from 0 to 100."


def invalid_word(text: str) -> str:
    return f"“{text[:40]}” is not one or two words. Add one or two words at a time."


def too_many_words(limit: int) -> str:
    return f"You can weigh, remove or add at most {format_number(limit)} words."
