"""What waits goes ahead: the next email's envelope with the end of the one before, by the sender."""

import asyncio
from time import sleep

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from digest.database import quarantined_rows, read_session, write_session
from digest.database.models import DeliveryState, SharedTokenBucket
from digest.delivery import send_queued
from tests.integration.delivery.test_send import against, queue_deliveries, relay_context, states
from tests.support.contexts import StoreView
from tests.support.factories import NOW
from tests.support.rude_relay import RudeRelay

AHEAD = "MAIL RCPT DATA"


def test_while_emails_wait_each_goes_ahead_of_itself(store: Engine) -> None:
    addresses = queue_deliveries(store, 12)

    async def act(rude: RudeRelay) -> None:
        sent = await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)
        assert sent.sent == len(addresses)
        assert (rude.ahead[:10], rude.ahead[-1]) == ([AHEAD] * 10, "")
        assert [line for line in rude.words.splitlines() if line.startswith("RCPT")] == [
            f"RCPT TO:<{address}>" for address in addresses
        ]

    against(RudeRelay(offers=("PIPELINING",)), act)
    assert set(states(store)) == {DeliveryState.SENT}


def test_emails_that_have_to_keep_a_rate_do_not_go_ahead(store: Engine) -> None:
    queue_deliveries(store, 5)

    async def act(rude: RudeRelay) -> None:
        await send_queued(relay_context(store, rude.port, smtp_connections=1, smtp_rate=100), lambda: NOW)
        assert rude.ahead == [""] * 5

    against(RudeRelay(offers=("PIPELINING",)), act)


def test_emails_that_have_to_keep_the_pace_of_an_earlier_run_do_not_go_ahead(store: Engine) -> None:
    queue_deliveries(store, 5)

    async def act(rude: RudeRelay) -> None:
        with write_session(store) as session:
            session.add(SharedTokenBucket(name=f"127.0.0.1:{rude.port}", available_at=NOW, pace=100.0))
        await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)
        assert rude.ahead == [""] * 5

    against(RudeRelay(offers=("PIPELINING",)), act)


def test_an_email_that_cannot_be_written_stops_none_behind_it(store: Engine) -> None:
    addresses = queue_deliveries(store, 8)
    with write_session(store) as session:
        session.execute(
            text("UPDATE subscriber SET timezone = 'Nowhere/At_All' WHERE email = :one"), {"one": addresses[3]}
        )

    async def act(rude: RudeRelay) -> None:
        sent = await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)
        assert (sent.sent, sent.deferred, sent.unreadable) == (7, 0, 1)

    against(RudeRelay(offers=("PIPELINING",)), act)
    odd = [delivery for delivery in StoreView(store).deliveries() if delivery.state != DeliveryState.SENT]
    assert [(delivery.state, delivery.attempts) for delivery in odd] == [(DeliveryState.QUEUED, 0)]
    with read_session(store) as session:
        assert [row.reason for row in quarantined_rows(session)] == [
            "its subscriber cannot be read: there is no such time zone"
        ]


def test_an_email_that_is_refused_in_advance_affects_no_other(store: Engine) -> None:
    queue_deliveries(store, 6)

    async def act(rude: RudeRelay) -> None:
        sent = await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)
        assert (sent.sent, sent.failed) == (5, 1)
        assert len(rude.messages) == 5

    against(RudeRelay({"RCPT": ["250 ok", "250 ok", "550 5.1.1 unknown"]}, offers=("PIPELINING",)), act)
    assert [delivery.reply_code for delivery in StoreView(store).deliveries()] == [250, 250, 550, 250, 250, 250]


def test_an_answer_that_the_store_did_not_take_is_recorded_before_the_next_email_may_leave(store: Engine) -> None:
    queue_deliveries(store, 4)
    rude = RudeRelay(offers=("PIPELINING",))
    in_doubt: list[int] = []  # emails on the wire, as the record has it before each change
    failed: list[str] = []

    def away(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "UPDATE delivery" in " ".join(statement.split()):
            in_doubt.append(states(store).count(DeliveryState.ON_WIRE))
            if rude.messages and not failed:
                failed.append(statement)
                raise OperationalError(statement, {}, Exception("the store is away for a moment"))

    event.listen(store, "before_cursor_execute", away)

    async def act(rude: RudeRelay) -> None:
        assert (await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW)).sent == 4

    against(rude, act)
    assert failed
    assert max(in_doubt) == 1
    assert set(states(store)) == {DeliveryState.SENT}


class Watching(RudeRelay):
    """Notes at each QUIT how many emails there were, and how many of them the record says are sent; answers are
    slow to be recorded. At the second email `stop` is set.
    """

    def __init__(self, store: Engine, stop: asyncio.Event, *offers: str) -> None:
        super().__init__(offers=offers)
        self._store, self._stop = store, stop
        self.at_goodbye: list[tuple[int, int]] = []
        event.listen(store, "before_cursor_execute", self._slowly)

    def _slowly(self, _connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if f"'{DeliveryState.SENT}'" in statement:
            sleep(0.1)

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "RCPT" and len(self.messages) == 1:
            self._stop.set()
        if verb == "QUIT":
            recorded = await asyncio.to_thread(lambda: states(self._store).count(DeliveryState.SENT))
            self.at_goodbye.append((len(self.messages), recorded))
        return await super()._reply(verb, writer)


def test_a_connection_is_left_when_its_last_answer_is_recorded(store: Engine) -> None:
    queue_deliveries(store, 4)
    watching = Watching(store, asyncio.Event(), "PIPELINING")

    async def act(rude: RudeRelay) -> None:
        assert (
            await send_queued(relay_context(store, rude.port, smtp_connections=1, smtp_reuse=3), lambda: NOW)
        ).sent == 4

    against(watching, act)
    assert watching.at_goodbye == [(3, 3), (4, 4)]


def test_a_stopped_sender_quits_when_the_last_answer_is_recorded(store: Engine) -> None:
    queue_deliveries(store, 8)
    stop = asyncio.Event()
    watching = Watching(store, stop)

    async def act(rude: RudeRelay) -> None:
        assert (
            await send_queued(relay_context(store, rude.port, smtp_connections=1), lambda: NOW, stop=stop)
        ).sent == 2

    against(watching, act)
    assert watching.at_goodbye == [(2, 2)]
