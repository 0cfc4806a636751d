"""Sentences of the operator's pages that stand in no template: states, kinds of e-mails, what each action does."""

from collections.abc import Mapping, Sequence
from datetime import date

from digest.database.models import (
    Delivery,
    DeliveryKind,
    DeliveryState,
    FetchStatus,
    ObjectKind,
    Subscriber,
    SubscriberStatus,
)
from digest.formatting import format_date, format_day, format_instant, join_words, pluralize
from digest.monitoring import DeliveryTab, SourceOverview, SubscriberOrder
from digest.web.admin.action_texts import ActionText

UNDONE = "Undone. Everything is as it was before."
STATUS_TABS: Mapping[str, str] = {
    "": "All",
    SubscriberStatus.ACTIVE: "Active",
    SubscriberStatus.PENDING: "Unconfirmed",
    SubscriberStatus.PAUSED: "Paused",
    SubscriberStatus.SUPPRESSED: "Suppressed",
    SubscriberStatus.UNSUBSCRIBED: "Unsubscribed",
}
DELIVERY_TABS = {
    DeliveryTab.ALL: "All",
    DeliveryTab.WAITING: "Waiting",
    DeliveryTab.SENT: "Sent",
    DeliveryTab.FAILED: "Failed",
    DeliveryTab.UNCERTAIN: "Uncertain",
    DeliveryTab.CANCELLED: "Cancelled",
}
FREQUENCY_CHOICES = {
    "": "Any frequency",
    "daily": "Every day",
    "weekdays": "Every weekday",
    "weekly": "Once a week",
    "monthly": "Once a month",
}
SHORT_FREQUENCIES = {"daily": "Daily", "weekdays": "Weekdays", "weekly": "Weekly", "monthly": "Monthly"}
ORDER_CHOICES = {
    SubscriberOrder.NEWEST: "Newest first",
    SubscriberOrder.OLDEST: "Oldest first",
    SubscriberOrder.ADDRESS: "By address",
}
KIND_CHOICES = {
    "": "All kinds",
    DeliveryKind.DIGEST: "Digests",
    DeliveryKind.CONFIRM: "Confirmations",
    DeliveryKind.WELCOME: "Welcomes",
    DeliveryKind.ALREADY_SUBSCRIBED: "Links to preferences and web copies",
    DeliveryKind.GOODBYE: "Unsubscribed",
    DeliveryKind.ADDRESS_CHANGE: "Address changes to confirm",
    DeliveryKind.ADDRESS_CHANGED: "Address changes made",
    DeliveryKind.ADDRESS_RESTORED: "Address changes undone",
}
NOTICE_TITLES: Mapping[str, str] = {
    DeliveryKind.CONFIRM: "Confirm your subscription",
    DeliveryKind.WELCOME: "Welcome",
    DeliveryKind.ALREADY_SUBSCRIBED: "You're already subscribed",
    DeliveryKind.GOODBYE: "You've unsubscribed",
    DeliveryKind.ADDRESS_CHANGE: "Confirm your new address",
    DeliveryKind.ADDRESS_CHANGED: "Your address was changed",
    DeliveryKind.ADDRESS_RESTORED: "The change of your address was undone",
}
COPY_LINK_TITLE = "Link to a web copy"
TRENDING_PAPERS = "{count} with the most upvotes"
PAPERS_FOR = "{count}: {topics}"
MAX_TOPICS = 2  # keywords named in the title of a digest
STATE_LABELS: Mapping[str, str] = {
    DeliveryState.SENDING: "Being sent",
    DeliveryState.ON_WIRE: "Being sent",
    DeliveryState.FAILED: "Failed",
    DeliveryState.UNCERTAIN: "Uncertain",
    DeliveryState.CANCELLED: "Cancelled",
    DeliveryState.EXPIRED: "Replaced by a later digest",
}
DOTS: Mapping[str, str] = {
    SubscriberStatus.ACTIVE: "",
    SubscriberStatus.PENDING: "off",
    SubscriberStatus.PAUSED: "warn",
    SubscriberStatus.SUPPRESSED: "bad",
    SubscriberStatus.UNSUBSCRIBED: "off",
    DeliveryState.SENT: "",
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCERTAIN: "warn",
}
FETCH_STATUSES: Mapping[str, str] = {
    FetchStatus.OK: "list",
    FetchStatus.UNCHANGED: "unchanged",
    FetchStatus.EMPTY: "empty list",
    FetchStatus.NOT_LISTED: "no list yet",
    FetchStatus.PARTIAL: "incomplete",
    FetchStatus.STALE: "earlier list repeated",
    FetchStatus.GAP: "entries may be missing",
    FetchStatus.THIN: "fewer than usual",
    FetchStatus.FAILED: "failed",
}
OBJECT_TABS: Mapping[str, str] = {
    "": "All",
    ObjectKind.SUBSCRIBER: "Subscribers",
    ObjectKind.DELIVERY: "Deliveries",
    ObjectKind.SOURCE: "Sources",
    ObjectKind.QUARANTINED_ROW: "Unreadable rows",
    ObjectKind.PAPER_LINK: "Papers",
    ObjectKind.SUPPRESSION: "Addresses",
    ObjectKind.TOKEN: "API tokens",
}
OBJECT_NAMES: Mapping[str, str] = {
    ObjectKind.SUBSCRIBER: "Subscriber {}",
    ObjectKind.DELIVERY: "Delivery {}",
    ObjectKind.SOURCE: "{}",
    ObjectKind.QUARANTINED_ROW: "Unreadable row {}",
    ObjectKind.PAPER_LINK: "Link {}",
    ObjectKind.SUPPRESSION: "An address",
    ObjectKind.TOKEN: "API token {}",
}
ACTION_SENTENCES: Mapping[tuple[str, str], str] = {
    ("subscriber", "pause"): "Paused",
    ("subscriber", "resume"): "Resumed",
    ("subscriber", "remove"): "Unsubscribed",
    ("subscriber", "restore"): "Restored",
    ("subscriber", "erase"): "Deleted all data",
    ("subscriber", "resend-confirmation"): "Sent the confirmation again",
    ("subscriber", "change"): "Changed preferences",
    ("subscriber", "allow"): "Allowed confirmations again",
    ("subscriber", "add"): "Added",
    ("suppression", "allow"): "Allowed confirmations again",
    ("delivery", "retry"): "Queued to be sent now",
    ("delivery", "cancel"): "Cancelled",
    ("delivery", "release"): "Released from its sender",
    ("delivery", "resolve"): "Resolved",
    ("delivery", "send-copy"): "Sent the link to the web copy",
    ("quarantined-row", "retry"): "Read again",
    ("quarantined-row", "resolve"): "Released",
    ("source", "fetch"): "Requested a fetch",
    ("paper-link", "link"): "Linked two papers",
    ("paper-link", "separate"): "Separated two papers",
    ("paper-link", "unlink"): "Undid a link",
    ("paper-link", "rejoin"): "Undid a separation",
    ("api-token", "create"): "Created",
    ("api-token", "revoke"): "Revoked",
}
ACTORS: Mapping[str, str] = {"operator": "Operator"}
OUTCOMES = {"sent": "as sent", "lost": "as lost"}
UNCERTAIN_REASON = "The connection broke after the last byte."
NO_SUCH_DELIVERY = "No e-mail has this Message-ID or went to this address."
SEARCH_DELIVERIES_EMPTY = "Enter an e-mail address or a Message-ID."
INVALID_KEYWORD = "This keyword is not valid any more."


