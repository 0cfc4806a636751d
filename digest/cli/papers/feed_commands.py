"""`digest sources try`: what a feed holds, before it is read for everybody."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, configure_logging, print_json, print_note, print_table, utc_now
from digest.formatting import format_authors, pluralize, truncate

if TYPE_CHECKING:
    from digest.config import Settings
    from digest.sources import FeedTrial

TRY_EPILOG = """\
$ digest sources try https://www.nature.com/nature.rss

$ digest sources try https://example.org/feed --json
"""
TITLE_LENGTH, ABSTRACT_LENGTH = 70, 60


def try_feed(
    address: Annotated[str, typer.Argument(help="Address of the feed: RSS, RDF, Atom or JSON Feed.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Read a feed once and show what it holds: entries, dates, identifiers, and whether abstracts are missing.

    Nothing is stored. The last line is what to add to DIGEST_FEEDS.
    """
    from digest.config import is_web_address, load_settings

    if not is_web_address(address):
        raise typer.BadParameter(messages.NO_WEB_ADDRESS, param_hint="'ADDRESS'")
    settings = load_settings()
    configure_logging()
    trial = asyncio.run(_read(settings, address))
    if as_json:
        print_json(trial.to_dict())
        return
    print_trial(trial, reads_crossref="crossref" in settings.sources)


async def _read(settings: "Settings", address: str) -> "FeedTrial":
    from digest import sources

    async with sources.SourceClient(base_url=settings.base_url, contact=settings.contact) as client:
        return await sources.try_feed(client, address, utc_now())


def print_trial(trial: "FeedTrial", *, reads_crossref: bool) -> None:
    """Print what one reading of a feed found."""
    days = f"{trial.first_day} to {trial.last_day}" if trial.dated else "none"
    facts = [
        ("title", trial.title),
        ("kind", trial.dialect),
        ("entries", trial.entries),
        ("dates", f"{days} ({pluralize(trial.dated, 'entry')})"),
        *((f"with {scheme}", count) for scheme, count in trial.identifiers.items()),
        ("without authors", trial.without_authors),
        ("without abstract", trial.without_abstract),
        ("with cut abstract", trial.with_cut_abstract),
        *([("ISSN", ", ".join(trial.issns))] if trial.issns else []),
    ]
    print_table("Feed", ("what", "value"), facts)
    samples = (
        (
            truncate(sample["title"], TITLE_LENGTH),
            format_authors(sample["authors"]),
            ", ".join(sample["identifiers"]),
            sample["published_on"],
            truncate(sample["abstract"], ABSTRACT_LENGTH),
        )
        for sample in trial.samples
    )
    print_table("First papers", ("title", "authors", "identifiers", "published", "abstract"), samples)
    for note in describe_trial(trial, reads_crossref=reads_crossref):
        print_note(note)
    typer.echo(trial.line)


def describe_trial(trial: "FeedTrial", *, reads_crossref: bool) -> list[str]:
    """Return what to know before a feed is added, as sentences; the last one introduces its line."""
    notes = []
    if not trial.entries:
        notes.append(messages.FEED_WITHOUT_ENTRIES)
    if trial.is_damaged:
        notes.append(messages.FEED_DAMAGED)
    if trial.unreadable:
        notes.append(messages.invalid_feed_entries(trial.unreadable))
    if trial.moved_to:
        notes.append(messages.feed_moved(trial.moved_to))
    if trial.without_abstract or trial.with_cut_abstract:
        notes.append(messages.abstracts_missing(trial.without_abstract, trial.with_cut_abstract, trial.entries))
        notes.append(messages.ABSTRACTS_COME if reads_crossref else messages.ABSTRACTS_BY_CROSSREF)
    elif trial.entries:
        notes.append(messages.ABSTRACTS_THERE)
    if trial.local_only:
        notes.append(messages.without_identifiers(trial.local_only, trial.entries))
    return [*notes, messages.ADD_FEED]
