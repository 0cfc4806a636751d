"""Postfix: a real queue with maps that defer and refuse, and `smtp-sink`, which can be told what to do wrong."""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digest.database.models import DeliveryState
from tests.chaos.log import Accepted
from tests.checks.postfix import postfix, run
from tests.mta.delivery_check import CONNECTIONS, LONG_DELAY, CheckResult, DeliveryCheck, Mta, refused_addresses
from tests.support.ports import listening

MAPS = """
smtpd_recipient_restrictions = check_recipient_access texthash:{home}/maps/rcpt, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_recipient_access texthash:{home}/maps/data
smtpd_client_connection_count_limit = 0
"""
NAME = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
TO = re.compile(rb"^X-Original-To: (\S+)|^Delivered-To: (\S+)", re.MULTILINE)
ARRIVAL = 300.0  # seconds
EMAILS_PER_FAULT = 100  # letters that meet each fault: as many as are claimed at once


class Postfix(Mta):
    """Delivers into a Maildir; what it has accepted is what lies there when its queue is empty."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port

    def restart(self) -> None:
        run("postfix", "-c", str(self.home / "etc"), "abort")
        run("postfix", "-c", str(self.home / "etc"), "start")
        listening(self.port)

    def accept_all(self) -> None:
        for each in ("rcpt", "data"):
            (self.home / "maps" / each).write_text("")
        run("postfix", "-c", str(self.home / "etc"), "reload")

    def accepted(self) -> list[Accepted]:
        until = time.monotonic() + ARRIVAL
        while self._queued() and time.monotonic() < until:
            time.sleep(0.5)
        return [parse_delivered(path.read_bytes()) for path in (self.home / "Maildir" / "new").iterdir()]

    def _queued(self) -> bool:
        folders = ("incoming", "active", "deferred", "maildrop")
        return any(path.is_file() for each in folders for path in (self.home / "queue" / each).rglob("*"))


def parse_delivered(raw: bytes) -> Accepted:
    name, to = NAME.search(raw), TO.search(raw)
    assert name, "a letter without a Message-ID"
    assert to, "a letter without a recipient"
    return Accepted(name[1].decode(), (to[1] or to[2]).decode())


@contextmanager
def running_postfix(home: Path, count: int) -> Iterator[Postfix]:
    """Running, with its maps."""
    home.mkdir()
    (home / "maps").mkdir()
    for place in ("rcpt", "data"):
        lines = [f"{address} {sort.code} {sort.reply}\n" for address, sort in refused_addresses(count, place)]
        (home / "maps" / place).write_text("".join(lines))
    with postfix(home, domain="example.org", more=MAPS.format(home=home)) as port:
        yield Postfix(home, port)


# What smtp-sink is told, and what becomes of the letters that meet it. An odd one: -q answers nothing and hangs up.
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
RELAY_FAULTS = ("-f mail", "-q connect", "-f ehlo,helo", "-f connect")  # they meet no letter


def check_sink_faults(check: DeliveryCheck, folder: Path, port: int) -> CheckResult:
    """Letters to a sink that behaves differently each time; in the end it takes all."""
    result, started_at = CheckResult("smtp-sink"), time.monotonic()
    for fault in RELAY_FAULTS:
        with running_sink(port, *fault.split(" ")):
            sent = check.deliver(most=EMAILS_PER_FAULT)
            if not sent.relay_error or sent.sent:
                result.problems.append(f"smtp-sink {fault}: {sent.sent} sent, and the way is not closed")
            check.now += LONG_DELAY
    for fault, state, code in FAULTS:
        result.problems += check_fault(check, port, fault, state, code)
    result.first_states = Counter(each.state for each in check.rows())
    letters = folder / "sink"
    letters.mkdir()
    letters.chmod(0o777)
    with running_sink(port, "-d", f"{letters}/%s."):
        check.now += LONG_DELAY
        check.deliver_all()
    check.compare(
        result,
        [parse_sink_file(path.read_bytes()) for path in letters.iterdir()],
        unseen=EMAILS_PER_FAULT + CONNECTIONS,
    )
    result.seconds = time.monotonic() - started_at
    return result


def check_fault(check: DeliveryCheck, port: int, fault: str, state: DeliveryState, code: int) -> Iterator[str]:
    before = {each.message_id: each for each in check.rows()}
    with running_sink(port, *fault.split(" ")):
        check.deliver(most=EMAILS_PER_FAULT)
    check.now += LONG_DELAY
    changed = [each for each in check.rows() if each != before[each.message_id]]
    other = [each for each in changed if (each.state, each.code) != (state, code)]
    if not changed:
        yield f"smtp-sink {fault}: no letter met it"
    for each in other:
        yield f"smtp-sink {fault}: {each.recipient}'s letter is {each.state} with {each.code}, not {state} with {code}"


def parse_sink_file(raw: bytes) -> Accepted:
    name, to = NAME.search(raw), re.search(rb"^X-Rcpt-Args: <([^>]+)>", raw, re.MULTILINE)
    assert name, "a letter without a Message-ID"
    assert to, "a letter without a recipient"
    return Accepted(name[1].decode(), to[1].decode())


@contextmanager
def running_sink(port: int, *options: str) -> Iterator[None]:
    """smtp-sink, as long as the block lasts."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it insists
    with subprocess.Popen(["smtp-sink", *user, *options, f"127.0.0.1:{port}", "100"]) as process:
        try:
            listening(port)
            yield
        finally:
            process.terminate()
