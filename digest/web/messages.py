"""Sentences of error pages, the JSON API and the operator's pages that stand in no template."""

from collections.abc import Sequence

from digest.database.models import DeliveryKind, DeliveryState
from digest.formatting import format_number, join_words, pluralize

# Title and text of the error page by status.
ERROR_TEXTS = {
    400: ("Bad request", "The request could not be read. Go back and try again."),
    403: ("Only on this machine", "This page is available only in a browser on the machine that runs the service."),
    404: ("Page not found", "Check the address, or search for the paper."),
    405: ("Method not allowed", "Open this page with a link, or use one of its forms."),
    408: ("Request timed out", "Your request took too long to arrive, and nothing was changed. Send it again."),
    413: ("Too much text", "A form can have at most 64 KB. Shorten your keywords and send it again."),
    414: ("Page not found", "The address is too long. Check it, or go to the front page."),
    422: ("Something in the form isn't valid", "Nothing was changed. Go back and fill in the form again."),
    429: ("Too many requests", "There were too many requests from your network. Try again in an hour."),
    500: ("Something went wrong", "The error has been recorded, and nothing was changed. Try again later."),
    503: (
        "We're temporarily unavailable",
        "Nothing was changed. Try again in a minute; digests that are due will be sent later.",
    ),
}
FILE_TOO_LARGE = ("This is too large", "Papers can have at most 1 MB. Export fewer of them, or leave out their notes.")
DEMO_NOTICE = "This is a demonstration with sample papers."
CONFIRMATION_REQUESTED = "If the address can be subscribed, a confirmation link has been sent to it."
# What has become of an e-mail, and what it is, on the page of what was sent.
STATE_LABELS = {
    DeliveryState.QUEUED: "waiting to be sent",
    DeliveryState.SENDING: "being sent",
    DeliveryState.ON_WIRE: "being sent",
    DeliveryState.SENT: "sent",
    DeliveryState.FAILED: "not delivered",
    DeliveryState.UNCERTAIN: "delivery uncertain",
    DeliveryState.CANCELLED: "cancelled",
    DeliveryState.EXPIRED: "replaced by a later digest",
}
KIND_LABELS = {
    DeliveryKind.CONFIRM: "Link to confirm",
    DeliveryKind.WELCOME: "Welcome",
    DeliveryKind.ALREADY_SUBSCRIBED: "Already subscribed",
    DeliveryKind.GOODBYE: "Final confirmation",
    DeliveryKind.ADDRESS_CHANGE: "Link to confirm a new address",
    DeliveryKind.ADDRESS_CHANGED: "Notice of a new address",
    DeliveryKind.ADDRESS_RESTORED: "Notice that a new address was undone",
}
FRONT_PAGE_LABEL = "Front page"
LATEST_PAPERS_LABEL = "Latest papers"
SUBSCRIBE_AGAIN_LABEL = "Subscribe again"
SYNTAX_LABEL = "Keyword syntax"
HISTORY_LABEL = "E-mails sent to you"
ERASE_LABEL = "Delete all your data"

NOT_POSSIBLE_TITLE = "This isn't possible right now"
ENDED_TITLE = "This subscription has ended"
ENDED = "You won't get any more e-mails from it. You can subscribe again at any time."
EXPIRED_LINK_TITLE = "This link has expired"
INVALID_LINK_TITLE = "This link is damaged"
SEARCH_INVALID_TITLE = "This search is not valid"
PERSONAL_FEED = "The papers sent to you by e-mail. Anyone with this address can read them, so keep it private."
DAMAGED_LINK = "This link is damaged. Copy all of it from the e-mail, or use one from a newer e-mail."
TRY_LATER = "Try again later."
NO_PAPERS_TITLE = "No papers yet"
NO_PAPERS_YET = "The sources have not been read yet."
LESS_THAN_WEEKLY = "less than one a week"

# Forms
NO_ADDRESS = "Enter an e-mail address, for example ada@example.org."
NO_SOURCE_CHOSEN = "Choose at least one source."
INVALID_PAUSE = "Write the date like 2026-01-31, or leave it empty."
PAUSE_IN_PAST = "Choose a day after today, or leave it empty."
PAUSE_TOO_LONG = "A pause lasts two years at most. Choose an earlier day, or unsubscribe."

# Web copies of digests
COPY_GONE = "This digest is no longer available online."
COPY_WITHOUT_KEYWORDS = (
    "This copy can no longer be shown, because the keywords that it was made with have been deleted. The e-mail itself "
    "has not changed."
)

# Marks on papers
AUTHORS_SHOWN = 3

# Lists of papers
INVALID_FILTER_TITLE = "This link has an invalid filter"
UNFILTERED_LABEL = "Show this page without filters"
FIRST_PAGE_LABEL = "First page"
NO_SUCH_LIST_PAGE = "This list has no such page."
NO_DATE_TITLE = "This is not a date"
NO_DATE = "Use a day like 2026-01-31, a week like 2026-W05 or a month like 2026-01."
PAPER_NOT_FOUND_TITLE = "Paper not found"
PAPER_NOT_FOUND = "It may have been deleted."
NOT_PUBLISHED_YET = "No list has been published yet. Papers appear here as soon as a source lists them."
NOT_LISTED = "No source listed papers then."
NEAREST_LISTS = "Nearest lists:"
LATEST_LISTS_TITLE = "New papers"
LATEST_LISTS = "Papers of the latest lists."

