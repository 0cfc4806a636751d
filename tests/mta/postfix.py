"""Postfix with maps that defer and refuse, and its `smtp-sink`, which makes faults on request."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.database.models import DeliveryState
from tests.chaos.log import AcceptedMessage
from tests.checks.postfix import postfix, run
from tests.mta.delivery_check import CONNECTIONS, LONG_DELAY, CheckResult, DeliveryCheck, Mta, refused_addresses
from tests.support.ports import listening

MAPS = """
smtpd_recipient_restrictions = check_recipient_access texthash:{home}/maps/rcpt, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_recipient_access texthash:{home}/maps/data
smtpd_client_connection_count_limit = 0
"""
MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
RECIPIENT = re.compile(rb"^X-Original-To: (\S+)|^Delivered-To: (\S+)", re.MULTILINE)
QUEUE_TIMEOUT = 300.0  # seconds
EMAILS_PER_FAULT = 100  # one claim


class Postfix(Mta):
    """Postfix that delivers into a Maildir: what it accepted is there once its queue is empty."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port

    def restart(self) -> None:
        run("postfix", "-c", str(self.home / "etc"), "abort")
        run("postfix", "-c", str(self.home / "etc"), "start")
        listening(self.port)

    def accept_all(self) -> None:
        for command in ("rcpt", "data"):
            (self.home / "maps" / command).write_text("")
        run("postfix", "-c", str(self.home / "etc"), "reload")

    def accepted(self) -> list[AcceptedMessage]:
        deadline = time.monotonic() + QUEUE_TIMEOUT
        while self._queued() and time.monotonic() < deadline:
            time.sleep(0.5)
        return [parse_delivered(path.read_bytes()) for path in (self.home / "Maildir" / "new").iterdir()]

    def _queued(self) -> bool:
        folders = ("incoming", "active", "deferred", "maildrop")
        return any(path.is_file() for folder in folders for path in (self.home / "queue" / folder).rglob("*"))


def parse_delivered(raw: bytes) -> AcceptedMessage:
    message_id, recipient = MESSAGE_ID.search(raw), RECIPIENT.search(raw)
    assert message_id, "an e-mail without a Message-ID"
    assert recipient, "an e-mail without a recipient"
    return AcceptedMessage(message_id[1].decode(), (recipient[1] or recipient[2]).decode())


@contextmanager
def running_postfix(home: Path, count: int) -> Iterator[Postfix]:
    """Run Postfix with maps for so many addresses."""
    home.mkdir()
    (home / "maps").mkdir()
    for command in ("rcpt", "data"):
        lines = [f"{address} {group.code} {group.reply}\n" for address, group in refused_addresses(count, command)]
        (home / "maps" / command).write_text("".join(lines))
    with postfix(home, domain="example.org", more=MAPS.format(home=home)) as port:
        yield Postfix(home, port)


# Options of smtp-sink, and what becomes of the deliveries: -q hangs up without a reply.
FAULTS: tuple[tuple[str, DeliveryState, int], ...] = (
    ("-r mail", DeliveryState.QUEUED, 450),
    ("-r rcpt", DeliveryState.QUEUED, 450),
    ("-r data", DeliveryState.QUEUED, 450),
    ("-r .", DeliveryState.QUEUED, 450),
    ("-f rcpt", DeliveryState.FAILED, 500),
    ("-f data", DeliveryState.FAILED, 500),
    ("-f .", DeliveryState.FAILED, 500),
    ("-q mail", DeliveryState.QUEUED, 0),
    ("-q rcpt", DeliveryState.QUEUED, 0),
    ("-q data", DeliveryState.QUEUED, 0),
    ("-q .", DeliveryState.UNCERTAIN, 0),
    ("-Q rcpt", DeliveryState.QUEUED, 421),
    ("-Q .", DeliveryState.QUEUED, 421),
)
RELAY_FAULTS = ("-f mail", "-q connect", "-f ehlo,helo", "-f connect")  # before any delivery


def check_sink_faults(check: DeliveryCheck, folder: Path, port: int) -> CheckResult:
    """Deliver to a sink that makes one fault after the other, and in the end accepts everything."""
    result, started_at = CheckResult("smtp-sink"), time.monotonic()
    for fault in RELAY_FAULTS:
        with running_sink(port, *fault.split(" ")):
            report = check.deliver(limit=EMAILS_PER_FAULT)
            if not report.relay_error or report.sent:
                result.problems.append(f"smtp-sink {fault}: {report.sent} sent, and the circuit is not open")
            check.now += LONG_DELAY
    for fault, state, code in FAULTS:
        result.problems += check_fault(check, port, fault, state, code)
    result.first_states = Counter(row.state for row in check.rows())
    sink_folder = folder / "sink"
    sink_folder.mkdir()
    sink_folder.chmod(0o777)
    with running_sink(port, "-d", f"{sink_folder}/%s."):
        check.now += LONG_DELAY
        check.deliver_all()
    check.compare(
        result,
        [parse_sink_file(path.read_bytes()) for path in sink_folder.iterdir()],
        unseen=EMAILS_PER_FAULT + CONNECTIONS,
    )
    result.seconds = time.monotonic() - started_at
    return result


def check_fault(check: DeliveryCheck, port: int, fault: str, state: DeliveryState, code: int) -> Iterator[str]:
    """Yield what differs from the expected state of the deliveries that met the fault."""
    before = {row.message_id: row for row in check.rows()}
    with running_sink(port, *fault.split(" ")):
        check.deliver(limit=EMAILS_PER_FAULT)
    check.now += LONG_DELAY
    changed = [row for row in check.rows() if row != before[row.message_id]]
    unexpected = [row for row in changed if (row.state, row.code) != (state, code)]
    if not changed:
        yield f"smtp-sink {fault}: no delivery met it"
    for row in unexpected:
        actual = f"{row.state} with {row.code}"
        yield f"smtp-sink {fault}: {row.recipient}'s delivery is {actual}, not {state} with {code}"


def parse_sink_file(raw: bytes) -> AcceptedMessage:
    message_id, recipient = MESSAGE_ID.search(raw), re.search(rb"^X-Rcpt-Args: <([^>]+)>", raw, re.MULTILINE)
    assert message_id, "an e-mail without a Message-ID"
    assert recipient, "an e-mail without a recipient"
    return AcceptedMessage(message_id[1].decode(), recipient[1].decode())


@contextmanager
def running_sink(port: int, *options: str) -> Iterator[None]:
    """Run smtp-sink within the block."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # smtp-sink refuses to run as root
    with subprocess.Popen(["smtp-sink", *user, *options, f"127.0.0.1:{port}", "100"]) as process:
        try:
            listening(port)
            yield
        finally:
            process.terminate()
