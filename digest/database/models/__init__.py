"""The tables: what the record keeps, and the words it keeps it in.

    Paper -< Listing                      what was listed where, on which day
    SourceFetch                           one look at one source for one list day
    Subscriber -< SavedKeyword >- Keyword what a reader wants; equal keywords are stored once
    Subscriber -< Delivery                one letter to one reader, and what became of it
    Delivery -< BounceRecord              mails that came back about a letter
    RelayCircuit                          a relay that refuses us, while it does
    SharedTokenBucket                     a rate that several senders keep together
    RateLimitCounter                      how often a public form was used, and by whom

Keys are 64 bits wide. Instants are aware and in UTC on both databases.

Two numbers carry the promise that no paper is lost and none comes twice. `Paper.first_listing_id` is the number of the
paper's first listing; listings are written under one lock, so these numbers grow in the order in which they
become visible. `Subscriber.covered_listing_id` is the highest listing number that an edition for this reader has
considered. What is new for a reader is `first_listing_id > covered_listing_id`: a comparison of numbers, never of
clocks.
"""

from digest.database.models.base import UtcDateTime, to_driver_value
from digest.database.models.deliveries import (
    COPY_LINK,
    OPEN_STATES,
    UNDELIVERED,
    BounceClass,
    BounceRecord,
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    RelayCircuit,
    SharedTokenBucket,
    complete_state_counts,
)
from digest.database.models.papers import FetchStatus, HttpCacheEntry, Listing, Paper, SourceFetch
from digest.database.models.subscribers import (
    Frequency,
    Keyword,
    RateLimitCounter,
    SavedKeyword,
    Subscriber,
    SubscriberStatus,
)

__all__ = [
    "COPY_LINK",
    "OPEN_STATES",
    "UNDELIVERED",
    "BounceClass",
    "BounceRecord",
    "ClaimedDelivery",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "FetchStatus",
    "Frequency",
    "HttpCacheEntry",
    "Keyword",
    "Listing",
    "Paper",
    "RateLimitCounter",
    "RelayCircuit",
    "SavedKeyword",
    "SharedTokenBucket",
    "SourceFetch",
    "Subscriber",
    "SubscriberStatus",
    "UtcDateTime",
    "complete_state_counts",
    "to_driver_value",
]
