"""What keywords mean and find: each one's meaning and rate, and the e-mail that they would have brought.

- `descriptions`: what each keyword means, and how to mend or narrow it
- `emails`: the e-mail that keywords would have brought, and how often they match
- `rates`: how often each keyword of a subscriber matched lately
"""

from digest.web.previews.descriptions import KeywordDescription
from digest.web.previews.emails import (
    KeywordPreview,
    describe_form,
    estimate_rate,
    parse_preview_keywords,
    preview_example,
    preview_keywords,
    render_preview_email,
)
from digest.web.previews.rates import KeywordRate, rate_keywords

__all__ = [
    "KeywordDescription",
    "KeywordPreview",
    "KeywordRate",
    "describe_form",
    "estimate_rate",
    "parse_preview_keywords",
    "preview_example",
    "preview_keywords",
    "rate_keywords",
    "render_preview_email",
]