def subscriber_status(subscriber: Subscriber, today: date) -> str:
    """Return what a subscriber's row says of their subscription."""
    match subscriber.status:
        case SubscriberStatus.PENDING:
            return f"Unconfirmed since {format_date(subscriber.created_at.date(), today)}"
        case SubscriberStatus.PAUSED if subscriber.paused_until:
            return f"Paused until {format_date(subscriber.paused_until, today)}"
        case SubscriberStatus.PAUSED:
            return "Paused"
        case SubscriberStatus.SUPPRESSED if subscriber.ended_at:
            return f"Suppressed since {format_date(subscriber.ended_at.date(), today)}"
        case SubscriberStatus.UNSUBSCRIBED if subscriber.ended_at:
            return f"Unsubscribed on {format_date(subscriber.ended_at.date(), today)}"
    return STATUS_TABS.get(subscriber.status, subscriber.status)


def delivery_status(delivery: Delivery, today: date) -> str:
    """Return what became of a delivery."""
    match delivery.state:
        case DeliveryState.SENT:
            return "Sent" if delivery.attempts < 2 else f"Sent at attempt {delivery.attempts}"  # noqa: PLR2004
        case DeliveryState.QUEUED if delivery.next_attempt_at:
            return f"Waiting, next attempt {format_instant(delivery.next_attempt_at, today)}"
        case DeliveryState.QUEUED:
            return "Waiting"
    return STATE_LABELS.get(delivery.state, delivery.state)


