"""What operators may do to a subscription, recorded, and how to undo it.

- `actions`: what an operator may do to a subscription: each action, and its undo
- `copy_link`: mail the link to the web copy of a digest once more
- `restore`: restore subscriptions that ended because a relay refused us
- `state_changes`: record of an operator's change of a subscription's state
"""

from digest.subscribers.operators.actions import (
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
from digest.subscribers.operators.copy_link import send_copy_link
from digest.subscribers.operators.restore import RestoredSubscriber, restore_suppressed

__all__ = [
    "UNDOABLE_SUBSCRIBER_ACTIONS",
    "RestoredSubscriber",
    "allow_address",
    "change_subscription",
    "erase_subscriber",
    "pause_subscription",
    "remove_subscription",
    "resend_confirmation",
    "restore_subscription",
    "restore_suppressed",
    "resume_subscription",
    "send_copy_link",
    "undo_subscriber_action",
]
