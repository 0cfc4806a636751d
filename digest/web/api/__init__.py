"""JSON API below /api/v1.

- `application`: the API as an application of its own
- `errors`: errors as problem details
- `paper_marks`: what a subscriber says about papers
- `papers`: papers by day or keyword, and the meaning of keywords
- `profile`: papers that a subscriber gives as examples, and the words learned from them
- `subscriptions`: request a subscription
"""

from digest.web.api.application import create_api
from digest.web.api.errors import InvalidInputError, allowed_methods, install_api_error_handlers
from digest.web.api.papers import DayParameter

__all__ = ["DayParameter", "InvalidInputError", "allowed_methods", "create_api", "install_api_error_handlers"]
