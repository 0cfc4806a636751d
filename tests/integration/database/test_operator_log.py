"""The record of what operators did."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from digest.database import find_action, list_actions, mark_undone, read_session, record_action, write_session
from digest.database.models import ApiToken, ObjectKind, OperatorAction
from digest.errors import UsageError
from tests.support.factories import NOW

HOUR = timedelta(hours=1)


def test_actions_are_recorded_found_filtered_and_undone_once(store: Engine) -> None:
    with write_session(store) as session:
        paused = record_action(session, "ada", "pause", ObjectKind.SUBSCRIBER, 7, NOW, before={"status": "active"})
        record_action(session, "token bot", "retry", ObjectKind.DELIVERY, 7, NOW + HOUR)
        resumed = record_action(session, "ada", "resume", ObjectKind.SUBSCRIBER, 7, NOW + HOUR)
        numbers = paused.id, resumed.id
    with read_session(store) as session:
        assert [row.action for row in list_actions(session)] == ["resume", "retry", "pause"]
        assert [row.action for row in list_actions(session, limit=1)] == ["resume"]
        of_seven = list_actions(session, object_kind="subscriber", object_id="7", before_id=numbers[1])
        assert [(row.actor, row.at, row.read_detail()) for row in of_seven] == [
            ("ada", NOW, {"before": {"status": "active"}})
        ]
        assert [row.action for row in list_actions(session, actor="token bot", action="retry")] == ["retry"]
    with write_session(store) as session:
        found = find_action(session, "pause", ObjectKind.SUBSCRIBER, 7)
        assert found
        mark_undone(session, found, "grace", NOW + HOUR)
        assert find_action(session, "pause", ObjectKind.SUBSCRIBER, 7) is None
        with pytest.raises(UsageError, match="already undone"):
            mark_undone(session, found, "ada", NOW + 2 * HOUR)
    with read_session(store) as session:
        undone = session.get_one(OperatorAction, numbers[0])
        assert (undone.undone_by, undone.undone_at) == ("grace", NOW + HOUR)


def test_a_detail_that_cannot_be_read_is_none(sqlite_store: Engine) -> None:
    for detail in ("[1]", "{", ""):
        row = OperatorAction(at=NOW, actor="a", action="b", object_kind="c", object_id="d", detail=detail)
        assert row.read_detail() == {}


def test_of_two_valid_tokens_of_one_name_the_database_refuses_one(store: Engine) -> None:
    def token(prefix: str, revoked_at: datetime | None = None) -> ApiToken:
        row = ApiToken(name="bot", prefix=prefix, token_hash="h", scopes=["read"], created_at=NOW, created_by="ada")
        row.revoked_at = revoked_at
        return row

    with write_session(store) as session:
        session.add_all([token("a", NOW), token("b", NOW), token("c")])
    with pytest.raises(IntegrityError), write_session(store) as session:
        session.add(token("d"))
