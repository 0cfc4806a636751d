"""Sentences about deliveries: what became of one, and why an action on it is refused."""

# What became of a delivery.
ACCEPTED = "accepted by the relay"
EXPIRED = "expired: a later digest has its papers"
SENDING = "being sent now"

SENDER_STOPPED = "the sender stopped while it was sending this e-mail"
STOPPED_BEFORE_SENDING = "stopped before it was sent"
PAPERS_SENT_BEFORE = "earlier digests had its papers"
ASSUMED_SENT = "assumed sent by the operator, after the database had been restored"
CANCELLED_BY_OPERATOR = "cancelled by the operator"
MARKED_AS_SENT = "marked as sent by the operator"
MARKED_AS_LOST = "marked as lost by the operator"
GIVEN_UP = "given up after four days: "  # the last reply follows

# Why one is skipped.
SUBSCRIBER_MISSING = "its subscriber is missing"
EMAIL_NOT_TEXT = "email is not text"

# Why one cannot be sent again.
ALREADY_QUEUED = "it is already queued"
BEING_SENT = "it is being sent now"
WAS_SENT = "the relay accepted it, and it would be sent twice"
MAY_BE_SENT = "it may have been sent. Check the relay's log, then use: digest deliveries resolve"
SUBSCRIBER_LEFT = "the subscriber unsubscribed or was suspended"
PAPERS_RECLAIMED = "a later digest has its papers"
OPERATOR_CANCELLED = "the operator has cancelled it"
NO_SUCH_DELIVERY = "there is no such delivery"

NOTHING_TO_RESUME = "there is nothing to resume: the database knows of everything that was sent"


def subscriber_is(status: str) -> str:
    return f"its subscriber is {status}"


def bounce(bounce_class: str, reason: str, parser: str) -> str:
    return f"{bounce_class}, {reason} (read by {parser})" if reason else f"{bounce_class} (read by {parser})"


def unknown_delivery(delivery_id: int) -> str:
    return f"There is no delivery {delivery_id}."


def retry_not_allowed(delivery_id: int, reason: str) -> str:
    return f"Delivery {delivery_id} cannot be sent again: {reason}."


def not_queued(delivery_id: int, state: str) -> str:
    return f"Delivery {delivery_id} is {state}, and only queued ones can be cancelled."


def not_sending(delivery_id: int, state: str) -> str:
    return f"Delivery {delivery_id} is {state}, and only those being prepared can be released."


def not_uncertain(delivery_id: int, state: str) -> str:
    return f"Delivery {delivery_id} is {state}, not uncertain."


def has_gone_on(delivery_id: int) -> str:
    return f"Delivery {delivery_id} has gone on since then, so this cannot be undone."


def invalid_subscriber(reason: str) -> str:
    return f"its subscriber cannot be read: {reason}"
