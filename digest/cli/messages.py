"""Sentences that commands print: results, notes and errors. Help texts stand with their commands and options."""

from collections.abc import Sequence
from difflib import get_close_matches

from digest.formatting import pluralize

NOTHING_FETCHED = "No source has been fetched yet. To fetch them now: digest collect"
DAY_OR_DAYS = "Give either --day or --days, not both."
RUN_FINISHED = "The run is finished."
NO_WORDS_LEARNED = (
    "No words could be learned: there are too few recent papers about these keywords, or none were counted yet. A run "
    "counts them once a week."
)
WATCH_NEEDS_TERMINAL = "--watch draws a progress bar and needs a terminal. In scripts, use --json."
ASSUME_OR_SEND = "Give either --assume-sent or --send-again. To compare them: digest database resume --help"
ONLY_SQLITE_HAS_MARK = "This command is for SQLite databases only. For PostgreSQL, see docs/backup.md"
COLLECT_FAILED = "Try again when the sources can be reached."
COPY_NEEDS_BOTH = "To copy a database, give both --from and --to."
COPIED = "To use the copy, set DIGEST_DATABASE_URL to its address. The original was not changed."
NO_MAILBOX = (
    "DIGEST_IMAP_HOST is empty, so there is no mailbox to read. Set it, for example DIGEST_IMAP_HOST=imap.example.org"
)
NO_BOUNCES = "No bounces yet."
UNMATCHED_BOUNCE = "No signed address in this message belongs to a delivery, so nothing was changed."
RETRY_WHAT = "Give the ID of a delivery, or --failed with --since."
ALL_READABLE = "All rows can be read."
NO_SUCH_DELIVERY = "there is no such delivery"
AMBIGUOUS_PAPERS = "Papers that may be the same"
NOT_PLANNED_YET = "Due but not planned yet"
ROWS_NOT_READABLE = "Rows that cannot be read"
NO_ACTIONS = "No operator has done anything yet."
NO_TOKENS = "There are no tokens yet. To create one: digest tokens create --help"
COPY_NOW = "Copy the token now: it is not shown again. Send it as: Authorization: Bearer TOKEN"
NO_SUBSCRIBERS = "There are no subscribers yet. To add one: digest subscribers add --help"
RESTORE_WHICH = (
    "Say which subscribers to restore with --suppressed-since and --reason. Example: --reason 'relay not permitted'"
)
NEEDS_POSTGRESQL = (
    "Several processes can share only a PostgreSQL database. Set DIGEST_DATABASE_URL to one. To copy your data there: "
    "digest migrate --from ... --to ..."
)
DEMO_OFFLINE = "No source can be reached, so the demo uses its bundled sample papers."
NO_WEB_ADDRESS = "give the address of a feed, of http or https and without user name"
FEED_WITHOUT_ENTRIES = "The feed has no entries now."
FEED_DAMAGED = "The feed is not well-formed; it was repaired, and will be each time."
ABSTRACTS_THERE = "Every entry has an abstract."
ABSTRACTS_COME = "What is missing is asked of Crossref once, where a paper has a DOI."
ABSTRACTS_BY_CROSSREF = "With crossref in DIGEST_SOURCES, what is missing is asked of Crossref once, by DOI."
NO_TEMPLATES = "DIGEST_TEMPLATES is empty, so there is nothing to check. Name a folder: digest templates check DIR"
TEMPLATES_FAULTY = "Nothing was started. Correct the templates, or empty DIGEST_TEMPLATES to use ours."
ADD_FEED = "To read the feed, put feeds into DIGEST_SOURCES and add this line to DIGEST_FEEDS:"


