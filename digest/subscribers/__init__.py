"""Everything that a subscriber may ask for, one transaction each.

- `address_change`: change the address, and undo that
- `csv_table`: CSV as spreadsheets and other newsletter programs write it
- `csv_transfer`: list subscribers, export them as CSV and import them
- `mark_rows`: rows of marks, inside the caller's transaction
- `imports`: lists of subscribers as other programs write them
- `marks`: what a subscriber says about papers: more like this, less like this, saved
- `mute_suggestions`: keywords that a subscriber may want to mute
- `operator_actions`: what an operator may do to a subscription, recorded, and how to undo it
- `keyword_papers`: the latest papers that are about a subscriber's keywords
- `privacy`: history, export and erasure of what is stored about a subscriber
- `messages`: sentences of errors and hints, and of the export
- `profile`: what a page shows of a subscriber, and the outcome of an action
- `profiles`: words learned from marks and examples, and edits of them
- `quick_actions`: one-click links of an e-mail: mute, once a week, pause, and how to undo each
- `records`: rows of subscribers and keywords, inside the caller's transaction
- `references`: papers as people name them, and files of reference managers
- `renew`: read stored keywords again where the forms of words have changed
- `resend`: mail the link to the web copy of a digest once more
- `restore`: restore subscriptions that ended because a relay refused us
- `resubscribe`: undo an unsubscription within 30 days
- `seed_texts`: examples that are none of our papers
- `seeds`: papers that a subscriber gives as examples
- `state_changes`: record of an operator's change of a subscription's state
- `subscriptions`: subscribe, confirm, change preferences, unsubscribe
- `suppression_list`: addresses that get no confirmation any more
"""

