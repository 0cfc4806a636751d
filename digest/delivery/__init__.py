"""The record: what each letter's fate is, and the only rooms that decide when a fate is committed.

    queued -> sending (claimed) -> on_wire (committed just before DATA) -> sent
       ^                                                               -> queued     4xx or no connection: again at ...
       └── operator, sweep                                             -> failed     5xx: its papers go back
                                                                       -> uncertain  no numbered reply after the dot
    also: cancelled (the reader left meanwhile), expired (the next edition took its papers)

A letter found on the wire after a crash is `uncertain`: shown to the operator, never sent again by itself.

    lane.py      the way to the relay, while it is closed
    outcome.py   what an SMTP answer means for a letter; pure
    queue.py     claim, release, sweep: who has which letter in hand
    record.py    enqueue, take back, cancel, resolve: plain transactions
    again.py     a letter that did not go is sent after all
    aside.py     in a thread, or on the loop: where a sender works with the store
    bucket.py    rates that several senders keep together
    bulk.py      enqueue the digests of many readers
    ledger.py    on the wire and settle, for many connections in one commit
    sent.py      how many letters met which fate, for reports
"""

from digest.delivery.bulk_insert import DigestRow, enqueue_digests
from digest.delivery.circuit_breaker import find_circuit
from digest.delivery.claimer import Clock
from digest.delivery.claims import CLAIM_LEASE, ON_WIRE_LEASE, any_in_progress, count_due, count_queued, is_due
from digest.delivery.history import bounces_of, delivery_history
from digest.delivery.report import DeliveryReport
from digest.delivery.send import send_queued
from digest.delivery.transitions import (
    NewDelivery,
    UndeliveredPapers,
    cancel,
    count_by_state,
    discard_undelivered,
    enqueue,
    failed_since,
    reclaim_undelivered_papers,
    resolve,
    retry,
)

__all__ = [
    "CLAIM_LEASE",
    "ON_WIRE_LEASE",
    "Clock",
    "DeliveryReport",
    "DigestRow",
    "NewDelivery",
    "UndeliveredPapers",
    "any_in_progress",
    "bounces_of",
    "cancel",
    "count_by_state",
    "count_due",
    "count_queued",
    "delivery_history",
    "discard_undelivered",
    "enqueue",
    "enqueue_digests",
    "failed_since",
    "find_circuit",
    "is_due",
    "reclaim_undelivered_papers",
    "resolve",
    "retry",
    "send_queued",
]
