"""`digest papers`: list what may be one paper, link papers and undo links."""

from typing import Annotated

import typer

from digest.cli import messages
from digest.cli.output import JsonOption, open_context, print_json, print_note, print_table, system_user, utc_now

EPILOG = """\
$ digest papers ambiguous

$ digest papers link 17 42

$ digest papers separate 17 42

$ digest papers unlink 3
"""
PAIR_COLUMNS = ("paper", "key", "other", "other_key", "title")
LINK_COLUMNS = ("id", "paper_id", "other_id", "relation", "rule", "created_at")
PaperId = Annotated[int, typer.Argument(min=1, max=2**63 - 1, show_default=False)]

app = typer.Typer(help="Link papers that are one, and undo links.", epilog=EPILOG, no_args_is_help=True)


@app.command()
def ambiguous(*, as_json: JsonOption = False) -> None:
    """List pairs with one title and first author that may be one paper, or two."""
    from digest.database import read_session
    from digest.papers import ambiguous_pairs

    with read_session(open_context().engine) as session:
        rows = [
            (pair.one.id, pair.one.key, pair.other.id, pair.other.key, pair.one.title)
            for pair in ambiguous_pairs(session)
        ]
    if as_json:
        print_json([dict(zip(PAIR_COLUMNS, row, strict=True)) for row in rows])
    elif rows:
        print_table(messages.AMBIGUOUS_PAPERS, PAIR_COLUMNS, rows)
    else:
        print_note(messages.NO_AMBIGUOUS_PAPERS)


@app.command()
def links(*, as_json: JsonOption = False) -> None:
    """List the latest links between papers."""
    from digest.database import read_session
    from digest.papers import active_links

    with read_session(open_context().engine) as session:
        rows = [link.model_dump(mode="json", include=set(LINK_COLUMNS)) for link in active_links(session)]
    if as_json:
        print_json(rows)
    else:
        print_table("Links between papers", LINK_COLUMNS, [[row[name] for name in LINK_COLUMNS] for row in rows])


@app.command()
def link(
    paper: PaperId,
    other: PaperId,
    *,
    published: Annotated[bool, typer.Option("--published", help="PAPER is the preprint of OTHER.")] = False,
) -> None:
    """Link two papers by their numbers, as one paper or as a preprint and its published version."""
    from digest.database import write_session
    from digest.identifiers import LinkRelation
    from digest.papers import link_pair

    relation = LinkRelation.PUBLISHED if published else LinkRelation.SAME
    with write_session(open_context().engine) as session:
        record = link_pair(session, system_user(), paper, other, relation, utc_now())
    print_note(messages.papers_linked(paper, other, int(record.object_id)))


@app.command()
def separate(paper: PaperId, other: PaperId) -> None:
    """Keep two papers apart that are listed as ambiguous."""
    from digest.database import write_session
    from digest.papers import separate_pair

    with write_session(open_context().engine) as session:
        separate_pair(session, system_user(), paper, other, utc_now())
    print_note(messages.papers_separated(paper, other))


@app.command()
def unlink(number: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1)]) -> None:
    """Undo a link by its ID. These two papers are not linked again by themselves."""
    from digest.database import write_session
    from digest.papers import unlink_pair

    with write_session(open_context().engine) as session:
        _, count = unlink_pair(session, system_user(), number, utc_now())
    print_note(messages.links_undone(count))