from digest.subscribers.address_change import (
    change_address,
    decline_address_change,
    get_address_change,
    get_address_undo,
    request_address_change,
    undo_address_change,
)
from digest.subscribers.csv_table import parse_column_choices
from digest.subscribers.csv_transfer import (
    ImportReport,
    export_csv,
    get_subscriber,
    import_csv,
    list_subscribers,
)
from digest.subscribers.keyword_papers import learn_from_keywords
from digest.subscribers.marks import (
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
from digest.subscribers.mute_suggestions import MuteSuggestion, find_busiest_keyword, find_keywords_of
from digest.subscribers.operator_actions import (
    UNDOABLE_SUBSCRIBER_ACTIONS,
    allow_address,
    change_subscription,
    erase_subscriber,
    pause_subscription,
    remove_subscription,
    resend_confirmation,
    restore_subscription,
    resume_subscription,
    undo_subscriber_action,
)
from digest.subscribers.privacy import (
    PAGE_SIZE,
    delete_subscriber,
    erase,
    export_personal_data,
    feed_token,
    get_delivery_history,
    mailed_papers,
)
from digest.subscribers.profile import ActionResult, SubscriberProfile, to_profile
from digest.subscribers.profiles import (
    MAX_EDITS,
    MAX_WORD_LENGTH,
    ProfileChange,
    ProfileError,
    ProfileView,
    ProfileWord,
    edit_profile,
    find_word,
    get_profile_view,
    has_examples,
    refit_profiles,
)
from digest.subscribers.quick_actions import (
    MuteAuthorState,
    MuteState,
    PauseState,
    WeeklyState,
    author_exclusion,
    get_mute_author_state,
    get_mute_state,
    get_pause_state,
    get_weekly_state,
    mute_author,
    mute_keyword,
    set_weekly,
    start_pause,
    undo_pause,
    undo_weekly,
    unmute_author,
    unmute_keyword,
)
from digest.subscribers.records import (
    CONSENT_TEXT,
    ENDED_STATUSES,
    MAX_CAP,
    MAX_KEYWORDS,
    MAX_PAUSE,
    REASON_ONE_CLICK,
    REASON_REMOVED,
    REASON_UNCONFIRMED,
    RUNNING_STATUSES,
    WEEKDAY_NAMES,
    Preferences,
    check_sources,
    keywords_by_subscriber,
    normalize_address,
    parse_weekday,
    require_unmuted,
    subscriber_by_email,
    suspend,
)
from digest.subscribers.references import (
    MAX_UPLOAD_BYTES,
    ParsedReferences,
    ReferenceFileError,
    ReferenceFormat,
    decode_upload,
    parse_references,
)
from digest.subscribers.renew import announce_keywords, mark_outdated, renew_keywords
from digest.subscribers.resend import send_copy_link
from digest.subscribers.restore import RestoredSubscriber, restore_suppressed
from digest.subscribers.resubscribe import get_resubscribe_profile, resubscribe
from digest.subscribers.seeds import (
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
from digest.subscribers.subscriptions import (
    KeywordError,
    KeywordLimits,
    add_subscriber,
    confirm,
    decline,
    get_profile,
    get_unsubscribe_state,
    is_declined,
    known_sources,
    parse_keywords,
    parse_keywords_or_raise,
    subscribe,
    unsubscribe,
    update_preferences,
)
from digest.subscribers.suppression_list import (
    REASON_COMPLAINT,
    REASON_DECLINED,
    has_complaint,
    suppress_address,
)

__all__ = [
    "CONSENT_TEXT",
    "ENDED_STATUSES",
    "MARKS_LIMIT",
    "MARK_KINDS_ON_PAGES",
    "MAX_CAP",
    "MAX_EDITS",
    "MAX_KEYWORDS",
    "MAX_PAUSE",
    "MAX_SEEDS",
    "MAX_UPLOAD_BYTES",
    "MAX_WORD_LENGTH",
    "PAGE_SIZE",
    "REASON_COMPLAINT",
    "REASON_DECLINED",
    "REASON_ONE_CLICK",
    "REASON_REMOVED",
    "REASON_UNCONFIRMED",
    "RUNNING_STATUSES",
    "UNDOABLE_SUBSCRIBER_ACTIONS",
    "WEEKDAY_NAMES",
    "ActionResult",
    "DigestMarks",
    "ImportReport",
    "KeywordError",
    "KeywordLimits",
    "MarkList",
    "MarkResult",
    "MarkedPaper",
    "MuteAuthorState",
    "MuteState",
    "MuteSuggestion",
    "ParsedReferences",
    "PauseState",
    "Preferences",
    "ProfileChange",
    "ProfileError",
    "ProfileView",
    "ProfileWord",
    "ReferenceFileError",
    "ReferenceFormat",
    "RestoredSubscriber",
    "Seed",
    "SeedList",
    "SeedOutcome",
    "SeedReport",
    "SeedStatus",
    "SubscriberProfile",
    "WeeklyState",
    "add_seeds",
    "add_subscriber",
    "allow_address",
    "announce_keywords",
    "author_exclusion",
    "change_address",
    "change_digest_mark",
    "change_mark",
    "change_subscription",
    "check_sources",
    "confirm",
    "decline",
    "decline_address_change",
    "decode_upload",
    "delete_subscriber",
    "edit_profile",
    "erase",
    "erase_subscriber",
    "export_csv",
    "export_personal_data",
    "feed_token",
    "find_busiest_keyword",
    "find_keywords_of",
    "find_word",
    "get_address_change",
    "get_address_undo",
    "get_delivery_history",
    "get_digest_marks",
    "get_mark",
    "get_marked_paper",
    "get_mute_author_state",
    "get_mute_state",
    "get_pause_state",
    "get_profile",
    "get_profile_view",
    "get_resubscribe_profile",
    "get_subscriber",
    "get_unsubscribe_state",
    "get_weekly_state",
    "has_complaint",
    "has_examples",
    "import_csv",
    "is_declined",
    "keywords_by_subscriber",
    "known_sources",
    "learn_from_keywords",
    "list_marked",
    "list_seeds",
    "list_subscribers",
    "mailed_papers",
    "mark_outdated",
    "mark_paper",
    "mute_author",
    "mute_keyword",
    "normalize_address",
    "parse_column_choices",
    "parse_keywords",
    "parse_keywords_or_raise",
    "parse_references",
    "parse_weekday",
    "pause_subscription",
    "refit_profiles",
    "remove_seeds",
    "remove_subscription",
    "renew_keywords",
    "request_address_change",
    "require_unmuted",
    "resend_confirmation",
    "restore_subscription",
    "restore_suppressed",
    "resubscribe",
    "resume_subscription",
    "send_copy_link",
    "set_weekly",
    "start_pause",
    "subscribe",
    "subscriber_by_email",
    "suppress_address",
    "suspend",
    "to_profile",
    "undo_address_change",
    "undo_mark",
    "undo_mark_change",
    "undo_pause",
    "undo_subscriber_action",
    "undo_weekly",
    "unmute_author",
    "unmute_keyword",
    "unsubscribe",
    "update_preferences",
]
