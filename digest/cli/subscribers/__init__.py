"""Commands about subscribers and their keywords.

- `keyword_commands`: keywords from subscriptions and alerts of other services
- `subscriber_commands`: list, add, show, remove, allow, import and export subscribers
"""