def digest_title(paper_count: int, topics: Sequence[str]) -> str:
    """Return the number of papers of a digest, and the keywords that chose them."""
    papers = pluralize(paper_count, "paper")
    if not topics:
        return TRENDING_PAPERS.format(count=papers)
    named = join_words(topics[:MAX_TOPICS], len(topics[MAX_TOPICS:]))
    return PAPERS_FOR.format(count=papers, topics=named)


def count_at_most(count: int, limit: int) -> str:
    """Return a number that was counted up to a limit."""
    return f"{limit:,}+" if count > limit else f"{count:,}"


def no_such_subscriber(text: str) -> str:
    return f"No subscriber has “{text}” in their address or as a keyword."


def no_digest_reason(subscriber: Subscriber) -> str:
    """Return why no digest can be shown beforehand."""
    match subscriber.status:
        case SubscriberStatus.PENDING:
            return "No digest is sent before the subscription is confirmed."
        case SubscriberStatus.PAUSED if subscriber.paused_until:
            return (
                f"No digest before {format_day(subscriber.paused_until)}. New papers wait and come with the first one."
            )
        case SubscriberStatus.PAUSED:
            return "No digest until the subscriber resumes. New papers wait and come with the first one."
        case SubscriberStatus.SUPPRESSED:
            return "No digest: the address was refused or its owner complained."
        case SubscriberStatus.UNSUBSCRIBED:
            return "No digest: the subscription has ended."
    return "No digest can be planned, because this subscriber's row cannot be read."


def source_status(parts: Sequence[SourceOverview]) -> str:
    """Return how a source does: that of itself, or of its feeds."""
    troubled = [part for part in parts if not part.is_fine]
    if len(parts) > 1:
        count = f"{len(parts):,} feeds"
        if not troubled:
            return f"{count}, all fine."
        problem = troubled[0].problems[0] if troubled[0].problems else ""
        return f"{count}, {len(troubled):,} with a problem. {problem}".rstrip()
    (part,) = parts
    if troubled and part.problems:
        return part.problems[0]
    if part.last_whole_day is None:
        return "No list with papers yet."
    return f"Fine. Last list of {format_day(part.last_whole_day)}, {pluralize(part.entries, 'paper')}."


def object_name(kind: str, object_id: str) -> str:
    """Return what people call an object of an action."""
    return OBJECT_NAMES.get(kind, kind + " {}").format(object_id)


def action_sentence(kind: str, action: str) -> str:
    """Return what was done; a word of a later release as it is."""
    return ACTION_SENTENCES.get((kind, action), action.replace("-", " ").capitalize())


def action_detail(detail: Mapping[str, object]) -> str:
    """Return what else the record says that people want to know: the outcome, or the end of a pause."""
    after = detail.get("after")
    until = after.get("paused_until") if isinstance(after, Mapping) else None
    if isinstance(until, str) and until:
        return f"until {_format_iso_day(until)}"
    return OUTCOMES.get(str(detail.get("outcome")), "")


def _format_iso_day(text: str) -> str:
    try:
        return format_date(date.fromisoformat(text))
    except ValueError:
        return text


def actor_name(actor: str) -> str:
    """Return who did it: the pages, a token of the API, or a user of the command line."""
    return ACTORS.get(actor, actor.capitalize() if actor.startswith("token ") else actor)


def delivery_name(title: str, address: str) -> str:
    """Return what an e-mail is called on the page before an action."""
    return f"“{title}” to {address}" if address else f"“{title}”"


def row_name(table: str, row_id: str) -> str:
    """Return what a row that cannot be read is called."""
    return f"{table.replace('_', ' ')} {row_id}"


def undo_text(sentence: str) -> ActionText:
    """Return the texts of the page before an undo; `sentence` says what was done."""
    return ActionText(
        "Undo",
        f"Undo “{sentence}” for {{name}}?",
        ("What was before is put back.", "If it has changed since then, nothing is done, and you see why."),
        "",
        is_final=True,
    )
