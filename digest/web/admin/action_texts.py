"""What each action of an operator says: on its button, on the page before it, and on the page after it."""

from collections.abc import Mapping
from dataclasses import dataclass

from digest.database.models import ObjectKind


@dataclass(frozen=True, slots=True)
class ActionText:
    """Texts of one action. `button` names it wherever it is offered; `title` and `done` have the name of its object.

    `consequences`: what it will do. `is_final`: it cannot be undone. `is_danger`: it takes something away.
    """

    button: str
    title: str
    consequences: tuple[str, ...]
    done: str
    is_final: bool = False
    is_danger: bool = False


SUBSCRIBER_TEXTS: Mapping[str, ActionText] = {
    "pause": ActionText(
        "Pause",
        "Pause {name}?",
        (
            "No digest is sent until the morning of the day you choose.",
            "New papers wait and come with the first digest after the pause.",
            "No e-mail says that the subscription is paused.",
        ),
        "Paused. No digest is sent until the day you chose.",
    ),
    "resume": ActionText(
        "Resume",
        "Resume {name}?",
        (
            "Digests are sent again, from the next due day on.",
            "Papers that were listed during the pause come with the next digest.",
        ),
        "Resumed. Digests are sent again.",
    ),
    "remove": ActionText(
        "Unsubscribe",
        "Unsubscribe {name}?",
        (
            "No more digests are sent, and e-mails that are waiting are cancelled.",
            "No e-mail says so.",
            "Keywords are kept for 30 days. Until then you can restore the subscription.",
        ),
        "Unsubscribed. No more digests are sent.",
        is_danger=True,
    ),
    "restore": ActionText(
        "Restore",
        "Restore {name}?",
        (
            "The subscription runs again with the same keywords and preferences.",
            "Papers that were listed since it ended come with the next digest.",
            "If the address is refused again, it is suppressed again.",
        ),
        "Restored. Digests are sent again.",
    ),
    "resend-confirmation": ActionText(
        "Send confirmation again",
        "Send the confirmation to {name} again?",
        (
            "One more e-mail with the link that confirms the subscription is sent.",
            "You can do this 3 times a day.",
        ),
        "The confirmation is queued and sent within a minute.",
        is_final=True,
    ),
    "erase": ActionText(
        "Delete everything",
        "Delete everything about {name}?",
        (
            "Preferences, keywords, the history and the record of e-mails are deleted.",
            "No e-mail says so. The address can subscribe again.",
            "Activity keeps that you did this, by the number of the subscriber, without the address.",
        ),
        "Everything about this subscriber has been deleted.",
        is_final=True,
        is_danger=True,
    ),
}
DELIVERY_TEXTS: Mapping[str, ActionText] = {
    "retry": ActionText(
        "Retry now",
        "Send {name} now?",
        (
            "The e-mail is queued and sent now, with the same Message-ID.",
            "If it fails again, the papers of a digest go into the next one.",
        ),
        "Queued. The e-mail is sent now.",
    ),
    "cancel": ActionText(
        "Cancel",
        "Cancel {name}?",
        ("The e-mail isn't sent.", "The papers of a digest go into the next one."),
        "Cancelled. The e-mail isn't sent.",
        is_danger=True,
    ),
    "release": ActionText(
        "Release",
        "Release {name}?",
        (
            "The e-mail is taken from the process that prepares it, and queued again.",
            "Nothing of it has been sent so far, so it can't arrive twice.",
        ),
        "Released. The e-mail is queued again.",
        is_final=True,
    ),
    "send-copy": ActionText(
        "Send link again",
        "Send the link to {name} again?",
        (
            "One more e-mail with the link to the web copy of this digest is sent.",
            "The digest itself isn't sent again.",
            "You can do this 3 times a day for each subscriber.",
        ),
        "The link to the web copy is queued and sent within a minute.",
        is_final=True,
    ),
}
SOURCE_TEXTS: Mapping[str, ActionText] = {
    "fetch": ActionText(
        "Fetch now",
        "Fetch {name} now?",
        (
            "The scheduler fetches the source within 10 seconds, also where nothing is due.",
            "New papers come with the next digests. Nothing is sent because of this.",
        ),
        "Requested. The scheduler fetches the source within 10 seconds.",
        is_final=True,
    )
}
ROW_TEXTS: Mapping[str, ActionText] = {
    "retry": ActionText(
        "Read again",
        "Read {name} again?",
        (
            "If the row can be read, it is released and used again.",
            "If not, it stays here, and you see what is still wrong.",
        ),
        "The row can be read again and is released.",
    ),
    "resolve": ActionText(
        "Release",
        "Release {name}?",
        (
            "The row is released without being read.",
            "If it still can't be read, the next run finds that and lists it here again.",
        ),
        "The row is released.",
    ),
}
ACTION_TEXTS: Mapping[str, Mapping[str, ActionText]] = {
    ObjectKind.SUBSCRIBER: SUBSCRIBER_TEXTS,
    ObjectKind.DELIVERY: DELIVERY_TEXTS,
    ObjectKind.SOURCE: SOURCE_TEXTS,
    ObjectKind.QUARANTINED_ROW: ROW_TEXTS,
}
RESOLVED = {
    "sent": "Marked as sent.",
    "lost": "Marked as lost. The papers of a digest go into the next one.",
}


def done_text(kind: str, action: str, outcome: str = "") -> str:
    """Return the sentence on the page after an action; empty for one that has none."""
    if action == "resolve" and kind == ObjectKind.DELIVERY:
        return RESOLVED.get(outcome, "")
    text = ACTION_TEXTS.get(kind, {}).get(action)
    return text.done if text else ""
