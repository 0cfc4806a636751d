"""The sender end to end: rows in a store, emails at a relay, and the record afterwards."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Timer, get_ident
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from digest.context import AppContext
from digest.database import write_session
from digest.database.models import DeliveryKind, DeliveryState, Subscriber, SubscriberStatus
from digest.delivery import DeliveryReport, send_queued
from digest.delivery.sender import DELIVERIES_PER_CONNECTION
from digest.errors import StoreError
from digest.mail import list_messages
from digest.rendering import RenderCache
from tests.support.command import Command
from tests.support.contexts import KEY, StoreView, make_context
from tests.support.factories import NOW, TODAY, delivery, listing, paper, subscriber
from tests.support.listings import ListingHost, serve_listings
from tests.support.relay import Relay
from tests.support.rude_relay import HANG, RudeRelay

CONNECTIONS = 4  # the usual most
LATER = NOW + timedelta(minutes=10)


def relay_context(store: Engine, port: int, **given: object) -> AppContext:
    return make_context(store, smtp_host="127.0.0.1", smtp_port=port, smtp_tls="none", **given)


def queue_deliveries(store: Engine, number: int = 1, *, kind: str = DeliveryKind.WELCOME, **given: object) -> list[str]:
    """Emails to as many new subscribers; their addresses. A digest carries one paper."""
    status = {DeliveryKind.CONFIRM: SubscriberStatus.PENDING, DeliveryKind.GOODBYE: SubscriberStatus.UNSUBSCRIBED}.get(
        DeliveryKind(kind), SubscriberStatus.ACTIVE
    )
    with write_session(store) as session:
        subscribers = [subscriber(status=status) for _ in range(number)]
        session.add_all(subscribers)
        carried = []
        if kind == DeliveryKind.DIGEST:
            session.add(listed := paper())
            session.flush()
            session.add(listing(listed))
            carried.append(listed.id)
        session.flush()
        session.add_all(delivery(recipient, **{"kind": kind, "papers": carried} | given) for recipient in subscribers)
        return [recipient.email for recipient in subscribers]


def deliver(at: AppContext, **given: Any) -> DeliveryReport:
    async def limited() -> DeliveryReport:
        async with asyncio.timeout(60):
            return await send_queued(at, lambda: NOW, **given)

    return asyncio.run(limited())


def test_deliveries_are_claimed_on_the_event_loop_with_sqlite_and_in_a_thread_with_postgresql(
    store: Engine, polite: Relay
) -> None:
    queue_deliveries(store, 2)
    claimed_in: set[int] = set()

    def note(_connection: object, _cursor: object, statement: str, *_about: object) -> None:
        if statement.startswith("UPDATE delivery") and "attempts + " in statement:
            claimed_in.add(get_ident())

    event.listen(store, "before_cursor_execute", note)
    assert deliver(relay_context(store, polite.port)).sent == 2
    assert (claimed_in == {get_ident()}) is (store.dialect.name == "sqlite")


def against(rude: RudeRelay, act: Callable[[RudeRelay], Coroutine[Any, Any, None]]) -> None:
    async def together() -> None:
        async with rude, asyncio.timeout(60):
            await act(rude)

    asyncio.run(together())


def states(store: Engine) -> list[str]:
    return [row.state for row in StoreView(store).deliveries()]


def recipients(polite: Relay) -> list[str]:
    return [address for address, _ in polite.accepted]


def rename_table(store: Engine, old: str, new: str) -> None:
    with write_session(store) as session:
        session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_requests_leave_before_digests_and_each_answer_is_recorded(store: Engine, polite: Relay) -> None:
    (digest,) = queue_deliveries(store, kind=DeliveryKind.DIGEST, priority=2)
    (welcome,) = queue_deliveries(store, kind=DeliveryKind.WELCOME, priority=1)
    (confirm,) = queue_deliveries(store, kind=DeliveryKind.CONFIRM, priority=0)
    sent = deliver(relay_context(store, polite.port))
    assert recipients(polite) == [confirm, welcome, digest]
    assert (sent.sent, sent.papers, sent.busy, sent.relay_error) == (3, 1, False, "")
    for row in StoreView(store).deliveries():
        assert (row.state, row.reply_code, row.attempts, row.settled_at, row.owner) == ("sent", 250, 1, NOW, None)
        (message,) = (mail for mail in polite.mails().values() if mail[0]["Message-ID"] == row.message_id)
        assert len(message) == 1
    assert deliver(relay_context(store, polite.port)).sent == 0
    assert len(polite.accepted) == 3


def test_each_answer_has_its_outcome_and_no_address_is_stored(store: Engine, polite: Relay) -> None:
    gone, ours, late, well = queue_deliveries(store, 4)
    polite.refuse = {
        gone: f"550 5.1.1 <{gone}> no such user",
        ours: "554 5.7.1 not from you",
        late: "451 4.7.1 try later",
    }
    sent = deliver(relay_context(store, polite.port))
    assert (sent.sent, sent.failed, sent.deferred, recipients(polite)) == (1, 2, 1, [well])
    rows = StoreView(store).deliveries()
    assert [(row.state, row.reply_code) for row in rows] == [
        ("failed", 550),
        ("failed", 554),
        ("queued", 451),
        ("sent", 250),
    ]
    assert rows[0].reply == "5.1.1 (address) no such user"
    assert [StoreView(store).subscriber(number).status for number in (gone, ours, late)] == [
        "suppressed",
        "active",
        "active",
    ]
    assert rows[2].next_attempt_at is not None
    assert rows[2].next_attempt_at > NOW
    polite.refuse = {}
    assert deliver(relay_context(store, polite.port)).sent == 0  # not before its time
    assert asyncio.run(send_queued(relay_context(store, polite.port), lambda: LATER)).sent == 1
    assert StoreView(store).deliveries()[2].attempts == 2


def test_a_reply_of_any_bytes_can_be_recorded(store: Engine) -> None:
    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 2)
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (sent.failed, sent.sent) == (1, 1)
        row, other = StoreView(store).deliveries()
        assert (row.state, row.reply_code, other.state) == ("failed", 554, "sent")
        assert row.reply.startswith("5.6.0 caf")
        assert row.reply.endswith("end")

    against(RudeRelay({"dot": ["554 5.6.0 caf\xe9 \x00\x07 end"]}), act)


def test_without_a_relay_emails_are_stored_in_the_local_mailbox(store: Engine, tmp_path: Path) -> None:
    if store.dialect.name != "sqlite":
        pytest.skip("the inbox lies beside the database file")
    at = make_context(store)
    wanted = queue_deliveries(store, 3)
    assert deliver(at).sent == 3
    assert sorted(message.recipient for message in list_messages(at.mailbox_directory)) == sorted(wanted)


def test_a_local_mailbox_that_cannot_store_an_email_defers_it(sqlite_store: Engine) -> None:
    at = make_context(sqlite_store)
    queue_deliveries(sqlite_store, 2)

    def lose(_sent: DeliveryReport) -> None:
        if at.mailbox_directory.exists():
            at.mailbox_directory.rename(at.mailbox_directory.with_name("elsewhere"))

    sent = deliver(at, on_progress=lose)
    assert (sent.sent, sent.deferred, sent.failed) == (1, 1, 0)
    assert StoreView(sqlite_store).deliveries()[1].reply_code == 452


def test_who_left_a_moment_ago_gets_nothing(store: Engine) -> None:
    async def act(rude: RudeRelay) -> None:
        subscribers.extend(queue_deliveries(store, 3))
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (len(rude.messages), sent.sent, sent.cancelled) == (2, 2, 1)
        assert states(store) == ["sent", "cancelled", "sent"]

    async def leave() -> None:  # while the first email is answered, and all are claimed
        with write_session(store) as session:
            session.get_one(
                Subscriber, StoreView(store).subscriber(subscribers[1]).id
            ).status = SubscriberStatus.UNSUBSCRIBED

    subscribers: list[str] = []
    against(Saboteur(leave), act)


def test_when_stopped_it_finishes_the_email_at_hand_and_hands_back_the_rest(store: Engine, polite: Relay) -> None:
    queue_deliveries(store, 20)
    stop = asyncio.Event()

    def enough(sent: DeliveryReport) -> None:
        if sent.sent == 3:
            stop.set()

    sent = deliver(relay_context(store, polite.port), stop=stop, on_progress=enough).sent
    assert sent in {3, 4}  # while the third answer is recorded, a fourth email is at hand
    rows = StoreView(store).deliveries()
    assert [row.state for row in rows] == ["sent"] * sent + ["queued"] * (20 - sent)
    assert {(row.owner, row.attempts) for row in rows[sent:]} == {(None, 0)}
    assert deliver(relay_context(store, polite.port)).sent == 20 - sent
    assert set(Counter(recipients(polite)).values()) == {1}


def test_a_relay_that_is_down_ends_the_run_after_three_and_keeps_the_emails(store: Engine) -> None:
    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 10)
        stop = asyncio.Event()
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW, stop=stop)
        assert (sent.sent, sent.deferred, sent.failed) == (0, 0, 0)
        assert "421" in sent.relay_error
        rows = StoreView(store).deliveries()
        assert {row.state for row in rows} == {"queued"}
        assert {(row.attempts, row.next_attempt_at) for row in rows} == {(0, None)}
        # The run is over; whether there is another one is for the caller to say.
        assert not stop.is_set()
        assert (await send_queued(relay_context(store, rude.port), lambda: LATER, stop=stop)).sent == 10

    against(RudeRelay({"greeting": ["421 4.3.2 not now"] * 3}), act)


def test_two_lost_connections_are_no_reason_to_give_up(store: Engine) -> None:
    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 8)
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (sent.deferred, sent.sent, sent.relay_error) == (0, 8, "")

    polite = "220 rude.test"
    down = "421 4.3.2 not now"
    against(RudeRelay({"greeting": [down, down, polite, down, down, polite], "dot": ["250 ok, close"]}), act)


@pytest.mark.parametrize(
    "replies",
    [{"greeting": ["554 5.7.1 not you"]}, {"MAIL": ["550 5.1.8 unknown sender"]}, {"RCPT": ["530 5.7.0 log in"]}],
)
def test_a_relay_that_refuses_us_ends_the_run_at_once_and_costs_no_email(
    store: Engine, replies: dict[str, list[str]]
) -> None:
    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 5)
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (sent.sent, sent.deferred, sent.failed, bool(sent.relay_error)) == (0, 0, 0, True)
        assert {row.state for row in StoreView(store).deliveries()} == {"queued"}
        assert {(row.attempts, row.next_attempt_at) for row in StoreView(store).deliveries()} == {(0, None)}
        assert len(rude.heard) == 1

    against(RudeRelay({verb: list(lines) for verb, lines in replies.items()}), act)


def test_an_email_that_cannot_be_written_holds_up_no_other(store: Engine, polite: Relay) -> None:
    queue_deliveries(store, 2, kind=DeliveryKind.DIGEST)
    queue_deliveries(store, 1, kind=DeliveryKind.DIGEST, edition="no date at all", priority=0)
    queue_deliveries(store, 2, kind=DeliveryKind.DIGEST)
    sent = deliver(relay_context(store, polite.port))
    assert (sent.sent, sent.deferred) == (4, 1)
    row = StoreView(store).deliveries()[2]
    assert (row.state, row.attempts, row.owner) == ("queued", 1, None)
    assert row.reply.startswith("cannot be written")
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > NOW


def test_what_was_worked_out_for_one_delivery_is_there_for_the_next(sqlite_store: Engine, polite: Relay) -> None:
    queue_deliveries(sqlite_store, kind=DeliveryKind.DIGEST)
    known = RenderCache()
    assert deliver(relay_context(sqlite_store, polite.port), cache=known).sent == 1
    assert len(known.matches) > 0


def test_two_senders_send_each_email_once_and_on_sqlite_the_second_finds_it_busy(store: Engine, polite: Relay) -> None:
    queue_deliveries(store, 10)

    async def both() -> Sequence[DeliveryReport]:
        at = relay_context(store, polite.port)
        return await asyncio.gather(send_queued(at, lambda: NOW), send_queued(at, lambda: NOW))

    first, second = asyncio.run(both())
    assert (first.sent + second.sent, first.busy, second.busy) == (10, False, store.dialect.name == "sqlite")
    assert set(Counter(recipients(polite)).values()) == {1}


@pytest.mark.parametrize(
    ("emails", "connections"),
    [
        (DELIVERIES_PER_CONNECTION - 1, 1),
        (2 * DELIVERIES_PER_CONNECTION, 3),
        (4 * DELIVERIES_PER_CONNECTION, CONNECTIONS),
    ],
)
def test_more_emails_use_more_connections(sqlite_store: Engine, polite: Relay, emails: int, connections: int) -> None:
    wanted = queue_deliveries(sqlite_store, emails)
    assert deliver(relay_context(sqlite_store, polite.port)).sent == emails
    assert sorted(recipients(polite)) == sorted(wanted)
    worn_out = emails // 100  # a connection is renewed after a hundred emails
    assert connections <= polite.sessions <= connections + worn_out


# --- what a crash, a stop in the midst and a failing store leave behind


def test_a_killed_sender_leaves_at_most_one_email_a_connection_in_doubt(
    store: Engine, polite: Relay, tmp_path: Path
) -> None:
    wanted = queue_deliveries(store, 2 * DELIVERIES_PER_CONNECTION + 30)
    polite.stall_from = 40
    with serve_listings(ListingHost(TODAY)) as lists:
        command = Command(
            tmp_path,
            {
                "DIGEST_DATABASE_URL": store.url.render_as_string(hide_password=False),
                "DIGEST_SOURCES": "huggingface",
                "DIGEST_HUGGINGFACE_URL": lists.url,
                "DIGEST_SMTP_HOST": "127.0.0.1",
                "DIGEST_SMTP_PORT": str(polite.port),
                "DIGEST_SMTP_TLS": "none",
                "DIGEST_SECRET_KEY": KEY,
                "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
            },
        )
        process = command.start("run", "--now", NOW.isoformat())
        assert polite.hanging.wait(60)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    polite.stall_from = None
    killed = Counter(states(store))
    assert 1 <= killed["on_wire"] <= CONNECTIONS
    assert killed["sending"] > 0
    sent = deliver(relay_context(store, polite.port))
    assert sent.uncertain == killed["on_wire"]
    assert Counter(states(store)) == {"sent": len(wanted) - sent.uncertain, "uncertain": sent.uncertain}
    got = Counter(recipients(polite))
    assert set(got.values()) == {1}
    # Whoever got no email is among those in doubt.
    doubtful = {
        address for address in wanted if StoreView(store).deliveries(address)[0].state == DeliveryState.UNCERTAIN
    }
    assert set(wanted) - set(got) <= doubtful


@pytest.mark.parametrize(
    ("verb", "expected_state", "doubtful"),
    [("MAIL", "queued", 0), ("RCPT", "queued", 0), ("DATA", "queued", 0), ("dot", "uncertain", 1)],
)
def test_interrupted_it_ends_soon_and_doubts_only_what_may_have_left(
    store: Engine, verb: str, expected_state: str, doubtful: int
) -> None:
    async def act(rude: RudeRelay) -> None:
        wanted = queue_deliveries(store, 12)
        running = asyncio.create_task(send_queued(relay_context(store, rude.port), lambda: NOW))
        await rude.waiting.wait()
        running.cancel()
        await asyncio.wait({running}, timeout=15)
        assert running.cancelled()
        assert states(store) == [expected_state] + ["queued"] * 11
        assert {row.owner for row in StoreView(store).deliveries()} == {None}
        again = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (again.sent, again.uncertain) == (len(wanted) - doubtful, 0)

    against(RudeRelay({verb: [HANG]}), act)


class Saboteur(RudeRelay):
    """Does something between the email and its answer."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._act: Callable[[], Awaitable[None]] | None = act

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "dot" and self._act:
            act, self._act = self._act, None
            await act()
        return await super()._reply(verb, writer)


