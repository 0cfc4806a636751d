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

from digest.deliveries import bucket, lane
from digest.deliveries.again import failed_since, retry
from digest.deliveries.aside import Aside
from digest.deliveries.bulk import DigestRow, enqueue_digests
from digest.deliveries.ledger import GroupCommitter
from digest.deliveries.outcome import DeliveryOutcome, backoff, outcome_from_error
from digest.deliveries.queue import (
    ClaimedDelivery,
    any_in_progress,
    claim,
    count_due,
    count_queued,
    recover_abandoned,
    release,
)
from digest.deliveries.record import (
    NewDelivery,
    UndeliveredPapers,
    cancel,
    count_by_state,
    delivered_paper_ids,
    discard_undelivered,
    enqueue,
    reclaim_undelivered_papers,
    resolve,
)
from digest.deliveries.sent import DeliveryReport

__all__ = [
    "Aside",
    "ClaimedDelivery",
    "NewDelivery",
    "GroupCommitter",
    "DigestRow",
    "DeliveryOutcome",
    "UndeliveredPapers",
    "DeliveryReport",
    "backoff",
    "bucket",
    "cancel",
    "claim",
    "discard_undelivered",
    "enqueue",
    "enqueue_digests",
    "failed_since",
    "delivered_paper_ids",
    "any_in_progress",
    "lane",
    "outcome_from_error",
    "count_due",
    "release",
    "resolve",
    "retry",
    "recover_abandoned",
    "reclaim_undelivered_papers",
    "count_by_state",
    "count_queued",
]
