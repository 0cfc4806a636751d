"""Sentences about runs and about what operators ask for. That of a source that fails follows its name."""

from collections.abc import Collection
from datetime import date

from digest.formatting import join_words


def source_failed(error: str) -> str:
    return f"cannot be used ({error}: please report this)"


def gap_not_filled(error: str) -> str:
    return f"the gap could not be filled ({error}: please report this)"


def source_not_used(name: str, used: Collection[str]) -> str:
    if not used:
        return f"The source {name[:40]!r} is not in use, and neither is any other."
    return f"The source {name[:40]!r} is not in use. In use: {join_words(sorted(used))}."


def task_tables_mismatch(installed: str, required: str) -> str:
    return f"the task tables have version {installed}, and this release needs {required}; run: digest migrate"


def no_action(number: int) -> str:
    return f"There is no action {number}."


def action_final(number: int, action: str) -> str:
    return f"Action {number} cannot be undone: {action} is final."


def relay_accepts_nothing(reply: str) -> str:
    return f"The relay accepts no e-mails: {reply}"


def emails_failed(count: int) -> str:
    return f"E-mails failed: {count:,}"


def emails_uncertain(count: int) -> str:
    return f"E-mails uncertain: {count:,}"


def emails_deferred(count: int) -> str:
    return f"E-mails deferred by the relay: {count:,}"


def invalid_rows(count: int) -> str:
    return (
        "1 database row cannot be read and is skipped. See: digest quarantine list"
        if count == 1
        else f"{count:,} database rows cannot be read and are skipped. See: digest quarantine list"
    )


def list_repeated(day: date, part: str) -> str:
    if part:
        return f"the list of {day} for {part} repeats an earlier one; it is fetched again later"
    return f"the list of {day} repeats an earlier one; it is fetched again later"


def list_of_other_day(shown: date) -> str:
    return f"the list shown was that of {shown}"
