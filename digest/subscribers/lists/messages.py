"""Sentences about an import from another program."""

from digest.formatting import format_number

LISTMONK_LISTS = (
    "A file of listmonk does not say who left a single list. Export with the subscription status Confirmed, or "
    "Unsubscribed people of that list would be added."
)
ADDRESSES_ONLY = "A list of addresses does not say who has left. Remove them before you import it."
ROSTER_ONLY = "A roster of Mailman has only current members; those in parentheses get no e-mails there."
NO_ADDRESS = "This line has no e-mail address."


def consent(program: str, since: str) -> str:
    """Return what is recorded of the consent of people who agreed in another program."""
    where = f"Agreed outside of this service; imported from {program}"
    return f"{where}, on its list since {since}." if since else f"{where}."


def tags_unused(columns: str) -> str:
    return f"No keywords were read from {columns}. To take them from there: --column keywords={columns}"


def unknown_column(name: str, known: str) -> str:
    return f"There is no column {name!r}. The file has: {known}"


def unknown_target(name: str, known: str) -> str:
    return f"{name!r} is not one of our columns. Choose from: {known}"


def not_a_mapping(text: str) -> str:
    return f"{text!r} does not name two columns. Write it like keywords=TAGS: ours, and the one of the file."


_REASONS = {
    "unsubscribed": ("1 skipped: unsubscribed there.", "{} skipped: unsubscribed there."),
    "bounced": ("1 skipped: e-mails bounced there.", "{} skipped: e-mails bounced there."),
    "blocked": ("1 skipped: blocked there, or complained.", "{} skipped: blocked there, or complained."),
    "unconfirmed": ("1 skipped: never confirmed there.", "{} skipped: never confirmed there."),
    "disabled": ("1 skipped: gets no e-mails there.", "{} skipped: get no e-mails there."),
    "not subscribed": ("1 skipped: is not a subscriber there.", "{} skipped: are not subscribers there."),
    "left here": (
        "1 skipped: has left here. If they ask for it: digest subscribers add",
        "{} skipped: have left here. If they ask for it: digest subscribers add",
    ),
    "suppressed here": (
        "1 skipped: suppressed here. See digest subscribers allow --help",
        "{} skipped: suppressed here. See digest subscribers allow --help",
    ),
}


def skipped(reason: str, count: int) -> str:
    """Return how many people of a list are not added for one reason."""
    one, many = _REASONS[reason]
    return one if count == 1 else many.format(format_number(count))


def repeated_address(line_number: int) -> str:
    """Follow the address of a line: it stands in another line, too."""
    return f"is already in line {line_number}."


def known_address(status: str) -> str:
    """Follow the address of a line: it has a subscription."""
    return f"is already {status}. Nothing was changed."


def invalid_pause(text: str) -> str:
    return f"paused_until must be a date like 2026-07-31, not {text!r}"
