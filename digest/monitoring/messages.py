"""Sentences of alerts, of `/healthz` and about what is overdue."""

from digest.formatting import pluralize

SENDING_STOPPED = (
    "The database was restored from a backup, so nothing is sent until sending is resumed. See: digest doctor"
)
DATABASE_UNAVAILABLE = "The database does not answer."
SEE_DOCTOR = "To find out why: digest doctor"
RUN_MIGRATE = "To upgrade it: digest migrate"
CHECK_SERVICE = "Check that the service is running and what its log says. To run it now: digest run"
RESOLVE_THEM = "Look for them in the relay's log, and mark each as sent or lost."
MANY_BOUNCES = "Large providers begin to refuse e-mails at about 2%. See what the relay replied."
LOOKED_AT_AGAIN = "Before each plan they are read again, and released when they can be."
RUN_COLLECT = "To fetch it now: digest collect"
MAKE_ROOM = "Free some space. To see what can be deleted: digest prune --dry-run"


def disk_full(free_mib: int) -> str:
    return f"The disk of the database is nearly full: {free_mib:,} MiB are free."


def schema_mismatch(schema: str, required: str) -> str:
    return f"The database has schema {schema}, and this version needs {required}."


def schema_missing(required: str) -> str:
    return f"The database has no schema, and this version needs {required}."


def relay_refuses(since: str, reply: str) -> str:
    return f"The relay has accepted no e-mails since {since} UTC: {reply}"


def next_attempt(at: str) -> str:
    return f"The next attempt is at {at} UTC. To try now: digest run"


def uncertain_deliveries(count: int) -> str:
    return (
        "1 delivery is uncertain: the connection broke before the relay replied."
        if count == 1
        else f"{count:,} deliveries are uncertain: the connection broke before the relay replied."
    )


def failing_deliveries(ratio: float, failed: int) -> str:
    return f"{ratio:.1%} of the e-mails of the last 7 days failed ({failed:,})."


def sender_refused(reasons: str) -> str:
    return f"E-mails were refused because of their sender: {reasons}."


def unreadable_rows(count: int, names: str) -> str:
    return (
        f"1 database row cannot be read and is skipped until it is repaired: {names}."
        if count == 1
        else f"{count:,} database rows cannot be read and are skipped until they are repaired: {names}."
    )


def never_fetched(source: str) -> str:
    return f"{source} has never been fetched."


def not_fetched_since(source: str, since: str) -> str:
    return f"{source} was last fetched on {since} UTC."


def planning_overdue(subscribers: int, since: str) -> str:
    return f"Planning is overdue: {pluralize(subscribers, 'subscriber')} due since {since} UTC."


def sending_overdue(since: str) -> str:
    return f"Sending is overdue: e-mails have been waiting since {since} UTC."
