"""A sending process, so that its memory is its own: python -m tests.benchmarks.sender URL PORT CONNECTIONS

Each line it is given makes it queue all letters again and send them; so many, if the line is a number; those that are
queued, if it is "join". It answers with a line of JSON. What it knows of papers stays from one round to the next, as in
`digest serve`.
"""

import json
import logging
import sys
import time

from sqlalchemy import update

from digest.cli.output import configure_logging
from digest.config import load_settings
from digest.context import AppContext, create_context
from digest.database import write_session
from digest.database.models import Delivery, DeliveryState
from digest.delivery import send_queued
from digest.rendering import RenderCache
from tests.benchmarks.memory import peak

KEY = "x" * 32


def make_sending_context(url: str, port: int, connections: int) -> AppContext:
    """As the settings of a relay on this machine make it."""
    return create_context(
        load_settings(
            database_url=url,
            secret_key=KEY,
            mail_from="Paper Digest <digest@example.org>",
            base_url="https://digest.example.org",
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
            smtp_connections=connections,
        )
    )


def queue_again(at: AppContext) -> None:
    with write_session(at.engine) as session:
        session.execute(
            update(Delivery)
            .where(Delivery.state != DeliveryState.QUEUED)  # type: ignore[arg-type]
            .values(state=DeliveryState.QUEUED, owner=None, attempts=0, settled_at=None, lease_expires_at=None)
        )


def send(at: AppContext, known: RenderCache, most: int | None) -> dict[str, float]:
    """One round, as the scheduler has it done."""
    from digest.cli.output import utc_now
    from digest.cli.process import run_coroutine

    begun, worked = time.perf_counter(), time.process_time()
    sent = run_coroutine(send_queued(at, utc_now, cache=known, limit=most))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    if sent.relay_error or sent.failed or sent.uncertain or sent.deferred:
        raise RuntimeError(f"not all letters went: {sent}")
    return {"sent": sent.sent, "seconds": seconds, "cpu": cpu, "bytes": peak()}


def main(url: str, port: str, connections: str) -> None:
    configure_logging(logging.INFO, "json")
    at, known = make_sending_context(url, int(port), int(connections)), RenderCache()
    for line in sys.stdin:
        asked = line.strip()
        if asked != "join":
            queue_again(at)
        sys.stdout.write(json.dumps(send(at, known, int(asked) if asked.isdigit() else None)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
