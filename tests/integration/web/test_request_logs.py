"""Logs of a whole run: one event an outcome, with its fields, and no personal data."""

import asyncio
import json
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine
from sqlmodel import select

from digest.cli.output import configure_logging
from digest.config import LogFormat
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, SourceFetch, SubscriberStatus
from digest.jobs.scheduler import Scheduler
from tests.support.contexts import KEY, add_active_subscriber, make_context
from tests.support.factories import delivery, subscriber
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import relay

NOW = datetime(2026, 7, 28, 9, tzinfo=UTC)
TODAY = date(2026, 7, 28)


def parse_log(text: str) -> list[dict[str, Any]]:
    """Parse every line as JSON."""
    return [json.loads(line) for line in text.splitlines()]


def test_each_outcome_of_a_run_is_logged(sqlite_store: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.INFO, LogFormat.JSON)
    names = ("sent", "refused", "later", "lost")
    with relay() as running, serve_listings(ListingHost(TODAY)) as lists:
        lists.days[TODAY] = [paper_entry("2607.00001", "A robot of ours")]
        at = make_context(
            sqlite_store,
            smtp_host="127.0.0.1",
            smtp_port=running.port,
            smtp_tls="none",
            smtp_timeout=0.2,
            smtp_connections=1,
            sources="huggingface,arxiv",
            huggingface_url=lists.url,
            arxiv_feed_url=f"{lists.url}/elsewhere",
            arxiv_api_url=lists.url,
        )
        for name in names:
            add_active_subscriber(at, f"{name}@example.org", "robot", now=NOW)
        with write_session(sqlite_store) as session:
            session.add(left := subscriber(email="left@example.org", status=SubscriberStatus.UNSUBSCRIBED))
            session.flush()
            session.add(delivery(left, kind=DeliveryKind.WELCOME, created_at=NOW))
        running.refuse = {
            "refused@example.org": "550 5.1.1 <refused@example.org> is unknown",
            "later@example.org": "451 4.3.0 <later@example.org> later",
        }
        running.stall_from = 1  # of those that come to DATA the second: the first is sent
        work = Scheduler(at, lambda: NOW)

        async def run_pipeline() -> None:
            await work.collect()
            await work.deliver()
            await work.close()

        asyncio.run(run_pipeline())
    events = parse_log(text := capfd.readouterr().err)
    with read_session(sqlite_store) as session:
        deliveries = session.exec(select(Delivery)).all()
        fetches = session.exec(select(SourceFetch)).all()
    assert sorted(delivery.state for delivery in deliveries) == ["cancelled", "failed", "queued", "sent", "uncertain"]
    outcomes = [entry for entry in events if entry["event"].startswith("delivery.")]
    assert sorted((entry["delivery"], entry["event"]) for entry in outcomes) == sorted(
        (delivery.id, f"delivery.{delivery.state}") for delivery in deliveries
    )
    for entry in outcomes:
        assert {"kind", "attempt", "code", "level", "timestamp"} <= set(entry)
    read = [entry for entry in events if entry["event"] in {"source.fetched", "source.not_listed", "source.failed"}]
    assert {entry["event"] for entry in read} == {"source.fetched", "source.failed"}
    assert sorted((entry["source"], entry["day"]) for entry in read) == sorted(
        (fetch.source, str(fetch.list_day)) for fetch in fetches
    )
    planned = [entry for entry in events if entry["event"] == "plan.finished"]
    assert [(entry["due"], entry["digests"], entry["without_papers"]) for entry in planned] == [(4, 4, 0)]
    assert "@" not in text
    assert KEY not in text
    assert "robot" not in text


def test_logs_for_people_are_no_json_and_without_colors_unless_on_a_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for form in LogFormat:
        configure_logging(logging.INFO, form)
        structlog.get_logger().info("delivery.sent", delivery=7)
    auto, console, as_json = capfd.readouterr().err.splitlines()
    assert (json.loads(auto)["delivery"], json.loads(as_json)["event"]) == (7, "delivery.sent")
    assert "delivery.sent" in console
    assert "delivery=7" in console
    assert "\x1b" not in console
