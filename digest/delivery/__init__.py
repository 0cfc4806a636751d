"""Delivery record, and the sender that works through it: each delivery at most once.

    queued -> sending (lease) -> on_wire (committed just before DATA) -> sent
       ^         ^                                                    -> queued     4xx or no connection: retried later
       |         +-- too fast, or not decided whose refusal it is     -> failed     5xx: its papers are reclaimed
       +-- operator, recovery                                         -> uncertain  no reply after the final dot
    also: cancelled (the subscriber left meanwhile), expired (the next edition took its papers)

A delivery found on the wire after a crash is `uncertain`: shown to the operator, never sent again by itself.

    claims -> claimer -> send_queue -> sender (on_wire, DATA) -> group_commit

- `addresses`: which address a delivery went to
- `bulk_insert`: digests of many subscribers, queued at the speed of the driver
- `circuit_breaker`: whether the relay takes messages from us, and when to probe it
- `claimer`: claims deliveries for one sender, with the rows that their e-mails need
- `claims`: claim, release, recover and count queued deliveries
- `group_commit`: state changes of many connections in one transaction
- `history`: counts of one run, and the history of one delivery
- `messages`: sentences about deliveries
- `operator_actions`: what an operator may do about one delivery, recorded, and how to undo it
- `rate_limit`: token buckets, of one sender or shared by all
- `resume`: go on with a store that does not know what was sent from it
- `retry`: what follows from an error
- `send_queue`: claimed e-mails that wait for a connection or a rate
- `sender`: one delivery run: the connections of one sender
- `store_executor`: where a sender waits for the store
- `transitions`: enqueue, cancel, reclaim, resolve, retry
"""

from digest.delivery.addresses import address_of, last_address_change, went_to_current_address
from digest.delivery.bulk_insert import DigestRow, enqueue_digests
from digest.delivery.circuit_breaker import find_circuit
from digest.delivery.claimer import Clock
from digest.delivery.claims import CLAIM_LEASE, ON_WIRE_LEASE, any_in_progress, count_due, count_queued, is_due
from digest.delivery.history import DeliveryEvent, DeliveryReport, bounces_of, delivery_history
from digest.delivery.operator_actions import (
    UNDOABLE_DELIVERY_ACTIONS,
    RetryRefusedError,
    cancel_delivery,
    release_delivery,
    resolve_delivery,
    retry_delivery,
    undo_delivery_action,
)
from digest.delivery.resume import resume_sending
from digest.delivery.sender import send_queued
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
    retry_edition,
    settle_welcomes,
)

__all__ = [
    "CLAIM_LEASE",
    "ON_WIRE_LEASE",
    "UNDOABLE_DELIVERY_ACTIONS",
    "Clock",
    "DeliveryEvent",
    "DeliveryReport",
    "DigestRow",
    "NewDelivery",
    "RetryRefusedError",
    "UndeliveredPapers",
    "address_of",
    "any_in_progress",
    "bounces_of",
    "cancel",
    "cancel_delivery",
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
    "last_address_change",
    "reclaim_undelivered_papers",
    "release_delivery",
    "resolve",
    "resolve_delivery",
    "resume_sending",
    "retry",
    "retry_delivery",
    "retry_edition",
    "send_queued",
    "settle_welcomes",
    "undo_delivery_action",
    "went_to_current_address",
]
