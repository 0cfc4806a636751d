"""Tables and the types of their columns.

    Paper -< Listing                       which source listed a paper, and on which day
    Paper -< PaperIdentifier               names under which a paper was seen
    Paper >- PaperRelation -< Paper        papers that are one, published versions, and notices
    Paper -< PaperEvent                    what happened to a paper after it was listed
    SourceFetch                            one fetch of a source for one list day
    Feed -< SeenEntry                      a feed, and the names under which its entries were seen
    AcronymCount                           how many papers define an acronym as which words
    TermFit, TermCount                     how many papers have a term, counted once a week
    HttpCacheEntry                         validators of the last response of a URL
    Subscriber -< SavedKeyword >- Keyword  what a subscriber looks for; equal keywords are stored once
    Subscriber -< PaperMark >- Paper       what a subscriber says about a paper
    Subscriber -< SeedText                 papers given as examples that are none of ours
    Subscriber - Profile                   the words that were learned from it
    Subscriber -< Delivery                 one e-mail to one subscriber, and its state
    Delivery -< BounceRecord               inbound messages about a delivery
    RelayCircuit                           a relay that refuses us at present
    SharedTokenBucket                      a sending rate that several senders share
    RateLimitCounter                       how often a public form was used
    SuppressionEntry                       address that gets no confirmation, as a keyed hash
    OperatorAction                         what an operator did, and whether it was undone
    ApiToken                               token of the operator's API, as a hash
    QuarantinedRow                         a row of another table that cannot be read and was set aside

Keys have 64 bits. Datetimes are aware and in UTC on both databases.

Two ids guarantee that no paper is lost and none comes twice. `Paper.first_listing_id` is the id of the paper's first
listing; listings are written under one lock, so their ids grow in the order in which they become visible.
`Subscriber.covered_listing_id` is the highest listing id that an edition for this subscriber has considered. A paper is
new for a subscriber when `first_listing_id > covered_listing_id`: a comparison of ids, not of clocks.

- `acronyms`: what stored papers define acronyms as
- `base`: conventions of all tables
- `deliveries`: deliveries, the bounces that come back, and the state of relays
- `feeds`: feeds, and which of their entries were seen
- `marks`: what subscribers say about papers, and the words that were learned from it
- `operators`: what operators did, and the tokens by which programs do it
- `papers`: papers, their listings, names and links, and the log of fetches
- `quarantined_rows`: rows that were set aside because they cannot be read
- `subscribers`: subscribers, their keywords, the suppression list, and the limits of public forms
- `terms`: how many papers have a term
- `column_types`: column types that read any value
"""

from sqlmodel import SQLModel

from digest.database.models.acronyms import AcronymCount
from digest.database.models.base import to_driver_value
from digest.database.models.column_types import InvalidList, InvalidValue, UtcDateTime, tolerate_odd_integers
from digest.database.models.deliveries import (
    CLOSE_WORD_SEPARATOR,
    COPY_LINK,
    EXCEPTIONAL,
    NOTICES,
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
from digest.database.models.feeds import Feed, SeenEntry
from digest.database.models.marks import MarkKind, PaperMark, Profile, SeedText
from digest.database.models.operators import ApiToken, ObjectKind, OperatorAction, TokenScope
from digest.database.models.papers import (
    FULLTEXT_TABLE,
    FetchStatus,
    HttpCacheEntry,
    Listing,
    Paper,
    PaperEvent,
    PaperEventKind,
    PaperIdentifier,
    PaperRelation,
    SourceFetch,
)
from digest.database.models.quarantined_rows import QuarantinedRow
from digest.database.models.subscribers import (
    READ_AGAIN,
    Frequency,
    Keyword,
    RateLimitCounter,
    SavedKeyword,
    Subscriber,
    SubscriberStatus,
    SuppressionEntry,
)
from digest.database.models.terms import TermCount, TermFit

tolerate_odd_integers(SQLModel.metadata)

__all__ = [
    "CLOSE_WORD_SEPARATOR",
    "COPY_LINK",
    "EXCEPTIONAL",
    "FULLTEXT_TABLE",
    "NOTICES",
    "OPEN_STATES",
    "READ_AGAIN",
    "UNDELIVERED",
    "AcronymCount",
    "ApiToken",
    "BounceClass",
    "BounceRecord",
    "ClaimedDelivery",
    "Delivery",
    "DeliveryKind",
    "DeliveryState",
    "Feed",
    "FetchStatus",
    "Frequency",
    "HttpCacheEntry",
    "InvalidList",
    "InvalidValue",
    "Keyword",
    "Listing",
    "MarkKind",
    "ObjectKind",
    "OperatorAction",
    "Paper",
    "PaperEvent",
    "PaperEventKind",
    "PaperIdentifier",
    "PaperMark",
    "PaperRelation",
    "Profile",
    "QuarantinedRow",
    "RateLimitCounter",
    "RelayCircuit",
    "SavedKeyword",
    "SeedText",
    "SeenEntry",
    "SharedTokenBucket",
    "SourceFetch",
    "Subscriber",
    "SubscriberStatus",
    "SuppressionEntry",
    "TermCount",
    "TermFit",
    "TokenScope",
    "UtcDateTime",
    "complete_state_counts",
    "to_driver_value",
]
