"""What waits goes ahead: the next letter's envelope with the end of the one before, by the sender."""

from sqlalchemy import Engine, text

from digest import db
from digest.models import State
from digest.sending import send_all
from tests.factories import NOW
from tests.house import Record
from tests.integration.test_sending import against, fates, queue, through
from tests.rude import Rude

AHEAD = "MAIL RCPT DATA"


def test_while_letters_wait_each_goes_ahead_of_itself(store: Engine) -> None:
    addresses = queue(store, 12)

    async def act(rude: Rude) -> None:
        sent = await send_all(through(store, rude.port, smtp_connections=1), lambda: NOW)
        assert sent.sent == len(addresses)
        assert (rude.ahead[:10], rude.ahead[-1]) == ([AHEAD] * 10, "")
        assert [line for line in rude.words.splitlines() if line.startswith("RCPT")] == [
            f"RCPT TO:<{each}>" for each in addresses
        ]

    against(Rude(offers=("PIPELINING",)), act)
    assert set(fates(store)) == {State.SENT}


def test_letters_that_have_to_keep_a_rate_do_not_go_ahead(store: Engine) -> None:
    queue(store, 5)

    async def act(rude: Rude) -> None:
        await send_all(through(store, rude.port, smtp_connections=1, smtp_rate=100), lambda: NOW)
        assert rude.ahead == [""] * 5

    against(Rude(offers=("PIPELINING",)), act)


def test_a_letter_that_cannot_be_written_stops_none_behind_it(store: Engine) -> None:
    addresses = queue(store, 8)
    with db.writing(store) as session:
        session.execute(
            text("UPDATE subscriber SET timezone = 'Nowhere/At_All' WHERE email = :one"), {"one": addresses[3]}
        )

    async def act(rude: Rude) -> None:
        sent = await send_all(through(store, rude.port, smtp_connections=1), lambda: NOW)
        assert (sent.sent, sent.deferred) == (7, 1)

    against(Rude(offers=("PIPELINING",)), act)
    odd = [each for each in Record(store).letters() if each.state != State.SENT]
    assert [each.reply.split(":")[0] for each in odd] == ["cannot be written"]


def test_a_letter_that_is_refused_in_advance_is_that_letters_fate_alone(store: Engine) -> None:
    queue(store, 6)

    async def act(rude: Rude) -> None:
        sent = await send_all(through(store, rude.port, smtp_connections=1), lambda: NOW)
        assert (sent.sent, sent.failed) == (5, 1)
        assert len(rude.letters) == 5

    against(Rude({"RCPT": ["250 ok", "250 ok", "550 5.1.1 unknown"]}, offers=("PIPELINING",)), act)
    assert [each.reply_code for each in Record(store).letters()] == [250, 250, 550, 250, 250, 250]
