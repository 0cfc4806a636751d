"""Decides who is due and which papers they get, and queues their digests.

    due subscribers ──┐
                      ├─> fan_out ──────────────> lists ──> delivery.enqueue_digests
    new papers ───────┴─ matched once for all
                            └─> carry_over: the few with undelivered or trending papers

New for a subscriber is what was first listed after their last edition (`first_listing_id > covered_listing_id`), and
what earlier digests carried and did not deliver. Every due subscriber is marked as covered, digest or not, in the
transaction that queues the digest, so a plan that dies half way is made again. Subscribers go by in chunks: the memory
of a plan is one chunk and the papers.

Any number of processes may plan at once. On PostgreSQL each takes the subscribers that no other has locked, and waits
only at the end for those that were locked meanwhile.

- `carry_over`: papers that come to a subscriber although they are not new
- `choose_close`: choose the papers close to the profiles of a chunk
- `chunk`: plan one chunk of subscribers
- `close_papers`: papers close to a subscriber's profile that no keyword of theirs found
- `due`: who is due, and what they ask for
- `fan_out`: from queries that match papers to subscribers who get them
- `match_matrix`: which queries match which papers, as a sparse matrix
- `messages`: sentences about rows that are skipped
- `new_papers`: papers that are new for anyone, matched once
- `news`: news about papers that a subscriber had
- `planner`: plan all due subscribers, chunk by chunk
- `preview_close`: what a profile would bring beside some keywords
- `profile_matches`: which papers are close to which profiles
- `published`: papers of which an earlier version has reached most
- `preview`: what some keywords would bring
"""

from digest.planning.due import CHUNK_SIZE, DueGroup, due_groups
from digest.planning.planner import PlanCallback, PlanReport, plan
from digest.planning.preview import Preview, preview, preview_from_index, preview_many, preview_recent
from digest.planning.preview_close import load_profile_words, preview_close_papers

__all__ = [
    "CHUNK_SIZE",
    "DueGroup",
    "PlanCallback",
    "PlanReport",
    "Preview",
    "due_groups",
    "load_profile_words",
    "plan",
    "preview",
    "preview_close_papers",
    "preview_from_index",
    "preview_many",
    "preview_recent",
]
