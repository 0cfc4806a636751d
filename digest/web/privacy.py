"""What the privacy page says about each stored column and how long it is kept.

A test compares it with the tables: each new column about a person needs a purpose here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from digest.config import DEFAULT_RETENTION_DAYS, UNCONFIRMED_RETENTION, Settings
from digest.formatting import pluralize
from digest.tokens import CONFIRM_LIFETIME, RESUBSCRIBE_LIFETIME, TOKEN_LIFETIMES

ROW_NUMBER = "a number of ours, to hold the rows of one person together"
PREFERENCES = "when and how many papers you want"
SENDING_STATE = "how far it is with being sent, so that it goes out once"
RELAY_REPLY = "what the mail server said to it, so that a failure is seen and mended"
SUBSCRIBER_COLUMNS = {
    "email": "your address, to send the papers to",
    "email_key": "your address in small letters, so that it is kept once",
    "status": "whether you confirmed, paused or left",
    "nonce": "a random word that the links in your letters are made from",
    "frequency": PREFERENCES,
    "weekday": PREFERENCES,
    "send_hour": PREFERENCES,
    "timezone": PREFERENCES,
    "cap": PREFERENCES,
    "trending": PREFERENCES,
    "summaries": PREFERENCES,
    "thumbnails": PREFERENCES,
    "paused_until": "until when you pause",
    "covered_listing_id": "which papers have been looked through for you, so that none is lost and none comes twice",
    "last_due_day": "which papers have been looked through for you, so that none is lost and none comes twice",
    "consent": "the sentence you agreed to, with its version",
    "reason": "why a subscription ended or rests",
    "created_at": "when your address was entered, confirmed, and taken out: to show that you asked",
    "confirmed_at": "when your address was entered, confirmed, and taken out: to show that you asked",
    "ended_at": "when your address was entered, confirmed, and taken out: to show that you asked",
    "id": ROW_NUMBER,
}
SAVED_KEYWORD_COLUMNS = {
    "text": "your keyword, as you wrote it",
    "keyword_id": "which of all keywords it is, by its number",
    "position": "its place in your list, which gives it its color",
    "is_muted": "whether you muted it",
    "subscriber_id": ROW_NUMBER,
}
KEYWORD_COLUMNS = {
    "canonical": "the keyword in a uniform form, once for all who have it, without their names; it stays when they go",
    "id": "its number",
}
DELIVERY_COLUMNS = {
    "kind": "which letter it was, of which day",
    "edition": "which letter it was, of which day",
    "papers": "which papers it brought you, so that none comes twice",
    "omitted_papers": "which papers found no room in it, for its copy on the web",
    "keywords": "by which keywords they were chosen, for its copy on the web",
    "state": SENDING_STATE,
    "priority": SENDING_STATE,
    "attempts": SENDING_STATE,
    "next_attempt_at": SENDING_STATE,
    "owner": SENDING_STATE,
    "lease_expires_at": SENDING_STATE,
    "is_reclaimed": "whether its papers come again, because it failed",
    "recipient": "the address it went to, when you changed yours",
    "message_id": "its name on its way through mail servers",
    "reply_code": RELAY_REPLY,
    "reply": RELAY_REPLY,
    "created_at": "when it was written, and when that was settled",
    "settled_at": "when it was written, and when that was settled",
    "id": ROW_NUMBER,
    "subscriber_id": ROW_NUMBER,
}
BOUNCE_RECORD = {
    "bounce_class": "what a mail that came back said of it: for good, for now, a complaint",
    "status_code": "what a mail that came back said of it: for good, for now, a complaint",
    "reason": "what a mail that came back said of it: for good, for now, a complaint",
    "parser": "which program read that mail, and when",
    "received_at": "which program read that mail, and when",
    "fingerprint": "a check sum of that mail, so that it counts once",
    "id": ROW_NUMBER,
    "delivery_id": ROW_NUMBER,
}
RATE_LIMIT_COUNTER = {
    "key": "a check sum, made with a secret key, of an address or of the network that a form was sent from",
    "count": "how often, so that nobody is flooded with mail",
    "expires_at": "until when that is counted; then it goes",
}
QUARANTINE = {
    "table_name": ROW_NUMBER,
    "row_id": ROW_NUMBER,
    "id": ROW_NUMBER,
    "reason": "which part of a row of yours cannot be read, so that it harms nobody else and the operator can mend it",
    "first_seen_at": "when that was seen, how often, and when it was over",
    "last_seen_at": "when that was seen, how often, and when it was over",
    "count": "when that was seen, how often, and when it was over",
    "released_at": "when that was seen, how often, and when it was over",
}
SUPPRESSION_LIST = {
    "address_hash": "a check sum of your address, made with a secret key, so that we do not write to it again",
    "reason": "whether you declined a confirmation or reported our mail as spam, and when",
    "created_at": "whether you declined a confirmation or reported our mail as spam, and when",
}


# Tables about people; what each is, in the words of the page, and its columns.
PERSONAL_TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "subscriber": ("Your subscription", SUBSCRIBER_COLUMNS),
    "saved_keyword": ("Your keywords", SAVED_KEYWORD_COLUMNS),
    "keyword": ("All keywords", KEYWORD_COLUMNS),
    "delivery": ("Your letters", DELIVERY_COLUMNS),
    "bounce_record": ("Mails that came back about a letter", BOUNCE_RECORD),
    "rate_limit_counter": ("Limits", RATE_LIMIT_COUNTER),
    "suppression_entry": ("Addresses that we do not write to", SUPPRESSION_LIST),
    "quarantine": ("Rows that cannot be read", QUARANTINE),
}


# Tables about papers, hosts and machines.
OTHER_TABLES = frozenset(
    {"paper", "listing", "source_fetch", "http_cache_entry", "relay_circuit", "shared_token_bucket"}
)
RETENTION_SENTENCES = (
    "The copy of a letter on the web can be looked at for {copies}.",
    "An address that nobody confirms is erased {unconfirmed} after the last letter to it.",
    "When you leave, your keywords go after {back}; until then you can come back to them.",
    "The link to confirm works for {confirm}, the small links of a letter for at most {small}.",
    "The links to change and to leave work as long as anything is held of you.",
    "What mail servers said, and mails that came back, go when the operator tidies up, as a rule after {usual}.",
    "If you declined a confirmation or reported our mail as spam, a check sum of your address stays.",
    "Everything else stays until you have it erased, which you can do yourself at any time.",
)


@dataclass(frozen=True, slots=True)
class TableDescription:
    """Table of personal data: each purpose once, with the columns that serve it."""

    title: str
    purposes: tuple[tuple[str, tuple[str, ...]], ...]


def describe_tables() -> list[TableDescription]:
    """Return all tables with personal data."""
    tables = []
    for title, columns in PERSONAL_TABLES.values():
        purposes: dict[str, list[str]] = {}
        for column, purpose in columns.items():
            purposes.setdefault(purpose, []).append(column)
        tables.append(TableDescription(title, tuple((purpose, tuple(names)) for purpose, names in purposes.items())))
    return tables


def retention_sentences(settings: Settings) -> list[str]:
    """Return a sentence for each retention period, computed from the periods that the code uses."""
    longest_quick_action = max(lifetime for lifetime, _, _ in TOKEN_LIFETIMES.values())
    days = {
        name: pluralize(number, "day")
        for name, number in {
            "copies": settings.web_copy_days,
            "unconfirmed": UNCONFIRMED_RETENTION.days,
            "back": RESUBSCRIBE_LIFETIME.days,
            "confirm": CONFIRM_LIFETIME.days,
            "small": longest_quick_action.days,
            "usual": DEFAULT_RETENTION_DAYS,
        }.items()
    }
    return [sentence.format(**days) for sentence in RETENTION_SENTENCES]
