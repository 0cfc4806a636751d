"""`digest tokens`, and the record of what the command line does."""

import os
import pwd
from pathlib import Path

from sqlalchemy import Engine

from digest.cli.operators.token_commands import ScopeChoice
from digest.database import find_token, list_actions, read_session, write_session
from digest.database.models import DeliveryState, TokenScope
from tests.support.command import Command
from tests.support.contexts import ADA, StoreView, add_active_subscriber, make_context, store_papers
from tests.support.factories import NOW, delivery

USER = pwd.getpwuid(os.getuid()).pw_name


def test_a_token_is_shown_once_listed_and_revoked(store: Engine, tmp_path: Path) -> None:
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": store.url.render_as_string(hide_password=False)})
    assert "There are no tokens yet" in command.run("tokens", "list").stderr
    created = command.run(
        "tokens", "create", "user support", "--scope", "read", "--scope", "subscribers", "--days", "90"
    )
    text = created.stdout.strip()
    assert {scope.value for scope in ScopeChoice} == set(TokenScope)
    assert "not shown again" in created.stderr
    with read_session(store) as session:
        found = find_token(session, text)
        assert found
        assert found.scopes == ["read", "subscribers"]
    (row,) = command.json("tokens", "list")
    assert (row["name"], row["state"], row["created_by"], row["last_used_at"]) == ("user support", "valid", USER, None)
    assert row["prefix"] == text.split("_")[1]
    assert text not in command.run("tokens", "list").stdout
    for wrong in (["user support", "--scope", "read"], ["x@example.org", "--scope", "read"], ["x"]):
        assert command.run("tokens", "create", *wrong, status=2).stdout == ""
    command.run("tokens", "revoke", "user support")
    assert "no token" in command.run("tokens", "revoke", "user support", status=2).stderr
    again = command.json("tokens", "create", "user support", "--scope", "sources")
    assert (again["scopes"], again["expires_at"]) == (["sources"], None)
    command.run("tokens", "revoke", again["token"].split("_")[1])
    assert [row["state"] for row in command.json("tokens", "list")] == ["revoked", "revoked"]


def test_what_the_command_line_does_is_on_record_with_the_user(sqlite_store: Engine, tmp_path: Path) -> None:
    ctx = make_context(sqlite_store)
    add_active_subscriber(ctx, ADA, "robot", now=NOW)
    store_papers(ctx, NOW, "Robot hands", "Robot arms")
    states = (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
    with write_session(sqlite_store) as session:
        ada = StoreView(sqlite_store).subscriber(ADA)
        session.add_all(delivery(ada, edition=f"e{n}", state=state, settled_at=NOW) for n, state in enumerate(states))
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url)})
    command.run("deliveries", "retry", "1")
    command.run("deliveries", "resolve", "2", "lost")
    assert command.json("deliveries", "retry", "9", status=1)["refused"] == {"9": "there is no such delivery"}
    (tmp_path / "people.csv").write_text("email\nbob@example.org\n")
    command.run("subscribers", "import", "people.csv")
    command.run("subscribers", "add", "carla@example.org")
    command.run("subscribers", "remove", ADA)
    command.run("subscribers", "remove", ADA)  # ended already: nothing is done
    command.run("subscribers", "remove", ADA, "--erase")
    command.run("papers", "link", "1", "2")
    with read_session(sqlite_store) as session:
        done = [(row.actor, row.action, row.object_kind, row.object_id) for row in list_actions(session)]
    assert command.json("actions", "list", "--kind", "paper-link")[0]["can_undo"]
    assert "(link) is undone" in command.run("actions", "undo", str(command.json("actions", "list")[0]["id"])).stderr
    assert USER in command.run("actions", "list").stdout
    for wrong in ("99", "1"):
        command.run("actions", "undo", wrong, status=2)
    # Erasing takes along what was done to the subscriber and their deliveries.
    assert done == [
        (USER, "link", "paper-link", "1"),
        (USER, "erase", "subscriber", "1"),
        (USER, "add", "subscriber", "3"),
        (USER, "add", "subscriber", "2"),
    ]