def unknown_template(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"There is no template {name}." + (f" Did you mean {near[0]}?" if near else "")


def copy_failed(folder: object, reason: str) -> str:
    return f"{folder} cannot be written: {reason}"


def template_exists(path: object) -> str:
    return f"{path} is there already and was kept; to replace it: --overwrite"


def templates_copied(count: int, folder: object) -> str:
    if not count:
        return "Nothing was copied."
    return f"{pluralize(count, 'template')} copied. Change them, then: digest templates check {folder}"


def template_warning(fault: object) -> str:
    return f"note: {fault}"


def doctor_summary(problems: int, checks: int) -> str:
    if not problems:
        return f"All {checks} checks are fine."
    return f"{problems} of {checks} checks {'says' if problems == 1 else 'say'} what to fix."


def templates_sound(count: int) -> str:
    return f"{pluralize(count, 'template')} without a fault."


def invalid_feed_entries(count: int) -> str:
    return "1 entry could not be read." if count == 1 else f"{count:,} entries could not be read."


def feed_moved(address: str) -> str:
    return f"The feed has moved to {address}, which is the address in the line below."


def abstracts_missing(missing: int, cut: int, total: int) -> str:
    if not cut:
        return f"Abstracts are missing in {missing:,} of {total:,} entries."
    if not missing:
        return f"Abstracts are cut in {cut:,} of {total:,} entries."
    return f"Of {total:,} entries, abstracts are missing in {missing:,} and cut in {cut:,}."


def without_identifiers(count: int, total: int) -> str:
    return (
        f"Without an identifier that others know: {count:,} of {total:,} papers. If another source lists them, they are"
        " found to be the same by title and author only."
    )


def unused_sources(names: Sequence[str]) -> str:
    return f"Also installed: {', '.join(names)}. To use one, add it to DIGEST_SOURCES."


def run_summary(subscribers: int, papers: int) -> str:
    return f"{pluralize(subscribers, 'subscriber')} due, {pluralize(papers, 'paper')} sent."


def run_of(day: object) -> str:
    return f"Run of {day}"


def run_stopped(queued: int) -> str:
    return f"Stopped before the end. E-mails left for the next run: {queued}"


def shutdown_timed_out(seconds: int) -> str:
    return (
        f"The command did not finish within {seconds} seconds of being stopped. To check for uncertain deliveries: "
        "digest deliveries list --state uncertain"
    )


def future_day(day: object, now: str) -> str:
    return f"{day} is in the future (it is now {now} UTC). Give today or an earlier day."


def invalid_instant(value: str) -> str:
    return f"{value!r} is not a date and time. Write it like 2026-07-31T08:00:00Z."


def invalid_day(value: str) -> str:
    return f"{value!r} is not a date. Write it like 2026-07-31."


def deliveries_open(count: int) -> str:
    return f"Deliveries without a result yet: {count}"


def deliveries_total(counts: str) -> str:
    return f"Total: {counts}" if counts else "Total: no deliveries yet"


def no_delivery(number: int) -> str:
    return f"There is no delivery {number}. To list them: digest deliveries list"


def not_uncertain(number: int, state: str) -> str:
    return (
        f"Delivery {number} is {state}, and only uncertain ones can be resolved. To list them: "
        "digest deliveries list --state uncertain"
    )


def marked_as_sent(number: int) -> str:
    return f"Delivery {number} is marked as sent."


def marked_as_lost(number: int) -> str:
    return f"Delivery {number} is marked as lost. Its papers will be in the subscriber's next digest."


def not_retried(number: int, reason: str) -> str:
    return f"Delivery {number} cannot be sent again: {reason}."


def requeued(count: int, total: int) -> str:
    return f"{count} of {total} deliveries queued again."


def message_not_readable(reason: object) -> str:
    return f"The message cannot be read and was ignored: {reason}"


def message_deferred(reason: object) -> str:
    return f"{reason}. The mail system keeps the message and will try again."


def bounce_handled(delivery_id: int | None, meaning: str, action: str) -> str:
    return f"delivery {delivery_id}: {meaning}: {action}" if delivery_id else f"no delivery: {meaning}: {action}"


def messages_handled(count: int, actions: str) -> str:
    total = pluralize(count, "message")
    return f"{total} handled: {actions}" if actions else f"{total} handled"


def sending_resumed(assumed: int) -> str:
    return f"Sending is resumed. Queued e-mails that now count as sent: {assumed}"


def schema_current(version: str) -> str:
    return f"Schema {version} is up to date."


def schema_upgraded(before: str | None, version: str) -> str:
    return f"Schema upgraded from {before} to {version}." if before else f"Schema {version} created."


def no_papers(day: object) -> str:
    return f"No papers are listed for {day}." if day else "No papers are listed yet."


def output_failed(path: object, reason: str | None) -> str:
    return f"Cannot write --out {path}: {reason}"


def output_written(path: object) -> str:
    return f"Wrote {path}"


def keyword_meaning(meaning: str) -> str:
    return f"matches: {meaning}"


def probable_keyword(text: str) -> str:
    return f"Did you mean: {text}"


def wider_keywords(texts: Sequence[str]) -> str:
    return f"No recent matches. Try: {'; '.join(texts)}"


def close_keywords(phrases: Sequence[str]) -> str:
    return f"Did you also mean: {'; '.join(phrases)}"


def related_keywords(phrases: Sequence[str]) -> str:
    return f"Related: {'; '.join(phrases)}"


def broad_keyword(cap: int, narrower: Sequence[str]) -> str:
    warning = f"Very broad: on a usual day this alone fills an e-mail of {pluralize(cap, 'paper')}."
    return f"{warning} Narrow it down: {'; '.join(narrower)}" if narrower else warning


def matching_papers(count: int, query: str) -> str:
    return f"{pluralize(count, 'paper')} matching {query}"


def more_matches(count: int) -> str:
    return f"{count:,} more. To print them, add --limit N, or --json for all"


def no_quarantined_row(number: int) -> str:
    return f"There is no row {number} in the quarantine. To list them: digest quarantine list"


def row_released(name: str) -> str:
    return f"Released {name}."


def demo_repeated(papers: int, emails: int) -> str:
    stored = f"{pluralize(papers, 'paper')} and {pluralize(emails, 'e-mail')}"
    return (
        f"The demo has run before: var/demo has {stored} of it. The sources have no newer papers for the demo "
        "subscriber, so nothing was sent: no paper comes twice."
    )


def demo_close_papers(address: str, papers: int) -> str:
    return (
        f"{address} gave papers as examples, so this digest ends with {pluralize(papers, 'paper')} close to those "
        "examples."
    )


def demo_next_steps(*, with_make: bool) -> str:
    command = "make demo OPEN=1" if with_make else "digest demo --open"
    again = "make demo RESET=1" if with_make else "digest demo --reset"
    return f"To see the e-mails and the pages in a browser: {command}\nTo start over: {again}"


def serving_demo(database_url: str) -> str:
    return f"This is a demonstration with sample papers ({database_url}). To set up a service of your own: digest setup"


def serving_with_relay(url: str, relay: str) -> str:
    return f"Serving {url}. E-mails are sent through {relay}."


def serving_without_relay(url: str, inbox: str) -> str:
    return f"Serving {url}. No SMTP relay is configured, so e-mails are kept in the local mailbox: {inbox}"


def confirmation_queued(email: str) -> str:
    return f"{email}: a confirmation e-mail is queued."


def confirmation_unchanged(email: str) -> str:
    return f"{email}: the new preferences are saved. A confirmation e-mail was sent today, so no other one follows."


def subscriber_status(email: str, status: str) -> str:
    return f"{email}: {status}"


def action_undone(number: int, action: str) -> str:
    return f"Action {number} ({action}) is undone."


def token_revoked(name: str) -> str:
    return f"The token {name} is revoked."


def address_allowed(email: str) -> str:
    return f"{email} may subscribe again."


def address_already_allowed(email: str) -> str:
    return f"{email} could already subscribe. Nothing was changed."


def imported(count: int, bad: int) -> str:
    return f"{count:,} imported, {pluralize(bad, 'invalid line')}"


def would_import(count: int, bad: int) -> str:
    return f"{count:,} would be imported, {pluralize(bad, 'invalid line')}"


def restored(count: int) -> str:
    return f"{count} restored"


def would_restore(count: int) -> str:
    return f"{count} would be restored"


def file_not_readable(path: object, reason: object) -> str:
    return f"Cannot read {path}: {reason}"


def line_not_json(location: str, reason: str, position: int) -> str:
    return f"{location} is not JSON: {reason} at character {position}"


def line_too_deep(location: str) -> str:
    return f"{location} is nested too deeply to be a paper."


def line_not_paper(location: str) -> str:
    return (
        f'{location} is not a paper. Write an object with an id and a title, for example {{"id": "1", "title": "Cats"}}'
    )


def abstract_not_text(location: str) -> str:
    return f"{location}: abstract must be a string."


def field_not_list(location: str, name: str) -> str:
    return f'{location}: {name} must be a list of strings, for example ["a", "b"].'


def at_character(position: int | None, message: object) -> str:
    return f"Character {position}: {message}" if position else str(message)


def database_failed(reason: str) -> str:
    return f"The database failed: {reason}. Committed changes are safe. Run the command again."


NO_AMBIGUOUS_PAPERS = "No papers are ambiguous."


def papers_linked(paper: int, other: int, number: int) -> str:
    """Confirm a link between two papers."""
    return f"Papers {paper} and {other} are linked. To undo it: digest papers unlink {number}"


def papers_separated(paper: int, other: int) -> str:
    """Confirm that two papers stay two."""
    return f"Papers {paper} and {other} stay two. Should they be one after all: digest papers link {paper} {other}"


def links_undone(count: int) -> str:
    """Confirm that links were undone."""
    return "The link is undone." if count == 1 else f"{count} links by this title are undone."


def demo_with_relay(database: object) -> str:
    """Tell apart the demo and a service of one's own."""
    return (
        f"DIGEST_DATABASE_URL names the database of the demo, {database}, which sends no e-mail, but DIGEST_SMTP_HOST "
        "names a relay. Name another database, for example sqlite:///var/digest.db, or no relay."
    )
