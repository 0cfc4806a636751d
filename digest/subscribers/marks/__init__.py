"""What subscribers say about papers: marks, examples, and the words learned from both.

- `keyword_papers`: the latest papers that are about a subscriber's keywords
- `rows`: rows of marks, inside the caller's transaction
- `marked_papers`: what a subscriber says about papers: more like this, less like this, saved
- `profiles`: words learned from marks and examples, and edits of them
- `references`: papers as people name them, and files of reference managers
- `seed_texts`: examples that are none of our papers
- `seeds`: papers that a subscriber gives as examples
"""

from digest.subscribers.marks.keyword_papers import learn_from_keywords
from digest.subscribers.marks.marked_papers import (
    MARK_KINDS_ON_PAGES,
    MARKS_LIMIT,
    DigestMarks,
    MarkedPaper,
    MarkList,
    MarkResult,
    change_digest_mark,
    change_mark,
    get_digest_marks,
    get_mark,
    get_marked_paper,
    list_marked,
    mark_paper,
    undo_mark,
    undo_mark_change,
)
from digest.subscribers.marks.profiles import (
    MAX_EDITS,
    MAX_WORD_LENGTH,
    ProfileChange,
    ProfileError,
    ProfileView,
    ProfileWord,
    change_profile,
    edit_profile,
    find_word,
    get_profile_view,
    has_examples,
    refit_profile,
    refit_profiles,
)
from digest.subscribers.marks.references import (
    MAX_UPLOAD_BYTES,
    ParsedReferences,
    ReferenceFileError,
    ReferenceFormat,
    decode_upload,
    parse_references,
)
from digest.subscribers.marks.seeds import (
    MAX_SEEDS,
    Seed,
    SeedList,
    SeedOutcome,
    SeedReport,
    SeedStatus,
    add_seeds,
    list_seeds,
    remove_seeds,
)

__all__ = [
    "MARKS_LIMIT",
    "MARK_KINDS_ON_PAGES",
    "MAX_EDITS",
    "MAX_SEEDS",
    "MAX_UPLOAD_BYTES",
    "MAX_WORD_LENGTH",
    "DigestMarks",
    "MarkList",
    "MarkResult",
    "MarkedPaper",
    "ParsedReferences",
    "ProfileChange",
    "ProfileError",
    "ProfileView",
    "ProfileWord",
    "ReferenceFileError",
    "ReferenceFormat",
    "Seed",
    "SeedList",
    "SeedOutcome",
    "SeedReport",
    "SeedStatus",
    "add_seeds",
    "change_digest_mark",
    "change_mark",
    "change_profile",
    "decode_upload",
    "edit_profile",
    "find_word",
    "get_digest_marks",
    "get_mark",
    "get_marked_paper",
    "get_profile_view",
    "has_examples",
    "learn_from_keywords",
    "list_marked",
    "list_seeds",
    "mark_paper",
    "parse_references",
    "refit_profile",
    "refit_profiles",
    "remove_seeds",
    "undo_mark",
    "undo_mark_change",
]
