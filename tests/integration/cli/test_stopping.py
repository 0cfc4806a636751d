"""SIGTERM to a real process with e-mails on the wire to a slow relay."""

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.database import write_session
from digest.database.models import DeliveryKind
from tests.support.command import Command
from tests.support.contexts import KEY, StoreView
from tests.support.factories import NOW, TODAY, delivery, subscriber
from tests.support.listings import ListingHost, serve_listings
from tests.support.ports import free_port
from tests.support.rude_relay import RudeRelay

EMAILS = 210  # enough for three connections


class SlowRelay(RudeRelay):
    """Relay that takes two seconds to accept each e-mail after the fourth."""

    def __init__(self) -> None:
        super().__init__()
        self.received = 0

    async def _reply(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "dot":
            self.received += 1
            if self.received >= 5:
                self.waiting.set()
                await asyncio.sleep(2)
        return await super()._reply(verb, writer)


@pytest.mark.parametrize(
    ("store_url", "command"),
    [
        ("sqlite", "run"),
        ("postgresql", "serve"),
        pytest.param("sqlite", "serve", marks=pytest.mark.long),
        pytest.param("postgresql", "run", marks=pytest.mark.long),
    ],
    indirect=["store_url"],
)
def test_sigterm_waits_for_the_replies_and_requeues_the_rest(store: Engine, tmp_path: Path, command: str) -> None:
    with write_session(store) as session:
        subscribers = [subscriber(last_due_day=TODAY) for _ in range(EMAILS)]
        session.add_all(subscribers)
        session.flush()
        # `serve` goes by the clock of the machine, and gives up what has waited for days.
        created_at = NOW if command == "run" else datetime.now(UTC)
        session.add_all(delivery(to, kind=DeliveryKind.WELCOME, created_at=created_at) for to in subscribers)
    arguments = {"run": ["run", "--now", NOW.isoformat()], "serve": ["serve", "--port", str(free_port())]}[command]

    async def act() -> None:
        with serve_listings(ListingHost(TODAY)) as lists:
            async with asyncio.timeout(300), SlowRelay() as relay:
                process = Command(
                    tmp_path,
                    {
                        "DIGEST_DATABASE_URL": store.url.render_as_string(hide_password=False),
                        "DIGEST_SOURCES": "huggingface",
                        "DIGEST_HUGGINGFACE_URL": lists.url,
                        "DIGEST_SMTP_HOST": "127.0.0.1",
                        "DIGEST_SMTP_PORT": str(relay.port),
                        "DIGEST_SMTP_TLS": "none",
                        "DIGEST_SECRET_KEY": KEY,
                        "DIGEST_MAIL_FROM": "Paper Digest <digest@example.org>",
                    },
                ).start(*arguments)
                await relay.waiting.wait()
                await asyncio.sleep(0.5)
                process.send_signal(signal.SIGTERM)
                out, err = await asyncio.to_thread(process.communicate)
        states = Counter(row.state for row in StoreView(store).deliveries())
        assert states == {"sent": len(relay.messages), "queued": EMAILS - len(relay.messages)}, (out, err)
        assert 5 <= len(relay.messages) <= 10
        waiting = [row for row in StoreView(store).deliveries() if row.state == "queued"]
        assert {(row.owner, row.attempts, row.lease_expires_at) for row in waiting} == {(None, 0, None)}
        if command == "run":
            assert process.returncode == 1
            assert f"Stopped before the end. E-mails left for the next run: {len(waiting)}" in err

    asyncio.run(act())
