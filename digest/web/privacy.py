"""What the privacy page says about each stored column and how long it is kept.

A test compares it with the tables: each new column about a person needs a purpose here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from digest.config import DEFAULT_RETENTION_DAYS, UNCONFIRMED_RETENTION, Settings
from digest.formatting import pluralize
from digest.tokens import CONFIRM_LIFETIME, RESUBSCRIBE_LIFETIME, TOKEN_LIFETIMES

ROW_NUMBER = "An internal number that connects your data."
PREFERENCES = "When you get digests, and how many papers."
SENDING_STATE = "How far sending has got, so that each e-mail is sent once."
RELAY_REPLY = "The mail server's reply, so that failures are noticed and fixed."
SUBSCRIBER_COLUMNS = {
    "email": "Your e-mail address, to send you the papers.",
    "email_key": "Your address in lower case, so that it is stored only once.",
    "status": "Whether you have confirmed, paused or unsubscribed.",
    "nonce": "A random value from which the links in your e-mails are made.",
    "frequency": PREFERENCES,
    "weekday": PREFERENCES,
    "send_hour": PREFERENCES,
    "timezone": PREFERENCES,
    "cap": PREFERENCES,
    "trending": PREFERENCES,
    "summaries": PREFERENCES,
    "thumbnails": PREFERENCES,
    "about_only": PREFERENCES,
    "sources": PREFERENCES,
    "paused_until": "When your pause ends.",
    "covered_from": "Which papers had come before you signed up, so that you get their published versions.",
    "covered_listing_id": "Which papers have been checked for you, so that none is missed or sent twice.",
    "last_due_day": "Which papers have been checked for you, so that none is missed or sent twice.",
    "consent": "The text you agreed to, with its version.",
    "reason": "Why a subscription has ended or is on hold.",
    "created_at": "When you signed up, confirmed and unsubscribed, as proof of your consent.",
    "confirmed_at": "When you signed up, confirmed and unsubscribed, as proof of your consent.",
    "ended_at": "When you signed up, confirmed and unsubscribed, as proof of your consent.",
    "id": ROW_NUMBER,
}
SAVED_KEYWORD_COLUMNS = {
    "text": "Your keyword, as you wrote it.",
    "keyword_id": "The number of your keyword among all keywords.",
    "position": "Its place in your list, which decides its color.",
    "is_muted": "Whether you have muted it.",
    "announced_in": "Which e-mail said what else it matches now.",
    "subscriber_id": ROW_NUMBER,
}
MARK_COLUMNS = {
    "paper_id": "Which papers you have saved, given as examples, or want more or less like.",
    "kind": "Which papers you have saved, given as examples, or want more or less like.",
    "created_at": "When you said so.",
    "subscriber_id": ROW_NUMBER,
}
SEED_COLUMNS = {
    "reference": "Papers that you gave as examples and that are none of ours: their identifier, title and abstract.",
    "title": "Papers that you gave as examples and that are none of ours: their identifier, title and abstract.",
    "abstract": "Papers that you gave as examples and that are none of ours: their identifier, title and abstract.",
    "created_at": "When you gave them.",
    "id": ROW_NUMBER,
    "subscriber_id": ROW_NUMBER,
}
PROFILE_COLUMNS = {
    "words": "The words that were learned from these papers, with their weights. You see and change all of them.",
    "edits": "Words that you have weighed, struck or added yourself.",
    "fitted_at": "When the words were computed.",
    "in_digest": "Whether your digests have papers by these words.",
    "waiting_papers": "Which papers by these words wait for your next e-mail.",
    "subscriber_id": ROW_NUMBER,
}
KEYWORD_COLUMNS = {
    "canonical": "The keyword in its normal form, stored once and without names. It is kept when its users leave.",
    "forms_version": "Which spellings count as equal for it.",
    "id": "Its number.",
}
DELIVERY_COLUMNS = {
    "kind": "Which e-mail it was, and for which day.",
    "edition": "Which e-mail it was, and for which day.",
    "papers": "Which papers you got, so that none is sent twice.",
    "omitted_papers": "Which papers did not fit, for the web copy.",
    "keywords": "Which keywords they matched, for the web copy.",
    "news": "Which news it had about papers that you got before, so that you get them once.",
    "close_papers": "Which papers close to your keywords it had, so that none is sent twice.",
    "close_words": "Which of your words these papers have, for the web copy.",
    "state": SENDING_STATE,
    "priority": SENDING_STATE,
    "attempts": SENDING_STATE,
    "next_attempt_at": SENDING_STATE,
    "owner": SENDING_STATE,
    "lease_expires_at": SENDING_STATE,
    "is_reclaimed": "Whether its papers are sent again, because sending failed.",
    "recipient": "The address it was sent to, if you have changed yours.",
    "message_id": "Its Message-ID, by which mail servers know it.",
    "reply_code": RELAY_REPLY,
    "reply": RELAY_REPLY,
    "created_at": "When the e-mail was created and when sending ended.",
    "settled_at": "When the e-mail was created and when sending ended.",
    "id": ROW_NUMBER,
    "subscriber_id": ROW_NUMBER,
}
BOUNCE_RECORD = {
    "bounce_class": "What a bounce said: a permanent or temporary failure, or a complaint.",
    "status_code": "What a bounce said: a permanent or temporary failure, or a complaint.",
    "reason": "What a bounce said: a permanent or temporary failure, or a complaint.",
    "parser": "When the bounce arrived, and how it was read.",
    "received_at": "When the bounce arrived, and how it was read.",
    "fingerprint": "A checksum of the bounce, so that it counts once.",
    "id": ROW_NUMBER,
    "delivery_id": ROW_NUMBER,
}
RATE_LIMIT_COUNTER = {
    "key": "A checksum, made with a secret key, of an address or of the network that sent a form.",
    "count": "How often, to prevent abuse.",
    "expires_at": "When the counter is deleted.",
}
QUARANTINE = {
    "table_name": ROW_NUMBER,
    "row_id": ROW_NUMBER,
    "id": ROW_NUMBER,
    "reason": "Which part of your data is damaged, so that the operator can repair it.",
    "first_seen_at": "When and how often that was noticed, and when it was repaired.",
    "last_seen_at": "When and how often that was noticed, and when it was repaired.",
    "count": "When and how often that was noticed, and when it was repaired.",
    "released_at": "When and how often that was noticed, and when it was repaired.",
}
ACTION_RECORD = "What the operator did about your subscription, such as a pause, when and why."
OPERATOR_ACTION = {
    "at": ACTION_RECORD,
    "actor": "Which operator or program did it.",
    "action": ACTION_RECORD,
    "object_kind": ROW_NUMBER,
    "object_id": ROW_NUMBER,
    "id": ROW_NUMBER,
    "detail": "What was before, so that it can be undone.",
    "undone_at": "Whether it was undone, and by whom.",
    "undone_by": "Whether it was undone, and by whom.",
}
SUPPRESSION_LIST = {
    "address_hash": "A checksum of your address, made with a secret key, so that we don't e-mail you again.",
    "reason": "Whether you declined a confirmation or reported an e-mail as spam, and when.",
    "created_at": "Whether you declined a confirmation or reported an e-mail as spam, and when.",
}


# Tables about people; what each is, in the words of the page, and its columns.
PERSONAL_TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "subscriber": ("Your subscription", SUBSCRIBER_COLUMNS),
    "saved_keyword": ("Your keywords", SAVED_KEYWORD_COLUMNS),
    "paper_mark": ("Papers you have marked", MARK_COLUMNS),
    "seed_text": ("Papers you have given as examples", SEED_COLUMNS),
    "profile": ("Words learned from them", PROFILE_COLUMNS),
    "keyword": ("All keywords", KEYWORD_COLUMNS),
    "delivery": ("E-mails sent to you", DELIVERY_COLUMNS),
    "bounce_record": ("Bounces", BOUNCE_RECORD),
    "rate_limit_counter": ("Limits against abuse", RATE_LIMIT_COUNTER),
    "suppression_entry": ("Addresses that get no e-mail", SUPPRESSION_LIST),
    "quarantine": ("Damaged data", QUARANTINE),
    "operator_action": ("What the operator did", OPERATOR_ACTION),
}


# Tables about papers, hosts and machines.
OTHER_TABLES = frozenset(
    {
        "paper",
        "paper_event",
        "paper_identifier",
        "paper_link",
        "listing",
        "source_fetch",
        "http_cache_entry",
        "feed",
        "feed_entry",
        "acronym_count",
        "api_token",
        "relay_circuit",
        "term_count",
        "term_fit",
        "shared_token_bucket",
    }
)
RETENTION_SENTENCES = (
    "The web copy of an e-mail is available for {copies}.",
    "An address that is not confirmed is deleted {unconfirmed} after the last e-mail to it.",
    "After you unsubscribe, your keywords and marks are kept for {back}, so that you can undo it, and then deleted.",
    "The confirmation link works for {confirm}, and the quick links in an e-mail for at most {small}.",
    "The links to your preferences, to your saved papers and to unsubscribe work as long as we have your data.",
    "Replies of mail servers, bounces and actions of the operator are deleted by pruning, usually after {usual}.",
    "If you declined a confirmation or reported an e-mail as spam, a checksum of your address is kept.",
    "Everything else is kept until you delete it, which you can do yourself at any time.",
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
    longest_quick_action = max(lifetime for lifetime, _ in TOKEN_LIFETIMES.values())
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
