"""`digest run` and the record behind it, with a real relay, on both stores; and what a run says in its log."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from digest.cli.output import configure_logging
from digest.database.models import DeliveryState
from digest.jobs.pipeline import run_once
from digest.subscribers import Preferences, parse_keywords_or_raise, subscribe
from digest.tokens import TokenPurpose
from tests.support.command import Command
from tests.support.contexts import KEY, StoreView, add_active_subscriber, make_context, sign_token
from tests.support.listings import ListingHost, paper_entry, serve_listings
from tests.support.relay import Relay, relay

WEDNESDAY = date(2026, 7, 29)
CLOCK = datetime(2026, 7, 29, 12, tzinfo=UTC)
NOW = ("--now", "2026-07-29T12:00:00Z")
ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


@pytest.fixture
def lists() -> Iterator[ListingHost]:
    shown = ListingHost(WEDNESDAY)
    shown.days[WEDNESDAY] = [
        paper_entry("2607.00001", "A robot walks", upvotes=9),
        paper_entry("2607.00002", "Proteins fold"),
    ]
    shown.batches[WEDNESDAY] = [
        paper_entry("2607.00001", "A robot walks"),
        paper_entry("2607.00003", "Robots at night"),
    ]
    with serve_listings(shown):
        yield shown


@pytest.fixture
def smtp_relay() -> Iterator[Relay]:
    with relay() as running:
        yield running


def wiring(lists: ListingHost, smtp_relay: Relay) -> dict[str, str]:
    hosts = dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), lists.url)
    way = {"smtp_host": "127.0.0.1", "smtp_port": str(smtp_relay.port), "smtp_tls": "none", "secret_key": KEY}
    return {**hosts, **way, "mail_from": "Paper Digest <digest@example.org>", "arxiv_categories": "cs.CV"}


def test_a_run_reports_what_it_did(lists: ListingHost, smtp_relay: Relay, store_url: str, tmp_path: Path) -> None:
    environment = {f"DIGEST_{name.upper()}": value for name, value in wiring(lists, smtp_relay).items()}
    command = Command(tmp_path, environment | {"DIGEST_DATABASE_URL": store_url})
    csv_text = f"email,keywords\n{ADA},robot\n{BOB},protein\n{EVE},volcano\n"
    (tmp_path / "people.csv").write_text(csv_text, encoding="utf-8")
    command.run("subscribers", "import", "people.csv", "--confirmed")
    smtp_relay.refuse = {BOB: "550 5.1.1 <bob@example.org>: no such user"}
    done = command.run("run", *NOW, "--json", status=1)
    report = json.loads(done.stdout)
    assert {name: (row["listed"], row["new"], row["failed"]) for name, row in report["sources"].items()} == {
        "huggingface": (2, report["sources"]["huggingface"]["new"], 0),
        "arxiv": (2, report["sources"]["arxiv"]["new"], 0),
    }
    assert sum(row["new"] for row in report["sources"].values()) == 3  # one of them is on both lists
    assert report["subscribers_due"] == 3
    assert report["deliveries"] == {"sent": 1, "queued": 0, "failed": 1, "uncertain": 0, "skipped": 1}
    assert (report["readers_due"], report["letters"]) == (3, report["deliveries"])  # names of the release before
    assert report["papers_mailed"] == 2
    assert done.stderr.splitlines()[-1] == "digest: E-mails failed: 1"
    assert {to for to, _ in smtp_relay.accepted} == {ADA}
    again = command.json("run", *NOW)
    assert (again["subscribers_due"], again["deliveries"]["sent"], again["papers_mailed"]) == (0, 0, 0)
    shown = command.run("run", *NOW).stdout.splitlines()
    assert shown[3:] == [
        "sent\tqueued\tfailed\tuncertain\tskipped",
        "0\t0\t0\t0\t0",
        "0 subscribers due, 0 papers sent.",
    ]
    states = {row["email"]: row["status"] for row in command.json("subscribers", "list")}
    assert states == {ADA: "active", BOB: "suppressed", EVE: "active"}


def test_the_record_is_shown_and_uncertain_emails_are_settled(sqlite_store: Engine, tmp_path: Path) -> None:
    ctx, record = make_context(sqlite_store), StoreView(sqlite_store)
    for email in (ADA, BOB):
        subscribe(ctx, email, Preferences(), [], CLOCK)
    record.set_state(DeliveryState.UNCERTAIN)
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": f"sqlite:///{tmp_path}/digest.db"})
    listed = command.json("deliveries", "list", "--state", "uncertain")
    assert [row["id"] for row in listed] == [2, 1]
    assert len(command.json("deliveries", "list", "--limit", "1")) == 1
    assert command.json("deliveries", "list", "--state", "failed") == []
    shown = command.run("deliveries", "list")
    assert shown.stdout.splitlines()[1].split("\t")[:4] == ["2", "confirm", "confirm:2026-07-29", "uncertain"]
    assert [row.rpartition("\t")[2] for row in shown.stdout.splitlines()] == ["email", BOB, ADA]
    assert shown.stderr == "Total: 2 uncertain\n"
    assert command.json("deliveries", "show", "1")["email"] == ADA
    assert f"email\t{ADA}" in command.run("deliveries", "show", "1").stdout
    assert command.run("deliveries", "resolve", "1", "sent").stdout == "Delivery 1 is marked as sent.\n"
    assert command.json("deliveries", "resolve", "2", "lost") == {"id": 2, "outcome": "lost"}
    assert [row.state for row in record.deliveries()] == [DeliveryState.SENT, DeliveryState.FAILED]
    assert (
        "Delivery 1 is sent, and only uncertain ones can be resolved."
        in command.run("deliveries", "resolve", "1", "lost", status=2).stderr
    )


@pytest.mark.parametrize("fault", ["none", "refused", "blocked", "down", "sources"])
def test_no_address_token_or_secret_reaches_the_log(
    store: Engine, lists: ListingHost, smtp_relay: Relay, capfd: pytest.CaptureFixture[str], fault: str
) -> None:
    ctx = make_context(store, **wiring(lists, smtp_relay), smtp_password="", contact="operator@example.net")
    configure_logging(logging.INFO)
    subscribe(ctx, EVE, Preferences(), parse_keywords_or_raise(["robot"]), CLOCK)
    add_active_subscriber(ctx, ADA, "robot", now=CLOCK)
    add_active_subscriber(ctx, BOB, "protein", now=CLOCK)
    if fault == "refused":
        smtp_relay.refuse = {
            BOB: "550 5.1.1 <bob@example.org>: no such user",
            ADA: "451 4.2.0 <ada@example.org> is busy",
        }
    elif fault == "blocked":
        smtp_relay.refuse_data = "554 5.7.1 <ada@example.org>: digest@example.org may not send to you"
    elif fault == "down":
        ctx = make_context(store, **(wiring(lists, smtp_relay) | {"smtp_port": "9"}))
    elif fault == "sources":
        lists.is_broken = True
    report = asyncio.run(run_once(ctx, lambda: CLOCK))
    assert bool(report.problems) == (fault != "none")
    logged = capfd.readouterr()
    logs = logged.out + logged.err
    assert len([json.loads(line) for line in logs.splitlines()]) > 2  # every line is an event for a collector
    tokens = [
        sign_token(ctx, email, purpose, CLOCK).partition(".")[0]
        for email in (ADA, BOB, EVE)
        for purpose in TokenPurpose
    ]
    for secret in (ADA, BOB, EVE, "@example", KEY, *tokens):
        assert secret not in logs