def test_an_answer_that_cannot_be_recorded_leaves_the_email_in_doubt(store: Engine) -> None:
    async def lose() -> None:
        await asyncio.to_thread(rename_table, store, "delivery", "hidden")

    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 6)
        with pytest.raises((StoreError, SQLAlchemyError)):
            await send_queued(relay_context(store, rude.port), lambda: NOW)
        rename_table(store, "hidden", "delivery")
        assert states(store) == ["on_wire"] + ["sending"] * 5
        sent = await send_queued(relay_context(store, rude.port), lambda: NOW)
        assert (sent.uncertain, sent.sent, len(rude.messages)) == (1, 5, 6)
        assert states(store) == ["uncertain"] + ["sent"] * 5

    against(Saboteur(lose), act)


def test_interrupted_while_an_answer_waits_for_the_store_it_is_recorded_first(store: Engine) -> None:
    async def act(rude: RudeRelay) -> None:
        queue_deliveries(store, 3)
        running = asyncio.create_task(send_queued(relay_context(store, rude.port), lambda: NOW))
        await held.wait()
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert states(store) == ["sent", "queued", "queued"]

    async def hold() -> None:
        other.execute(text("UPDATE delivery SET priority = 1 WHERE state = 'on_wire'"))
        held.set()
        Timer(0.6, other.rollback).start()  # not by the loop, which waits for it where the store is a file

    held = asyncio.Event()
    with store.execution_options(writer=True).connect() as other:
        against(Saboteur(hold), act)