# The JSON API
NO_SUCH_PAGE = "There is no such page."
NO_SUCH_PAPER = "There is no such paper."
TEXT_AND_FILE = "Paste papers or upload a file, one at a time. What you pasted is still here."
NO_SUCH_SEED = "There is no such example."
NOT_AUTHORIZED = "Send Authorization: Bearer TOKEN, with the token of the preferences link in each of your e-mails."
NO_CRITERION = "Specify q, day or both."
INVALID_SUBSCRIPTION = "Nothing was changed, because some fields are not valid. See errors."
INVALID_DAY = "must be a date like 2026-01-31"
API_UNAVAILABLE = "The service is temporarily unavailable. Try again in a minute."
API_FAILED = "Something went wrong. The error has been recorded."

# The operator's API
CREDENTIALS_MISSING = "Send a token: Authorization: Bearer TOKEN. To create one: digest tokens create"
CREDENTIALS_MALFORMED = "Send one Authorization header, of the form: Bearer TOKEN"
CREDENTIALS_UNKNOWN = "This token is not valid."
CREDENTIALS_EXPIRED = "This token has expired."
CREDENTIALS_REVOKED = "This token is revoked."
TOO_MANY_TRIES = "Too many requests from your network had no valid token. Try again later."
NOTHING_TO_CHANGE = "Give preferences, keywords or both."
ADDRESS_ALREADY_ALLOWED = "This address could already subscribe. Nothing was changed."

# The operator's pages
TOO_MANY_LOGINS = "Too many attempts. Try again in an hour."
WRONG_TOKEN = "This token is not correct. It is the value of DIGEST_OPERATOR_TOKEN."  # noqa: S105  - no token
CROSS_SITE_TITLE = "This form was sent from another site"
CROSS_SITE = "Nothing was changed. Open the page here and use its own button."
BACK_LABEL = "Back"
BACK_TO_PAPERS_LABEL = "Back to the papers"
OVERVIEW_LABEL = "Overview"
ALL_SENT = "All of today's digests have been sent."
NOTHING_DUE = "No digest is due yet today."

# Answers to providers of e-mail, and errors of `digest serve`
NO_CERTIFICATE = "The certificate cannot be fetched now.\n"
TOO_MANY_REFUSED = "Too many requests that are refused.\n"
PORT_TAKEN = "another program listens there"


def webhook_refused(error: object) -> str:
    return f"Refused: {error}.\n"


def host_without_address(host: str, reason: str) -> str:
    return f"--host {host} has no address: {reason}"


def address_not_available(host: str, port: int, reason: str) -> str:
    return f"cannot listen on {host} port {port}: {reason}; choose another one with --port"


def not_a_number(text: str) -> str:
    return f"Write a number in digits; {text[:20]!r} is not one."


def too_many_lines(limit: int) -> str:
    return f"You can have at most {pluralize(limit, 'keyword')}, one per line."


def address_suggestion(address: str) -> str:
    return f"Is this spelled correctly? Perhaps you meant {address}."


def preview_too_large(limit: int) -> str:
    return f"A preview looks up at most {limit} words and phrases. You can subscribe to all of these."


def copy_expired(days: int) -> str:
    return (
        f"Digests can be viewed online for {pluralize(days, 'day')}. The e-mail itself still works, and so do its "
        "links. If you don't have it, enter your address on the front page, and we'll send you a link to your "
        "preferences."
    )


def personal_feed_title(product: str) -> str:
    return f"Sent to you · {product}"


def other_forms(meaning: str, forms: Sequence[str]) -> str:
    return f"{meaning}; also matches {join_words([f'“{form}”' for form in forms])}"


def per_week(count: int) -> str:
    return f"about {format_number(count)} a week"


def invalid_weight(text: str) -> str:
    return f"“{text[:20]}” is not a weight. Use a number from 0 to 100; 0 removes the word."


def invalid_parameter(name: str, value: str, choices: Sequence[str]) -> str:
    return f"“{value}” is not a value for “{name}”. Use {join_words(choices, conjunction='or')}."


def some_authors(names: Sequence[str]) -> str:
    """Name the first authors of a paper, and say how many more it has."""
    return join_words(names[:AUTHORS_SHOWN], max(0, len(names) - AUTHORS_SHOWN))


def several_days(title: str, days: int, first: str, last: str) -> str:
    return f"{title} is incomplete on {days} days from {first} to {last}; what is missing will be fetched later."


def no_papers_title(period: str) -> str:
    return f"No papers for {period}"


def in_future(day: str) -> str:
    return f"{day} is in the future."


def invalid_fields(fields: str) -> str:
    return f"These fields are not valid: {fields}."


def scope_missing(scopes: Sequence[str]) -> str:
    return f"This token lacks the scope {join_words(scopes, conjunction='or')}."


def object_not_found(kind: str, number: int | str) -> str:
    return f"There is no {kind} {number}."


def search_too_short(min_characters: int) -> str:
    return f"Enter an e-mail address, or at least {min_characters} characters of it."


def nothing_changed(reason: object) -> str:
    return f"Nothing was changed. {reason}"


def planning_pending(subscribers: int) -> str:
    return f"{pluralize(subscribers, 'subscriber')} due, not planned yet."


def digests_in_progress(count: int) -> str:
    return f"{pluralize(count, 'digest')} in progress."


def deliveries_summary(sent: int, failed: int, uncertain: int) -> str:
    return f"In 30 days: {pluralize(sent, 'e-mail')} sent, {failed:,} failed, {uncertain:,} uncertain."


def subscribers_summary(total: int, joined: int, left: int) -> str:
    return f"{pluralize(total, 'subscriber')}. In 30 days, {joined:,} joined and {left:,} left."


def fetches_summary(fetches: int, failed: int, new_papers: int) -> str:
    return f"In 30 days: {pluralize(fetches, 'fetch')}, {failed:,} failed, {pluralize(new_papers, 'new paper')}."


def new_papers_title(source: str) -> str:
    return f"New papers from {source}"
