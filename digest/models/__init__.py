"""The tables: what the record keeps, and the words it keeps it in.

    Paper -< Listing                      what was listed where, on which day
    Reading                               one look at one source for one list day
    Subscriber -< SavedKeyword >- Keyword what a reader wants; equal keywords are stored once
    Subscriber -< Delivery                one letter to one reader, and what became of it
    Delivery -< Evidence                  mails that came back about a letter
    Lane                                  a relay that refuses us, while it does
    Bucket                                a rate that several senders keep together
    Allowance                             how often a public form was used, and by whom

Keys are 64 bits wide. Instants are aware and in UTC on both databases.

Two numbers carry the promise that no paper is lost and none comes twice. `Paper.entered` is the number of the
paper's first listing; listings are written under one lock, so these numbers grow in the order in which they
become visible. `Subscriber.covered_to` is the highest listing number that an edition for this reader has
considered. What is new for a reader is `entered > covered_to`: a comparison of numbers, never of clocks.
"""

from digest.models.base import Instant
from digest.models.papers import WORDS, Fetched, Listing, Paper, Reading, ReadingStatus
from digest.models.people import Allowance, Frequency, Keyword, SavedKeyword, Status, Subscriber
from digest.models.record import Bucket, Delivery, Evidence, Kind, Lane, State, Verdict

__all__ = [
    "WORDS",
    "Allowance",
    "Bucket",
    "Delivery",
    "Evidence",
    "Fetched",
    "Frequency",
    "Instant",
    "Keyword",
    "Kind",
    "Lane",
    "Listing",
    "Paper",
    "Reading",
    "ReadingStatus",
    "SavedKeyword",
    "State",
    "Status",
    "Subscriber",
    "Verdict",
]
