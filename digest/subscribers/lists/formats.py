"""Files of listmonk, Mailchimp, Ghost and Mailman, known by their columns, and whom of them not to add.

The columns are those that the programs export today; names are compared in lower case with blanks for - and _. Whoever
left there, cannot be reached or has not agreed is not added here, whatever else the row says.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from digest.subscribers.lists import messages


class SkipReason(StrEnum):
    """Why somebody of a list is not added."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    UNCONFIRMED = "unconfirmed"
    DISABLED = "disabled"
    NOT_SUBSCRIBED = "not subscribed"
    LEFT_HERE = "left here"
    SUPPRESSED_HERE = "suppressed here"


@dataclass(frozen=True, slots=True)
class ListFormat:
    """File of one program.

    - `telltales`: columns of which `needed` tell that it is one
    - `columns`: what its own columns mean; see `find_skip_reason` for those that are none of ours
    - `tag_columns`: columns that an operator may take keywords from
    - `file_names`: beginnings of a file's name that say it of everybody in it
    - `note`: what the file does not say, as a sentence
    """

    name: str
    telltales: frozenset[str] = frozenset()
    needed: int = 2
    columns: Mapping[str, str] = field(default_factory=dict)
    tag_columns: tuple[str, ...] = ()
    file_names: Mapping[str, SkipReason] = field(default_factory=dict)
    note: str = ""


OWN_FORMAT = ListFormat("digest", frozenset({"keywords", "send hour", "paused until", "about only", "cap"}), 1)
PLAIN_LIST = ListFormat("a list of addresses", note=messages.ADDRESSES_ONLY)
ROSTER = ListFormat("Mailman", note=messages.ROSTER_ONLY)
OTHER_PROGRAM = ListFormat("another program", tag_columns=("tags", "labels", "groups", "topics", "interests"))
FORMATS = (
    ListFormat(
        "listmonk",
        frozenset({"uuid", "attributes"}),
        columns={"attributes": "attributes", "created at": "agreed_at"},
        note=messages.LISTMONK_LISTS,
    ),
    ListFormat(
        "Mailchimp",
        frozenset({"member rating", "optin time", "optin ip", "confirm time", "last changed", "leid", "euid"}),
        columns={"optin time": "agreed_at", "confirm time": "agreed_at"},
        tag_columns=("tags",),
        file_names={
            "unsubscribed": SkipReason.UNSUBSCRIBED,
            "cleaned": SkipReason.BOUNCED,
            "nonsubscribed": SkipReason.NOT_SUBSCRIBED,
        },
    ),
    ListFormat(
        "Ghost",
        frozenset({"subscribed to emails", "complimentary plan", "stripe customer id", "labels", "tiers"}),
        columns={"subscribed to emails": "wanted", "deleted at": "deleted_at", "created at": "agreed_at"},
        tag_columns=("labels",),
    ),
    ListFormat(
        "Mailman",
        frozenset({"subscribed address", "nomail", "delivery status", "delivery mode", "moderation action", "nodupes"}),
        needed=1,
        columns={
            "subscribed address": "email",
            "address": "email",
            "nomail": "delivery",
            "delivery status": "delivery",
            "role": "role",
            "member role": "role",
        },
    ),
)
# Columns that hold an instant where somebody has left, as in files of Mailchimp and Ghost; empty else.
LEFT_COLUMNS = {
    "unsub time": SkipReason.UNSUBSCRIBED,
    "unsubscribed at": SkipReason.UNSUBSCRIBED,
    "clean time": SkipReason.BOUNCED,
    "bounced at": SkipReason.BOUNCED,
    "complained at": SkipReason.BLOCKED,
}
# States of other programs in which nobody is added; csv_table has all states.
SKIPPED_STATES = {
    SkipReason.UNSUBSCRIBED: "unsubscribed, cancelled, canceled, removed, deleted, opted out",
    SkipReason.NOT_SUBSCRIBED: "non subscribed, nonsubscribed, nonmember, owner, moderator",
    SkipReason.DISABLED: "paused, inactive, disabled, archived",
    SkipReason.BOUNCED: "bounced, hard bounced, cleaned, undeliverable, invalid, suppressed",
    SkipReason.BLOCKED: "blocklisted, blacklisted, blocked, complained, junk, spam",
    SkipReason.UNCONFIRMED: "pending, unconfirmed, unactivated, not confirmed, opt in pending",
}
SKIPPED_WORDS = {word: reason for reason, words in SKIPPED_STATES.items() for word in words.split(", ")}
NO_WORDS = {"", "no", "false", "0", "off", "n", "enabled", "none", "deliveryenabled"}


def find_format(names: set[str]) -> ListFormat:
    """Return the format of a file with columns of these names."""
    for known in (*FORMATS, OWN_FORMAT):
        if len(known.telltales & names) >= known.needed:
            return known
    return OTHER_PROGRAM


def find_skip_reason(row: Mapping[str, str]) -> SkipReason | None:
    """Return why the person of a row of another program is not added; None where nothing speaks against it.

    Beside our columns a row has `left` (a reason), `wanted` (yes or no), `deleted_at` (an instant), `delivery` (a word
    of Mailman, or one of its letters) and `role`.
    """
    if row.get("left"):
        return SkipReason(row["left"])
    if row.get("deleted_at", "").strip():
        return SkipReason.UNSUBSCRIBED
    for name in ("status", "role"):
        if reason := SKIPPED_WORDS.get(normalize_name(row.get(name, ""))):
            return reason
    if "wanted" in row and normalize_name(row["wanted"]) in NO_WORDS:
        return SkipReason.UNSUBSCRIBED
    delivery = normalize_name(row.get("delivery", "")).rpartition(".")[2].strip("[]")  # DeliveryStatus.by_user; [B]
    if delivery in {"b", "by bounces", "bybounce", "by bounce"}:
        return SkipReason.BOUNCED
    return None if delivery in NO_WORDS else SkipReason.DISABLED


def split_tags(cell: str, key: str = "keywords") -> list[str]:
    """Return the tags of a cell: separated by commas, some in quotes; or a list in JSON, also below `key` of an object.

    A cell that is not as it should be has the tags that can be read.
    """
    text = cell.strip()
    if text[:1] in {"[", "{"}:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            value = value.get(key)
        tags = value if isinstance(value, list) else [value]
        return [str(tag).strip() for tag in tags if isinstance(tag, str | int | float) and str(tag).strip()]
    separator = next((sign for sign in "|;" if sign in text and '"' not in text), ",")
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True))
    except csv.Error:
        rows = [text.split(separator)]
    return [tag.strip() for row in rows for tag in row if tag.strip()]


def normalize_name(name: str) -> str:
    """Return the name of a column, or of a state, in lower case with single blanks for - and _."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())
