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
from tests.checks.relay import postfix, run
from tests.mta.round import CONNECTIONS, LONG, Mta, Round, Told, told_off
from tests.support.ports import listening

MAPS = """
smtpd_recipient_restrictions = check_recipient_access texthash:{home}/maps/rcpt, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_recipient_access texthash:{home}/maps/data
smtpd_client_connection_count_limit = 0
"""
NAME = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
TO = re.compile(rb"^X-Original-To: (\S+)|^Delivered-To: (\S+)", re.MULTILINE)
ARRIVAL = 300.0  # seconds
FEW = 100  # letters that meet each fault: as many as are claimed at once


class Postfix(Mta):
    """Delivers into a Maildir; what it has accepted is what lies there when its queue is empty."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port

    def restart(self) -> None:
        run("postfix", "-c", str(self.home / "etc"), "abort")
        run("postfix", "-c", str(self.home / "etc"), "start")
        listening(self.port)

    def forgive(self) -> None:
        for each in ("rcpt", "data"):
            (self.home / "maps" / each).write_text("")
        run("postfix", "-c", str(self.home / "etc"), "reload")

    def accepted(self) -> list[Accepted]:
        until = time.monotonic() + ARRIVAL
        while self._queued() and time.monotonic() < until:
            time.sleep(0.5)
        return [_read(path.read_bytes()) for path in (self.home / "Maildir" / "new").iterdir()]

    def _queued(self) -> bool:
        folders = ("incoming", "active", "deferred", "maildrop")
        return any(path.is_file() for each in folders for path in (self.home / "queue" / each).rglob("*"))


def _read(raw: bytes) -> Accepted:
    name, to = NAME.search(raw), TO.search(raw)
    assert name, "a letter without a Message-ID"
    assert to, "a letter without a recipient"
    return Accepted(name[1].decode(), (to[1] or to[2]).decode())


@contextmanager
def queue(home: Path, letters: int) -> Iterator[Postfix]:
    """Running, with its maps."""
    home.mkdir()
    (home / "maps").mkdir()
    for place in ("rcpt", "data"):
        lines = [f"{address} {sort.code} {sort.reply}\n" for address, sort in told_off(letters, place)]
        (home / "maps" / place).write_text("".join(lines))
    with postfix(home, domain="example.org", more=MAPS.format(home=home)) as port:
        yield Postfix(home, port)


# What smtp-sink is told, and what becomes of the letters that meet it. An odd one: -q answers nothing and hangs up.
SINKS: tuple[tuple[str, DeliveryState, int], ...] = (
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
CLOSED = ("-f mail", "-q connect", "-f ehlo,helo", "-f connect")  # they meet no letter


def sink_round(at: Round, folder: Path, port: int) -> Told:
    """Letters to a sink that behaves differently each time; in the end it takes all."""
    told, begun = Told("smtp-sink"), time.monotonic()
    for fault in CLOSED:
        with sink(port, *fault.split(" ")):
            sent = at.deliver(most=FEW)
            if not sent.relay_error or sent.sent:
                told.wrong.append(f"smtp-sink {fault}: {sent.sent} sent, and the way is not closed")
            at.now += LONG
    for fault, state, code in SINKS:
        told.wrong += _meet(at, port, fault, state, code)
    told.first = Counter(each.state for each in at.rows())
    letters = folder / "sink"
    letters.mkdir()
    letters.chmod(0o777)
    with sink(port, "-d", f"{letters}/%s."):
        at.now += LONG
        at.deliver_all()
    at.judge(told, [_sunk(path.read_bytes()) for path in letters.iterdir()], unseen=FEW + CONNECTIONS)
    told.seconds = time.monotonic() - begun
    return told


def _meet(at: Round, port: int, fault: str, state: DeliveryState, code: int) -> Iterator[str]:
    before = {each.message_id: each for each in at.rows()}
    with sink(port, *fault.split(" ")):
        at.deliver(most=FEW)
    at.now += LONG
    changed = [each for each in at.rows() if each != before[each.message_id]]
    other = [each for each in changed if (each.state, each.code) != (state, code)]
    if not changed:
        yield f"smtp-sink {fault}: no letter met it"
    for each in other:
        yield f"smtp-sink {fault}: {each.recipient}'s letter is {each.state} with {each.code}, not {state} with {code}"


def _sunk(raw: bytes) -> Accepted:
    name, to = NAME.search(raw), re.search(rb"^X-Rcpt-Args: <([^>]+)>", raw, re.MULTILINE)
    assert name, "a letter without a Message-ID"
    assert to, "a letter without a recipient"
    return Accepted(name[1].decode(), to[1].decode())


@contextmanager
def sink(port: int, *options: str) -> Iterator[None]:
    """smtp-sink, as long as the block lasts."""
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it insists
    with subprocess.Popen(["smtp-sink", *user, *options, f"127.0.0.1:{port}", "100"]) as process:
        try:
            listening(port)
            yield
        finally:
            process.terminate()
