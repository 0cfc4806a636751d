"""The mailbox that bounces come to, in a real Dovecot."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.bounces import MAX_MESSAGE_BYTES, count_waiting, imap, poll_mailbox
from digest.context import AppContext
from digest.database.models import DeliveryState, SubscriberStatus
from digest.errors import MailboxError, StoreError
from digest.jobs import run_scheduler
from digest.jobs.pipeline import plan
from digest.mail import ReturnPathKind
from digest.monitoring.checks.network import check_mailbox
from digest.tokens import TokenSigner
from tests.support.bounce_messages import BOUNCES, bounce_message, bounce_records, return_address, unsubscribe_message
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    KEY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    make_settings,
    store_papers,
)
from tests.support.dovecot import PASSWORD, USER, Dovecot, running_dovecot, trust_environment

LATER = TUESDAY + timedelta(hours=1)
pytestmark = pytest.mark.xdist_group("dovecot")


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running_dovecot() as running_server:
        yield running_server


@pytest.fixture
def box(server: Dovecot) -> Dovecot:
    """Return the server with an empty mailbox."""
    with server.logged_in() as box:
        for folder in ("handled", "others", "unreadable"):
            box.delete(folder)
        box.select("INBOX")
        box.uid("STORE", "1:*", "+FLAGS", r"(\Deleted)")
        box.expunge()
    return server


def context_for(store: Engine, box: Dovecot, **overrides: object) -> AppContext:
    defaults: dict[str, object] = {
        "bounce_address": BOUNCES,
        "imap_host": "127.0.0.1",
        "imap_port": box.port,
        "imap_username": USER,
        "imap_password": PASSWORD,
        "imap_tls": "none",
    }
    return make_context(store, **(defaults | overrides))


@pytest.fixture
def ctx(sqlite_store: Engine, box: Dovecot) -> AppContext:
    ctx = context_for(sqlite_store, box)
    for email in (ADA, BOB):
        add_active_subscriber(ctx, email, "robot", now=TUESDAY - DAY)
    store_papers(ctx, TUESDAY, "A robot")
    asyncio.run(plan(ctx, TUESDAY))
    StoreView(sqlite_store).set_state(DeliveryState.SENT)
    return ctx


def delivery_id(ctx: AppContext, email: str) -> int:
    return int(StoreView(ctx.engine).deliveries(email)[0].id or 0)


def count(box: Dovecot, folder: str) -> int:
    return len(box.messages(folder) or [])


def test_every_message_is_handled_and_moved(ctx: AppContext, box: Dovecot) -> None:
    bounced = bounce_message("no-such-mailbox", return_address(ctx, delivery_id(ctx, ADA)))
    unsubscribing = unsubscribe_message(return_address(ctx, delivery_id(ctx, BOB), ReturnPathKind.UNSUBSCRIBE))
    sender_message = bounce_message("person", BOUNCES)
    box.deliver(bounced, b"\xff\xfe no mail\r\n", sender_message, unsubscribing)
    report = poll_mailbox(ctx, LATER)
    assert report.actions == {"suppressed": 1, "unreadable": 1, "nothing": 1, "unsubscribed": 1}
    assert report.folders == {"handled": 2, "unreadable": 1, "others": 1}
    record = StoreView(ctx.engine)
    assert (record.subscriber(ADA).status, record.subscriber(BOB).status) == (
        SubscriberStatus.SUPPRESSED,
        SubscriberStatus.UNSUBSCRIBED,
    )
    assert [count(box, folder) for folder in ("INBOX", "handled", "others", "unreadable")] == [0, 2, 1, 1]
    # Nothing is lost on the way, not even a byte.
    assert box.messages("others") == [sender_message.replace(b"\n", b"\r\n")]
    assert poll_mailbox(ctx, LATER).folders == {}


def test_a_message_that_comes_again_is_a_duplicate(ctx: AppContext, box: Dovecot) -> None:
    raw = bounce_message("mailbox-full", return_address(ctx, delivery_id(ctx, ADA)))
    for action in ("recorded", "known"):
        box.deliver(raw)
        assert poll_mailbox(ctx, LATER).actions == {action: 1}
    assert len(bounce_records(ctx)) == 1
    assert count(box, "handled") == 2


def test_counting_changes_nothing(ctx: AppContext, box: Dovecot) -> None:
    box.deliver(bounce_message("no-such-mailbox", return_address(ctx, delivery_id(ctx, ADA))))
    assert count_waiting(ctx.settings) == 1
    check = asyncio.run(check_mailbox(ctx.settings))
    assert (check.ok, check.message) == (True, "INBOX can be read, and 1 message is waiting")
    assert (count(box, "INBOX"), bounce_records(ctx), box.messages("handled")) == (1, [], None)


def test_a_handled_message_is_not_marked_as_read(ctx: AppContext, box: Dovecot) -> None:
    box.deliver(bounce_message("person", BOUNCES))
    poll_mailbox(ctx, LATER)
    with box.logged_in() as client:
        client.select("others", readonly=True)
        assert client.search(None, "UNSEEN")[1] == [b"1"]


def test_messages_stay_while_the_store_is_away(ctx: AppContext, box: Dovecot) -> None:
    box.deliver(bounce_message("no-such-mailbox", return_address(ctx, delivery_id(ctx, ADA))))
    path = ctx.settings.data_directory / "digest.db"
    path.rename(path.with_suffix(".away"))
    ctx.engine.dispose()
    path.mkdir()
    with pytest.raises(StoreError):
        poll_mailbox(ctx, LATER)
    path.rmdir()
    path.with_suffix(".away").rename(path)
    assert count(box, "INBOX") == 1
    assert poll_mailbox(ctx, LATER).actions == {"suppressed": 1}


def test_only_the_beginning_of_a_huge_message_is_fetched(ctx: AppContext, box: Dovecot) -> None:
    raw = bounce_message("no-such-mailbox", return_address(ctx, delivery_id(ctx, ADA))) + b"x" * 76 + b"\n" * 1_500_000
    box.deliver(raw)
    assert poll_mailbox(ctx, LATER).actions == {"suppressed": 1}
    (stored,) = box.messages("handled") or []
    assert len(stored) > 1_500_000
    in_folder = make_settings(ctx.engine, **(ctx.settings.model_dump() | {"imap_folder": "handled"}))
    with imap.open_mailbox(in_folder, readonly=True) as mailbox:
        (uid,) = imap.waiting_uids(mailbox)
        assert len(imap.fetch_message(mailbox, uid) or b"") == MAX_MESSAGE_BYTES


def test_the_scheduler_reads_the_mailbox(ctx: AppContext, box: Dovecot) -> None:
    box.deliver(bounce_message("no-such-mailbox", return_address(ctx, delivery_id(ctx, ADA))))

    async def poll_once() -> None:
        async with run_scheduler(ctx, lambda: LATER) as scheduler:
            await scheduler.poll_mailbox()

    asyncio.run(poll_once())
    assert StoreView(ctx.engine).subscriber(ADA).status == SubscriberStatus.SUPPRESSED


@pytest.mark.parametrize(
    ("overrides", "hint"),
    [
        ({"imap_password": "wrong"}, "check DIGEST_IMAP_USERNAME and DIGEST_IMAP_PASSWORD"),
        ({"imap_folder": "Bounces"}, "check DIGEST_IMAP_FOLDER=Bounces"),
        ({"imap_port": 9}, "check DIGEST_IMAP_HOST, DIGEST_IMAP_PORT and DIGEST_IMAP_TLS"),
    ],
)
def test_the_doctor_names_the_wrong_setting(
    sqlite_store: Engine, box: Dovecot, overrides: dict[str, object], hint: str
) -> None:
    ctx = context_for(sqlite_store, box, **overrides)
    check = asyncio.run(check_mailbox(ctx.settings))
    assert not check.ok
    assert hint in check.message
    assert PASSWORD not in check.message
    with pytest.raises(MailboxError):
        poll_mailbox(ctx, LATER)


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_certificates_are_verified(
    sqlite_store: Engine, box: Dovecot, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = context_for(sqlite_store, box, imap_tls=tls, imap_port=box.tls_port if tls == "tls" else box.port)
    with pytest.raises(MailboxError, match="certificate verify failed"):
        count_waiting(ctx.settings)
    for name, value in trust_environment(box.cert).items():
        monkeypatch.setenv(name, value)
    assert count_waiting(ctx.settings) == 0
    other_host = make_settings(sqlite_store, **(ctx.settings.model_dump() | {"imap_host": "127.0.0.2"}))
    with pytest.raises(MailboxError):
        count_waiting(other_host)


def test_a_message_is_copied_where_the_server_cannot_move(sqlite_store: Engine) -> None:
    with running_dovecot("imap_capability = IMAP4rev1 UIDPLUS") as box:
        ctx = AppContext(context_for(sqlite_store, box).settings, sqlite_store, TokenSigner([KEY]))
        box.deliver(bounce_message("person", BOUNCES))
        assert poll_mailbox(ctx, LATER).folders == {"others": 1}
        assert count(box, "others") == 1
        assert count(box, "INBOX") == 1  # marked, not expunged
        assert poll_mailbox(ctx, LATER).folders == {}


def test_folders_go_below_the_inbox_where_all_do(sqlite_store: Engine) -> None:
    with running_dovecot("namespace inbox {\n  inbox = yes\n  prefix = INBOX.\n  separator = .\n}") as box:
        ctx = context_for(sqlite_store, box)
        box.deliver(bounce_message("person", BOUNCES))
        assert poll_mailbox(ctx, LATER).folders == {"others": 1}
        assert count(box, "INBOX.others") == 1