def test_a_store_that_comes_back_soon_costs_no_email(sqlite_store: Engine) -> None:
    async def lose_for_a_moment() -> None:
        rename_table(sqlite_store, "delivery", "hidden")
        asyncio.get_running_loop().call_later(0.5, rename_table, sqlite_store, "hidden", "delivery")

    async def act(rude: RudeRelay) -> None:
        queue_deliveries(sqlite_store, 3)
        assert (await send_queued(relay_context(sqlite_store, rude.port), lambda: NOW)).sent == 3
        assert states(sqlite_store) == ["sent"] * 3

    against(Saboteur(lose_for_a_moment), act)


def test_a_sender_whose_lock_is_lost_sends_no_email_twice(store: Engine) -> None:
    if store.dialect.name == "sqlite":
        pytest.skip("the lock of a file ends with its process")
    at_once: list[DeliveryReport] = []

    async def cut_off_and_overtake() -> None:
        # The server drops every connection, and the lock with the one that held it; somebody else takes over at once.
        with store.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        at_once.append(await send_queued(relay_context(store, port), lambda: NOW))

    port = 0

    async def act(rude: RudeRelay) -> None:
        nonlocal port
        port = rude.port
        queue_deliveries(store, 250)  # more than are claimed beforehand: it has to come back for the rest
        with pytest.raises(StoreError, match="has ended this process's session"):
            await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)
        (second,) = at_once
        # Uncertain for the other sender; but this one lives, and tells how its email fared.
        assert (second.busy, second.uncertain, second.sent) == (False, 1, 249)
        assert len(rude.messages) == 250
        assert Counter(states(store)) == {"sent": 250}

    against(Saboteur(cut_off_and_overtake), act)
