"""Whoever names a paper by an identifier or by its title gets the row that stands for it, and no other paper."""

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session

from digest.database import write_session
from digest.database.models import Paper, PaperIdentifier
from digest.identifiers import Identifier, title_key
from digest.papers import find_named_papers
from tests.support.factories import NOW, paper

TITLE = "Learning to fold proteins without a single template"


@dataclass(frozen=True)
class Name:
    """What somebody says of a paper."""

    identifiers: tuple[Identifier, ...] = ()
    title: str = ""
    author: str = ""


def arxiv(number: str) -> Identifier:
    return Identifier("arxiv", number)


def add_paper(session: Session, number: str, title: str, **values: object) -> int:
    row = paper(key=f"arxiv:{number}", arxiv_id=number, title=title, title_key=title_key(title), **values)
    session.add(row)
    session.flush()
    for name in (arxiv(number), Identifier("doi", f"10.1000/{number}"), Identifier("s2", number)):
        session.add(
            PaperIdentifier(
                scheme=name.scheme, value=name.value, paper_id=int(row.id or 0), source="arxiv", first_seen_at=NOW
            )
        )
    session.flush()
    return int(row.id or 0)


def found_ids(session: Session, *names: Name) -> list[int | None]:
    found = find_named_papers(session, names)
    return [None if row is None else row.id for row in found]


def test_a_paper_is_found_by_identifier_or_title(store: Engine) -> None:
    with write_session(store) as session:
        fold = add_paper(session, "2607.00001", TITLE, authors=["Ada Moreau"])
        other = add_paper(session, "2607.00002", "Another paper about something else", authors=["Bo Berg"])
        assert found_ids(
            session,
            Name((arxiv("2607.00002"),), TITLE),  # the identifier decides
            Name((Identifier("doi", "10.1000/2607.00001"),)),
            Name((Identifier("doi", "10.1000/unknown"), arxiv("2607.00001"))),
            Name(title=f"<i>{TITLE.upper()}</i>."),
            Name(title=TITLE, author="moreau"),
            Name((Identifier("doi", "10.9/another-name"),), TITLE),  # the published version of a preprint
        ) == [other, fold, fold, fold, fold, fold]
        assert (
            found_ids(
                session,
                Name((arxiv("2607.09999"),)),
                Name((arxiv("2607.09999"),), TITLE),  # another preprint with this title
                Name(title=TITLE, author="berg"),
                Name(title="Learning to fold"),
                Name((Identifier("s2", "2607.00001"),)),  # an aggregator may be wrong about what is one paper
                Name(),
            )
            == [None] * 6
        )


def test_the_row_that_stands_is_found(store: Engine) -> None:
    with write_session(store) as session:
        standing = add_paper(session, "2607.00001", TITLE)
        merged = add_paper(session, "2607.00002", TITLE)
        session.get_one(Paper, merged).merged_into = standing
        session.flush()
        assert found_ids(session, Name((arxiv("2607.00002"),)), Name(title=TITLE)) == [standing, standing]
