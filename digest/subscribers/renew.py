"""Read stored keywords again where the forms of words or acronyms have changed since they were stored.

The canonical form of a keyword is made with the forms of one version. With later ones papers are compared by other
keys, so it is made again from what the subscriber wrote, before anything is planned. What a keyword newly matches is
announced in the next digest.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import ColumnElement, Engine, and_, delete, exists, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from digest import database
from digest.database import read_session, write_session
from digest.database.models import READ_AGAIN, Delivery, DeliveryKind, DeliveryState, Keyword, SavedKeyword
from digest.errors import QueryError
from digest.matching import (
    ACRONYM_SIGN,
    FORMS_VERSION,
    MAX_LIMITS,
    AcronymTable,
    KeywordInput,
    QueryLimits,
    other_forms,
    parse,
)
from digest.papers import describe_named_paper, load_acronyms

BATCH_SIZE = 500  # keywords renewed in one transaction


def renew_keywords(engine: Engine) -> int:
    """Read outdated keywords again and return how many. One that cannot be read stays as it is."""
    count = 0
    with read_session(engine) as session:
        outdated = _outdated(session)
    while outdated:
        with write_session(engine) as session:
            acronyms = load_acronyms(session)
            limits = replace(MAX_LIMITS, describe_paper=partial(describe_named_paper, session))
            for keyword in outdated:
                _renew_keyword(session, keyword, acronyms, limits)
            ids = [keyword.id for keyword in outdated]
            session.execute(update(Keyword).where(col(Keyword.id).in_(ids)).values(forms_version=FORMS_VERSION))
            count += len(outdated)
            outdated = _outdated(session)
    return count


def mark_outdated(session: Session, acronyms: Collection[tuple[str, str]]) -> None:
    """Have keywords read again that may name one of these acronyms, each given by the keys of its two forms."""
    for short, long in acronyms:
        forms = short, max(long.split(), key=len)  # a canonical form joins words, but has each of them
        names_it = (col(Keyword.canonical).contains(form, autoescape=True) for form in forms)
        session.execute(
            update(Keyword)
            .where(col(Keyword.forms_version) == FORMS_VERSION, or_(*names_it))
            .values(forms_version=READ_AGAIN)
            .execution_options(synchronize_session=False)
        )


def announce_keywords(engine: Engine) -> None:
    """Let the digests that wait to be sent say what keywords newly match, each once."""
    digest = select(Delivery.id).where(
        Delivery.subscriber_id == SavedKeyword.subscriber_id,
        Delivery.kind == DeliveryKind.DIGEST,
        Delivery.state == DeliveryState.QUEUED,
    )
    latest = digest.order_by(col(Delivery.id).desc()).limit(1).scalar_subquery()
    news = update(SavedKeyword).where(col(SavedKeyword.announced_in) == 0, digest.exists()).values(announced_in=latest)
    with write_session(engine) as session:
        session.execute(news.execution_options(synchronize_session=False))


def _outdated(session: Session) -> Sequence[Keyword]:
    is_older = col(Keyword.forms_version) < FORMS_VERSION
    return session.exec(select(Keyword).where(is_older).order_by(col(Keyword.id)).limit(BATCH_SIZE)).all()


def _renew_keyword(session: Session, keyword: Keyword, acronyms: AcronymTable, limits: QueryLimits) -> None:
    texts = session.exec(select(SavedKeyword.text).where(SavedKeyword.keyword_id == keyword.id).distinct()).all()
    former = keyword.canonical
    for text in texts:
        try:
            query = parse(text, limits, acronyms)
            canonical = KeywordInput.from_query(query).canonical
        except (QueryError, RecursionError):
            continue
        keyword_id = int(keyword.id or 0)
        if canonical != former:
            keyword_id = _move(session, keyword_id, text, canonical)
        # All other keywords have said before which forms they match.
        has_grown = keyword.forms_version != READ_AGAIN or canonical.count(ACRONYM_SIGN) > former.count(ACRONYM_SIGN)
        if has_grown and other_forms(query, acronyms):
            of_text = col(SavedKeyword.keyword_id) == keyword_id, col(SavedKeyword.text) == text
            session.execute(update(SavedKeyword).where(*of_text).values(announced_in=0))


def _move(session: Session, keyword_id: int, text: str, canonical: str) -> int:
    """Let the rows of a keyword with this text point to that of another canonical form, and return its id.

    Who has both has one keyword twice, and keeps one of them: the one that is not muted.
    """
    values = {"canonical": canonical, "forms_version": FORMS_VERSION}
    insert_new = database.insert(session, Keyword).on_conflict_do_nothing(index_elements=["canonical"])
    session.execute(insert_new.values([values]))
    target_id = int(session.exec(select(Keyword.id).where(Keyword.canonical == canonical)).one() or 0)
    moved = col(SavedKeyword.keyword_id) == keyword_id, col(SavedKeyword.text) == text
    other = aliased(SavedKeyword)

    def has_other(other_id: int, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        is_same = other.subscriber_id == SavedKeyword.subscriber_id, other.keyword_id == other_id
        return exists(select(1).where(*is_same, *conditions))

    is_muted = col(SavedKeyword.is_muted)
    stands_unmuted = has_other(keyword_id, col(other.text) == text, ~col(other.is_muted))
    for condition in (
        and_(col(SavedKeyword.keyword_id) == target_id, is_muted, stands_unmuted),
        and_(*moved, has_other(target_id)),
    ):
        session.execute(delete(SavedKeyword).where(condition).execution_options(synchronize_session=False))
    session.execute(
        update(SavedKeyword).where(*moved).values(keyword_id=target_id).execution_options(synchronize_session=False)
    )
    return target_id
