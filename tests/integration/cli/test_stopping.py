"""SIGTERM to a real process with letters on the wire to a slow relay."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.database import write_session
from digest.database.models import DeliveryKind
from tests.support.command import Command
from tests.support.contexts import KEY, Record
from tests.support.factories import NOW, TODAY, delivery, subscriber
from tests.support.listings import ListingHost, serve_listings
from tests.support.ports import free_port
from tests.support.rude_relay import Rude

LETTERS = 210  # enough for three connections


class Slow(Rude):
    """It takes its time for the answer to a letter."""

    def __init__(self) -> None:
        super().__init__()
        self.taking = 0

    async def _say(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "dot":
            self.taking += 1
            if self.taking >= 5:
                self.waiting.set()
                await asyncio.sleep(2)
        return await super()._say(verb, writer)


@pytest.mark.parametrize("command", ["run", "serve"])
def test_told_to_stop_it_hears_the_answers_and_hands_back_the_rest(store: Engine, tmp_path: Path, command: str) -> None:
    with write_session(store) as session:
        readers = [subscriber(last_due_day=TODAY) for _ in range(LETTERS)]
        session.add_all(readers)
        session.flush()
        session.add_all(delivery(each, kind=DeliveryKind.WELCOME) for each in readers)
    arguments = {"run": ["run", "--now", NOW.isoformat()], "serve": ["serve", "--port", str(free_port())]}[command]

    async def act() -> None:
        with serve_listings(ListingHost(TODAY)) as lists:
            async with asyncio.timeout(90), Slow() as slow:
                process = Command(
                    tmp_path,
                    {
                        "DIGEST_DATABASE_URL": store.url.render_as_string(hide_password=False),
                        "DIGEST_SOURCES": "huggingface",
                        "DIGEST_HUGGINGFACE_URL": lists.url,
                        "DIGEST_SMTP_HOST": "127.0.0.1",
                        "DIGEST_SMTP_PORT": str(slow.port),
                        "DIGEST_SMTP_TLS": "none",
                        "DIGEST_SECRET_KEY": KEY,
                        "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
                    },
                ).start(*arguments)
                await slow.waiting.wait()
                await asyncio.sleep(0.5)
                told = time.monotonic()
                process.send_signal(signal.SIGTERM)
                out, err = await asyncio.to_thread(process.communicate)
                assert time.monotonic() - told < 20
        fates = Counter(each.state for each in Record(store).letters())
        assert fates == {"sent": len(slow.letters), "queued": LETTERS - len(slow.letters)}, (out, err)
        assert 5 <= len(slow.letters) <= 10
        waiting = [each for each in Record(store).letters() if each.state == "queued"]
        assert {(each.owner, each.attempts, each.lease_expires_at) for each in waiting} == {(None, 0, None)}
        if command == "run":
            assert process.returncode == 1
            assert f"told to stop before the end; {len(waiting)} letters wait for the next run" in err

    asyncio.run(act())
